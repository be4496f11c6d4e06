"""The only clock. Rules are given the time, so that a test can choose it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time in UTC, aware."""
    return datetime.now(UTC)
