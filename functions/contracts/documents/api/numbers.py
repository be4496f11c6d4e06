"""Numbers in bodies of the HTTP API: what JSON calls a number, and nothing that looks like one."""

from pydantic import BeforeValidator


def _is_number(value: object) -> object:
    """Refuse true, false and texts, which pydantic would take for numbers."""
    if isinstance(value, bool | str):
        message = "must be a number"
        raise ValueError(message)  # noqa: TRY004 - pydantic wants a ValueError
    return value


NUMBER = BeforeValidator(_is_number)
"""Stands last in an annotation, where it leaves the bounds in the JSON Schema."""
