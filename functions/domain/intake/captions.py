"""Captions of photos, in the formats of other tools.

Either ``anna.txt``, ``anna.jpg.txt`` or ``anna.caption`` beside ``anna.jpg``, or one list for all
photos: ``metadata.jsonl`` (lines with file_name and text, the format of Hugging Face),
``metadata.csv`` or ``caption.csv`` (columns image_file and caption, the format of Replicate), or
the metadata that sd-scripts fine-tunes with (``meta_cap.json``, ``meta_lat.json`` ...: image ->
caption and tags).

A list names a file by its path on the machine where the list was written, so each end of the path
counts. Spreadsheets part columns by ``;`` or tabs; a ``.jsonl`` may be one JSON list.
"""

import codecs
import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, TypeGuard

from contracts.shared.limits import MAX_TRAINED_CHARACTERS
from contracts.shared.suffixes import CAPTION_LISTS, CAPTION_SUFFIXES

MAX_LIST_BYTES = 1_000_000
MAX_TEXT_BYTES = 4096

_METADATA = re.compile(r"meta(?:data)?(?:[_-][a-z0-9_-]{1,40})?\.json")

_FILE = ("file_name", "image_file", "file", "image", "image_path", "filename", "path")
_CAPTION = ("text", "caption", "prompt")
_DELIMITERS = ",;\t"
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_JOINERS = "\u200c\u200d"
"""Format characters that emoji and some scripts need inside a word."""

_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
"""Format characters that web pages and editors leave in texts; they show nothing."""


def decoded(body: bytes) -> str:
    r"""Return a file's text: UTF-8, or UTF-16 that its first bytes mark, as Windows' tools do.

    >>> decoded("zoë".encode()), decoded("zoë".encode("utf-16"))
    ('zoë', 'zoë')

    Raises:
        UnicodeDecodeError: the file is neither.
    """
    return body.decode("utf-16" if body.startswith(_MARKS) else "utf-8-sig")


def is_text(name: str) -> bool:
    """Return whether this is a photo's text file."""
    return PurePosixPath(name).suffix.lower() in CAPTION_SUFFIXES


def is_list(name: str) -> bool:
    """Return whether this is a list of captions.

    >>> is_list("metadata.jsonl"), is_list("meta_cap.json"), is_list("config.json")
    (True, True, False)
    """
    file = PurePosixPath(name).name.lower()
    return file in CAPTION_LISTS or _METADATA.fullmatch(file) is not None


def texts_of(photos: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return each photo's text file: the same name with another suffix, or with one more.

    >>> texts_of(["a.jpg", "b.png", "c.jpg"], ["b.txt", "b.png.txt", "c.jpg.txt", "notes.txt"])
    {'b.png': 'b.txt', 'c.jpg': 'c.jpg.txt'}

    A name in another case counts if no photo has it letter for letter: Windows and macOS take both
    for one name.

    >>> texts_of(["IMG_1.JPG", "a.jpg", "A.jpg"], ["img_1.txt", "a.txt"])
    {'a.jpg': 'a.txt', 'IMG_1.JPG': 'img_1.txt'}
    """
    texts = {stem_of(name): name for name in names if is_text(name)}
    wanted = {photo: (stem_of(photo), plain(photo)) for photo in photos}
    exact = {photo: [texts[s] for s in stems if s in texts] for photo, stems in wanted.items()}
    found = {photo: those[0] for photo, those in exact.items() if those}
    taken = set(found.values())
    folded = {stem.casefold(): name for stem, name in texts.items() if name not in taken}
    for photo in (photo for photo in photos if photo not in found):
        those = [folded[s.casefold()] for s in wanted[photo] if s.casefold() in folded]
        if those:
            found[photo] = those[0]
    return found


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
    found = [(_first(row, _FILE), usable(_first(row, _CAPTION))) for row in rows]
    return _by_ends((file, caption) for file, caption in found if file and caption is not None)


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
    if isinstance(content, list):
        return parse_list("\n".join(map(json.dumps, content)), ".jsonl")
    images = content.items() if isinstance(content, dict) else ()
    found = [(image, usable(_caption_in(entry))) for image, entry in images]
    return _by_ends((image, caption) for image, caption in found if caption is not None)


def _caption_in(entry: object) -> str:
    """Return the caption of an image's entry: a text, or a table with caption and tags."""
    parts = (
        [entry.get(kind) for kind in ("caption", "tags")] if isinstance(entry, dict) else [entry]
    )
    return ", ".join(part for part in parts if isinstance(part, str) and part)


def _by_ends(captions: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return captions by each end of a path; an end with two captions counts for none of them.

    A whole path that is given twice counts as it was given last.
    """
    whole: dict[str, str] = {}
    for file, caption in captions:
        steps = plain(file.replace("\\", "/")).split("/")
        whole["/".join(step for step in steps if step not in ("", "."))] = caption
    ends: dict[str, set[str]] = {}
    for path, caption in whole.items():
        steps = path.split("/")
        for place in range(1, len(steps)):
            ends.setdefault("/".join(steps[place:]), set()).add(caption)
    return {end: those.pop() for end, those in ends.items() if len(those) == 1} | whole


def usable(text: str) -> str | None:
    """Return the caption on one line; None when it says nothing, is too long or not printable.

    >>> usable(" a  man, "), usable(", , ,"), usable("😀")
    ('a man,', None, '😀')
    """
    caption = " ".join(text.translate(_UNSEEN).split())
    shown = caption.translate(dict.fromkeys(map(ord, _JOINERS)))
    fits = len(caption) <= MAX_TRAINED_CHARACTERS and all(map(_is_shown, shown))
    return caption if fits and any(map(_says_something, shown)) else None


def _says_something(letter: str) -> bool:
    """Whether a character is more than punctuation: tags of which all were removed leave commas."""
    return unicodedata.category(letter)[0] not in "PZM"


def _is_shown(letter: str) -> bool:
    """Whether a character shows something; letters newer than Python's tables do."""
    return letter.isprintable() or unicodedata.category(letter) in {"Cn", "Co"}


def caption_for(name: str, listed: Mapping[str, str]) -> str | None:
    """Return the photo's caption from a list, by its path or its bare name, or without a suffix."""
    path = PurePosixPath(plain(name))
    names = (str(path), path.name, str(path.with_suffix("")), path.stem)
    return next((listed[one] for one in names if one in listed), None)


def _json_rows(text: str) -> Iterator[Mapping[str, object]]:
    whole = _json(text)
    if whole is not None:  # one list, or one row on several lines
        yield from (row for row in (whole if isinstance(whole, list) else [whole]) if _is_row(row))
        return
    for line in text.split("\n"):
        row = _json(line)
        if _is_row(row):
            yield row


def _json(text: str) -> Any:  # noqa: ANN401 - a JSON value
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


def _is_row(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict)


def _csv_rows(text: str) -> Iterator[Mapping[str, object]]:
    """Yield the rows; the first line's most frequent mark parts the columns."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    head = lines.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    with suppress(csv.Error):
        for row in csv.DictReader(io.StringIO(lines), delimiter=delimiter):
            yield {str(name).strip().lower(): value for name, value in row.items()}


def _first(row: Mapping[str, object], names: Sequence[str]) -> str:
    return next((str(row[name]) for name in names if isinstance(row.get(name), str)), "")
