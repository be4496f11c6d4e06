"""`make demo PHOTOS=dir`: somebody's own photos, and what is asked for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError

from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.uploads import REQUEST_FILE
from contracts.shared.limits import MIN_PHOTOS
from contracts.shared.people.faces import may_show_people
from contracts.shared.suffixes import CONSENT_FILE
from local.demo.upload import TRIGGER_WORD, plain_request

SIDE = 512
"""Longer side in pixels of the pictures that are shown and compared."""


class OwnInputError(Exception):
    """The photos or the base that were named cannot be used; the text says what to do."""


@dataclass(frozen=True)
class OwnPicture:
    """One photo that can be opened."""

    path: Path
    image: Image.Image
    """At most SIDE pixels long."""
    short_side: int
    """Shorter side of the photo itself, in pixels."""


@dataclass(frozen=True)
class OwnPhotos:
    """The files of a folder, and the photos among them."""

    files: dict[str, bytes]
    """Without request.json; with consent.json, if the folder has one."""
    pictures: list[OwnPicture]
    request: dict[str, Any] = field(default_factory=dict)
    """The fields of the folder's request.json; empty: it has none."""

    @property
    def images(self) -> list[Image.Image]:
        """The photos, small enough to be shown."""
        return [picture.image for picture in self.pictures]


def read_photos(folder: Path) -> OwnPhotos:
    """Read the files of a folder, not those of folders in it.

    Raises:
        OwnInputError: there is no such folder, it has too few photos, or its request is no JSON.
    """
    if not folder.exists():
        raise OwnInputError(f"PHOTOS={folder}: there is no such folder")
    if not folder.is_dir():
        raise OwnInputError(f"PHOTOS={folder} is a file: name the folder with the photos")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    pictures = [picture for path in paths if (picture := open_picture(path)) is not None]
    if len(pictures) < MIN_PHOTOS:
        raise OwnInputError(f"PHOTOS={folder}: {too_few(folder, paths, len(pictures))}")
    files = {path.name: path.read_bytes() for path in paths if path.name != REQUEST_FILE}
    return OwnPhotos(files, pictures, read_request(folder / REQUEST_FILE))


def too_few(folder: Path, paths: list[Path], count: int) -> str:
    """Return what a folder has instead of five photos, and what to do."""
    words = [
        f"{count or 'none'} of its {len(paths)} files can be opened as a photo"
        if paths
        else "it holds no file",
        f"; training needs {MIN_PHOTOS} photos of the same subject, as JPEG, PNG or WebP",
    ]
    if any(path.suffix.lower() in {".heic", ".heif", ".avif"} for path in paths):
        words.append(". The demo opens no HEIC or AVIF: convert them to JPEG")
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if inside:
        words.append(f". Folders in it are not read: {', '.join(inside[:3])}")
    return "".join(words)


def open_picture(path: Path) -> OwnPicture | None:
    """Return a photo; None: the file is none, or of another format."""
    try:
        with Image.open(path) as image:
            short_side = min(image.size)
            image.draft("RGB", (SIDE, SIDE))
            shown: Image.Image = image.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None
    shown.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return OwnPicture(path, shown, short_side)


# ---- the request ---------------------------------------------------------------------------------


def read_request(path: Path) -> dict[str, Any]:
    """Return the fields of a request; {} where there is none.

    Raises:
        OwnInputError: it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise OwnInputError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise OwnInputError(f"{path} is no JSON object")
    return found


def request_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request: what the folder's request.json gives, and the demo's prompts without one.

    >>> request_fields({"trigger_word": "ohwx"})["instance_prompt"]
    'a photo of a ohwx person'
    >>> request_fields({"instance_prompt": "a photo of TOK dog"})
    {'instance_prompt': 'a photo of TOK dog'}
    """
    if not given:
        return plain_request()
    if "instance_prompt" in given or "class_prompt" in given:
        return dict(given)
    word = str(given.get("trigger_word", TRIGGER_WORD))
    defaults = plain_request()
    prompt = defaults["instance_prompt"].replace(TRIGGER_WORD, word)
    return defaults | {"instance_prompt": prompt, "trigger_word": word} | dict(given)


def read_fields(fields: Mapping[str, Any]) -> TrainingRequest | None:
    """Return the request's document; None where the stack has to say what is wrong with it."""
    try:
        return TrainingRequest.model_validate(fields)
    except ValidationError:
        return None


def check_consent(photos: OwnPhotos, request: TrainingRequest | None) -> None:
    """Refuse photos of people without the consent of the person on them, as the stack does.

    Raises:
        OwnInputError: there is none, in request.json or beside it.
    """
    if "consent" in photos.request or CONSENT_FILE in photos.files or request is None:
        return
    if may_show_people(request):
        raise OwnInputError(
            "the photos may show a person, and nothing says that this person agrees: write"
            f" {CONSENT_FILE} into the folder, or consent into its {REQUEST_FILE}"
            f" (docs/consent.md). If they show something else, say so in {REQUEST_FILE}:"
            ' {"instance_prompt": "a photo of a sks dog", "class_prompt": "a photo of a dog"}'
        )
