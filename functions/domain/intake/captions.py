"""Captions of photos, in the formats of other tools.

Either ``anna.txt`` or ``anna.caption`` beside ``anna.jpg``, or one list for all photos:
``metadata.jsonl`` (lines with file_name and text, the format of Hugging Face), ``metadata.csv`` or
``caption.csv`` (columns image_file and caption, the format of Replicate).
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from contracts.shared.limits import MAX_TRAINED_CHARACTERS
from contracts.shared.suffixes import CAPTION_LISTS, CAPTION_SUFFIXES

MAX_LIST_BYTES = 1_000_000
MAX_TEXT_BYTES = 4096

_FILE = ("file_name", "image_file", "file", "image")
_CAPTION = ("text", "caption", "prompt")


def is_text(name: str) -> bool:
    """Whether this is a photo's text file."""
    return PurePosixPath(name).suffix.lower() in CAPTION_SUFFIXES


def is_list(name: str) -> bool:
    """Whether this is a list of captions."""
    return PurePosixPath(name).name.lower() in CAPTION_LISTS


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
    rows = _json_rows(text) if name.lower().endswith(".jsonl") else _csv_rows(text)
    found = ((_first(row, _FILE), usable(_first(row, _CAPTION))) for row in rows)
    return {plain(file): caption for file, caption in found if file and caption is not None}


def usable(text: str) -> str | None:
    """Return the caption on one line; None when it is empty, too long or not printable."""
    caption = " ".join(text.split())
    usable = 0 < len(caption) <= MAX_TRAINED_CHARACTERS and caption.isprintable()
    return caption if usable else None


def caption_for(name: str, listed: Mapping[str, str]) -> str | None:
    """Return the photo's caption from a list, by its path or its bare file name."""
    path = plain(name)
    return listed.get(path, listed.get(PurePosixPath(path).name))


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
