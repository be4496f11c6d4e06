"""Captions of photos, in the formats of other tools.

Either ``anna.txt`` or ``anna.caption`` beside ``anna.jpg``, or one list for all photos:
``metadata.jsonl`` (lines with file_name and text, the format of Hugging Face), ``metadata.csv`` or
``caption.csv`` (columns image_file and caption, the format of Replicate), or the metadata that
sd-scripts fine-tunes with (``meta_cap.json``, ``meta_lat.json`` ...: image -> caption and tags).
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from contracts.shared.limits import MAX_TRAINED_CHARACTERS
from contracts.shared.suffixes import CAPTION_LISTS, CAPTION_SUFFIXES

MAX_LIST_BYTES = 1_000_000
MAX_TEXT_BYTES = 4096

_METADATA = re.compile(r"meta(?:data)?(?:[_-][a-z0-9_-]{1,40})?\.json")

_FILE = ("file_name", "image_file", "file", "image")
_CAPTION = ("text", "caption", "prompt")


def is_text(name: str) -> bool:
    """Whether this is a photo's text file."""
    return PurePosixPath(name).suffix.lower() in CAPTION_SUFFIXES


def is_list(name: str) -> bool:
    """Whether this is a list of captions.

    >>> is_list("metadata.jsonl"), is_list("meta_cap.json"), is_list("config.json")
    (True, True, False)
    """
    file = PurePosixPath(name).name.lower()
    return file in CAPTION_LISTS or _METADATA.fullmatch(file) is not None


def texts_of(photos: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return each photo's text file: the same name with another suffix.

    >>> texts_of(["a.jpg", "b.png"], ["a.jpg", "b.png", "b.txt", "notes.txt"])
    {'b.png': 'b.txt'}
    """
    texts = {stem_of(name): name for name in names if is_text(name)}
    return {photo: texts[stem_of(photo)] for photo in photos if stem_of(photo) in texts}


def stem_of(name: str) -> str:
    """Return the path without its suffix."""
    return plain(str(PurePosixPath(name).with_suffix("")))


def plain(name: str) -> str:
    """Return the name in Unicode form NFC: macOS writes NFD, a caption list usually NFC."""
    return unicodedata.normalize("NFC", name)


def parse_list(text: str, name: str) -> dict[str, str]:
    """Return the usable caption of each file in a list.

    >>> parse_list('{"file_name": "a.jpg", "text": "smiling"}', "metadata.jsonl")
    {'a.jpg': 'smiling'}
    """
    if name.lower().endswith(".json"):
        return parse_metadata(text)
    rows = _json_rows(text) if name.lower().endswith(".jsonl") else _csv_rows(text)
    found = ((_first(row, _FILE), usable(_first(row, _CAPTION))) for row in rows)
    return {plain(file): caption for file, caption in found if file and caption is not None}


def parse_metadata(text: str) -> dict[str, str]:
    """Return the usable captions in sd-scripts' metadata, by each end of an image's path.

    A key is a whole path of the machine that wrote the file, or a name without its suffix. A name
    that two images share with different captions is left out.

    >>> parse_metadata('{"/img/a.jpg": {"caption": "a man", "tags": "smiling, hat"}}')["a.jpg"]
    'a man, smiling, hat'
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, set[str]] = {}
    for image, entry in content.items() if isinstance(content, dict) else ():
        parts = [entry.get(kind) for kind in ("caption", "tags")] if isinstance(entry, dict) else []
        caption = usable(", ".join(part for part in parts if isinstance(part, str) and part))
        steps = plain(image.replace("\\", "/")).split("/")
        for place in range(len(steps) if caption is not None else 0):
            found.setdefault("/".join(steps[place:]), set()).add(caption or "")
    return {name: captions.pop() for name, captions in found.items() if len(captions) == 1}


def usable(text: str) -> str | None:
    """Return the caption on one line; None when it is empty, too long or not printable."""
    caption = " ".join(text.split())
    usable = 0 < len(caption) <= MAX_TRAINED_CHARACTERS and caption.isprintable()
    return caption if usable else None


def caption_for(name: str, listed: Mapping[str, str]) -> str | None:
    """Return the photo's caption from a list, by its path or its bare name, or without a suffix."""
    path = PurePosixPath(plain(name))
    names = (str(path), path.name, str(path.with_suffix("")), path.stem)
    return next((listed[one] for one in names if one in listed), None)


def _json_rows(text: str) -> Iterator[Mapping[str, object]]:
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row


def _csv_rows(text: str) -> Iterator[Mapping[str, object]]:
    with suppress(csv.Error):
        yield from csv.DictReader(io.StringIO(text))


def _first(row: Mapping[str, object], names: Sequence[str]) -> str:
    return next((str(row[name]) for name in names if isinstance(row.get(name), str)), "")
