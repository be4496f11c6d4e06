"""Which version of a model a caller gets: the same one always, by weights."""

from collections.abc import Mapping
from hashlib import sha256

_WHOLE = 2**64


def choose(weights: Mapping[str, float], key: str) -> str:
    """Return the version that serves this caller: the same one for the same key, always.

    Args:
        weights: versions and their shares; they need not add up to 1. A caller moves only as far as
            the shares move.
        key: who calls, or what for: a user's opaque id, for one.

    >>> choose({"old.tar.gz": 0.9, "new.tar.gz": 0.1}, "user-17")
    'old.tar.gz'
    >>> choose({"old.tar.gz": 0, "new.tar.gz": 1}, "user-17")
    'new.tar.gz'

    Raises:
        ValueError: there is no version, a weight below zero, or none above it.
    """
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise ValueError("weights must not be negative, and one must be above zero")
    at = int.from_bytes(sha256(key.encode()).digest()[:8], "big") / _WHOLE * total
    for version in sorted(weights):
        at -= weights[version]
        if at < 0:
            return version
    return max(version for version in weights if weights[version] > 0)
