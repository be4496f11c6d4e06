"""Whose row is drawn next: short requests first, users apart, and nobody for ever behind others.

A row's turn is ``remaining - waited``, both in seconds, and the smallest is first. So a request
yields to shorter ones, but only for as long as it takes itself. ``waited`` counts from the start
tag of the request, not from its arrival: a user's requests are tagged one behind the other, as if
the user had a server alone. So a user who sends many requests delays only that user's own.

Source: start tags are those of start-time fair queueing (Goyal, Vin, Cheng 1996).
"""

from collections.abc import Mapping


class StartTags:
    """Gives every request its start tag."""

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self.weights = weights or {}
        """A user of weight 2 is tagged as if that user's own server were twice as fast."""
        self.ends: dict[str, float] = {}
        """By user, when that user's requests so far would end on a server of the user's own."""

    def tag(self, user: str, now: float, seconds: float) -> float:
        """Return the start tag of a request that takes ``seconds`` alone."""
        self.ends = {name: end for name, end in self.ends.items() if end > now}
        start = max(now, self.ends.get(user, now))
        self.ends[user] = start + seconds / self.weights.get(user, 1.0)
        return start


def turn(remaining: float, start: float, now: float) -> float:
    """Return a row's turn; the smallest is first.

    Args:
        remaining: seconds that the row still takes when it is drawn alone.
        start: the request's start tag.
        now: the time now, on the clock of ``start``.
    """
    return remaining - (now - start)
