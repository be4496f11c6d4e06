"""Rate limits and quotas of a tenant: what is too much is answered 429 with Retry-After."""

from http_api.problems import ApiError
from http_api.services import Services

MINUTE_SECONDS = 60
DAY_SECONDS = 86_400


def spend(services: Services, name: str, seconds: int, most: int) -> None:
    """Count one event of the window.

    Raises:
        ApiError: there were more than ``most`` in it; Retry-After says when the next one begins.
    """
    now = services.now()
    if services.memory.count(f"rate#{name}", seconds, now) > most:
        rest = seconds - int(now.timestamp()) % seconds
        raise ApiError("too_many_requests", headers={"Retry-After": str(rest)})
