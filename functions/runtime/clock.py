"""The only clock. Rules get the time as an argument, so that a test can choose it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time as an aware datetime in UTC."""
    return datetime.now(UTC)
