"""Words that stand nowhere else: one for each place where people write or name something."""

import io
from hashlib import sha256

from PIL import Image

PLACES = (
    "prompt",
    "negative prompt",
    "class prompt",
    "validation prompt",
    "file name",
    "caption file",
    "exif",
    "archive member",
    "unknown field",
    "broken file name",
    "picture prompt",
    "picture negative prompt",
    "key name",
    "webhook address",
    "approval",
    "idempotency key",
    "query",
    "header",
    "takedown words",
)

CANARIES = {place: "canary" + sha256(place.encode()).hexdigest()[:16] for place in PLACES}
"""The words, by what they stand for."""

ARTIST = 315
"""EXIF's tag of who has taken the photo."""


def found_in(text: str) -> set[str]:
    """Return the places whose word is in a text, in any case."""
    lower = text.lower()
    return {place for place, word in CANARIES.items() if word in lower}


def with_exif(photo: bytes) -> bytes:
    """Return a JPEG whose EXIF names somebody."""
    with Image.open(io.BytesIO(photo)) as image:
        exif, file = image.getexif(), io.BytesIO()
        exif[ARTIST] = CANARIES["exif"]
        image.save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()
