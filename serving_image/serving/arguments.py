"""Parses ``gen_args``, the JSON of a request's arguments, under our names or other tools'."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from contracts.documents.picture import MAX_MASK_CHARACTERS, PictureArguments
from contracts.shared.pictures.sampler_names import rename_arguments
from serving.picture_error import PictureError

MAX_ARGUMENTS_BYTES = 4096
"""Largest size of ``gen_args`` without a mask."""


def parse_arguments(text: bytes, *, has_image: bool) -> PictureArguments:
    """Parse ``gen_args``; an empty text stands for the defaults.

    Args:
        text: as it was sent.
        has_image: whether the request has a start image.
    """
    limit = MAX_ARGUMENTS_BYTES + (MAX_MASK_CHARACTERS if b'"mask' in text else 0)
    if len(text) > limit:
        raise PictureError("invalid_argument", f"gen_args: at most {limit} bytes")
    try:
        plain = text.decode("utf-8-sig").strip()
        given = json.loads(plain or "{}", object_pairs_hook=make_object, parse_float=read_number)
        ours = given
        if isinstance(given, dict):
            ours = rename_arguments(given, has_image=has_image)
        return PictureArguments.model_validate_json(json.dumps(ours), strict=True)
    except ValidationError as error:
        raise PictureError("invalid_argument", explain(error)) from None
    except PydanticCustomError as error:
        raise PictureError("invalid_argument", f"gen_args: {error}") from None
    except (ValueError, RecursionError):
        raise PictureError("invalid_argument", "gen_args: not a JSON object") from None


def read_number(text: str) -> float:
    """Return a number; one without a fraction is whole, as many languages write 20 as 20.0."""
    number = float(text)
    return int(number) if number.is_integer() else number


def make_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; refuse a name that is given twice, as it may mean either value."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise PydanticCustomError("given_twice", "a name is given twice; give it once")
    return made


def explain(error: ValidationError) -> str:
    """Describe the first error by our own field names; unknown names are the user's text."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return f"gen_args: unknown name; known are {', '.join(list_arguments())}, hr_..."
    if not first["loc"]:
        return "gen_args: not a JSON object"
    return f"{first['loc'][0]}: {first['msg']}"


def list_arguments() -> list[str]:
    """Return the names of arguments for an error's text; those of the second pass are left out."""
    return [name for name in PictureArguments.model_fields if not name.startswith("hr_")]
