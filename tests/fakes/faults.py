"""Things that happen at the worst moment: between a rule and what it asks of the world."""

from collections.abc import Callable
from typing import Any


def before_next(target: object, method: str, happens: Callable[[], object]) -> None:
    """Let something happen once, right before the next call of a fake's method."""
    original = getattr(target, method)

    def interrupted(*args: Any, **named: Any) -> Any:
        setattr(target, method, original)
        happens()
        return original(*args, **named)

    setattr(target, method, interrupted)


def die() -> None:
    """End as a Lambda does that is killed: no except block of ours is meant to catch it."""
    raise KeyboardInterrupt
