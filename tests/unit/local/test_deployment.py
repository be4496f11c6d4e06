"""What is said of a deployment that does not end."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local import deployment


class StalledStack:
    """A client of CloudFormation whose stack has an endpoint that never comes."""

    rows = (
        ("Endpoint", "UPDATE_IN_PROGRESS", 3),
        ("Topic", "UPDATE_COMPLETE", 2),
        ("Topic", "UPDATE_IN_PROGRESS", 1),
    )

    def describe_stacks(self, **_stack: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": "UPDATE_IN_PROGRESS"}]}

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, **_stack: str) -> Iterator[dict[str, Any]]:
        for name, status, second in self.rows:
            when = datetime(2026, 11, 30, 20, 0, second, tzinfo=UTC)
            event = {"LogicalResourceId": name, "ResourceStatus": status, "Timestamp": when}
            yield {"StackEvents": [event]}


def test_a_deployment_in_which_nothing_moves_names_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deployment, "STALL_SECONDS", 0.01)
    with pytest.raises(deployment.DeploymentError, match=r"nothing moves; unfinished: Endpoint$"):
        deployment._wait(StalledStack(), "likeness")  # noqa: SLF001
