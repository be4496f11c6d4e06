"""Long polling: an answer that comes as soon as something has changed."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Query

from http_api.services import Services

T = TypeVar("T")
PAUSE_SECONDS = 0.5

Wait = Annotated[
    int, Query(ge=0, le=20, description="Seconds to wait for a change before the answer.")
]


def until(
    services: Services, seconds: float, look: Callable[[], T], changed: Callable[[T], bool]
) -> T:
    """Return what is found once it has changed, or when the seconds are over."""
    found, waited = look(), 0.0
    while not changed(found) and waited < seconds:
        services.sleep(PAUSE_SECONDS)
        waited += PAUSE_SECONDS
        found = look()
    return found
