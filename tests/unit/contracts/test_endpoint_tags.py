"""Only an endpoint that a function has made is deleted by one."""

import pytest

from contracts.shared.instances.endpoint_tags import APPLICATION, MADE_BY, is_made_on_demand


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        ({MADE_BY: "on-demand"}, True),
        ({MADE_BY: "cloudformation", **dict([APPLICATION])}, False),
        (dict([APPLICATION]), True),  # of release 0.2.0
        ({"application": "another"}, False),
        ({}, False),
    ],
)
def test_who_has_made_an_endpoint(tags: dict[str, str], ours: bool) -> None:
    assert is_made_on_demand(tags) is ours
