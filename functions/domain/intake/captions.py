"""Words beside photos, in the forms that other tools write them.

``anna.txt`` or ``anna.caption`` beside ``anna.jpg``; or one list for all: ``metadata.jsonl`` (lines
with file_name and text, as Hugging Face writes them), ``metadata.csv`` or ``caption.csv`` (columns
image_file and caption, as Replicate writes them).
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

TEXTS = {".txt", ".caption"}
LISTS = {"metadata.jsonl", "metadata.csv", "caption.csv", "captions.csv"}
MAX_LIST_BYTES = 1_000_000
MAX_TEXT_BYTES = 4096
MAX_LENGTH = 400

_FILE = ("file_name", "image_file", "file", "image")
_WORDS = ("text", "caption", "prompt")


def is_text(name: str) -> bool:
    """Tell a text file, which only ever accompanies a photo."""
    return PurePosixPath(name).suffix.lower() in TEXTS


def is_list(name: str) -> bool:
    """Tell a file with words for all photos."""
    return PurePosixPath(name).name.lower() in LISTS


def texts_of(photos: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return each photo's text file: the same name but for its ending.

    >>> texts_of(["a.jpg", "b.png"], ["a.jpg", "b.png", "b.txt", "notes.txt"])
    {'b.png': 'b.txt'}
    """
    texts = {stem_of(name): name for name in names if is_text(name)}
    return {photo: texts[stem_of(photo)] for photo in photos if stem_of(photo) in texts}


def stem_of(name: str) -> str:
    """Return the path without its ending."""
    return plain(str(PurePosixPath(name).with_suffix("")))


def plain(name: str) -> str:
    """Return the name with its accents put together: macOS takes them apart, a list does not."""
    return unicodedata.normalize("NFC", name)


def parse_list(text: str, name: str) -> dict[str, str]:
    """Return the words for each file of a list, as far as they can be used.

    >>> parse_list('{"file_name": "a.jpg", "text": "smiling"}', "metadata.jsonl")
    {'a.jpg': 'smiling'}
    """
    rows = _json_rows(text) if name.lower().endswith(".jsonl") else _csv_rows(text)
    found = ((_first(row, _FILE), usable(_first(row, _WORDS))) for row in rows)
    return {plain(file): words for file, words in found if file and words is not None}


def usable(text: str) -> str | None:
    """Return the words on one line, or None when they are none, too many or not printable."""
    words = " ".join(text.split())
    return words if 0 < len(words) <= MAX_LENGTH and words.isprintable() else None


def words_for(name: str, listed: Mapping[str, str]) -> str | None:
    """Return the listed words for a photo, under its path or its bare name."""
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
