"""What the owner of an upload is told when nothing in it says what the photos show."""

import re
from collections.abc import Iterable

from contracts.shared.limits import MAX_REPEATS
from domain.requests.kohya.folders import folder_of, subject_of
from domain.requests.kohya.syntax import FOLDER

FORM = "20_ohwx man"
"""A folder's name in kohya's form, as texts show it."""

MISSING = {
    "instance_prompt": (
        'Is missing. Write it in request.json, such as "a photo of TOK person", choose a preset, '
        f"or name the photos' folder as kohya's scripts do: {FORM}."
    ),
    "class_prompt": (
        'Is missing. Say what the subject is one of, such as "a photo of a person"; a preset says'
        f" it, too, and so does a folder such as {FORM}."
    ),
}
"""Required prompt -> what its owner can do."""

_NUMBER = re.compile(r"[0-9]+(.?)")


def missing(field: str, photos: Iterable[str]) -> str:
    """Return the text for a prompt that no source gives, and what a folder's name lacks.

    >>> missing("instance_prompt", ["20 ohwx man/a.jpg"])[-82:]
    "A folder's name begins with a number, but behind it comes no _: write it as there."
    """
    hint = nearly_named(photos) if field == "instance_prompt" else ""
    return f"{MISSING[field]} {hint}".rstrip()


def nearly_named(photos: Iterable[str]) -> str:
    """Return what keeps a folder that begins with a number from naming its subject; or nothing.

    The folder's name itself is not repeated: it may be a person's.
    """
    for folder in sorted({folder_of(photo).strip() for photo in photos}):
        number = _NUMBER.match(folder)
        if number is None or subject_of(f"{folder}/photo") is not None:
            continue
        start = "A folder's name begins with a number, but"
        if number[1] != "_":
            return f"{start} behind it comes no _: write it as there."
        if FOLDER.fullmatch(folder) is None or not 1 <= int(folder.split("_")[0]) <= MAX_REPEATS:
            return f"{start} that must be 1 to {MAX_REPEATS}, with one _ and a word behind it."
        return f"{start} what follows names nobody: it must begin with a rare word of letters."
    return ""
