"""The tags of an endpoint say who has made it; only its maker deletes it.

docs/decisions/0033-who-made-it-owns-it.md says why.
"""

from collections.abc import Mapping

APPLICATION = ("application", "likeness")
"""Tag of everything that Likeness makes."""

MADE_BY = "likeness:made-by"
ON_DEMAND, CLOUDFORMATION = "on-demand", "cloudformation"
"""Values of MADE_BY; template.yaml has the second."""


def is_made_on_demand(tags: Mapping[str, str]) -> bool:
    """Return whether a function has made the endpoint with these tags.

    Release 0.2.0 had no tag MADE_BY; its functions gave an endpoint APPLICATION, its template none.

    >>> is_made_on_demand({MADE_BY: ON_DEMAND}), is_made_on_demand({MADE_BY: CLOUDFORMATION})
    (True, False)
    """
    key, value = APPLICATION
    if MADE_BY in tags:
        return tags[MADE_BY] == ON_DEMAND
    return tags.get(key) == value
