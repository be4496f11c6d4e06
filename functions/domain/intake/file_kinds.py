"""The kind of each file of an upload, by its name, before anything is read.

A file is a photo, a caption or a mask of a photo, a picture of the class, settings, or litter.
Names that belong together are compared after Unicode normalisation (captions.plain).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from contracts.shared import layout
from contracts.shared.suffixes import (
    ARCHIVE_SUFFIXES,
    AVATAR_FILE,
    BACKENDS_STEM,
    CONSENT_FILE,
    JUMPSTART_FILE,
    LYCORIS_FILE,
    SCRIPT_SUFFIX,
    TOML_SUFFIX,
    YAML_SUFFIXES,
)
from domain.intake.captions import is_list, is_text, stem_of, texts_of

_LITTER = {
    *(".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "icon\r"),
}
_LITTER_SUFFIXES = (".aae", ".npz", ".xmp")
"""Edits of iPhones and of photo programs, and the latents that kohya's scripts store beside each
photo."""
_LITTER_FOLDERS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN"}
_MASK = ("_mask", "-mask", "-masklabel", "_masklabel", ".mask")
_MASK_FOLDERS = re.compile(r"(masks?|conditioning)([_ -]?(images?|data|dir))?", re.IGNORECASE)
_PHOTO_FOLDERS = re.compile(r"images?|imgs?|photos?|pictures?|train|[0-9]+_.+", re.IGNORECASE)
_CLASS_FOLDERS = re.compile(r"(reg|class|prior)([_ -]?(images?|pictures?|photos?|data|dir|set))?")
_REGULARISATION = re.compile(r"regulari[sz]ation([_ -]?(images?|pictures?|photos?|data|set))?")
_PLAIN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_ARCHIVES = "|".join(re.escape(suffix) for suffix in ARCHIVE_SUFFIXES)
_ENDINGS = "|".join(re.escape(suffix) for suffix in (TOML_SUFFIX, SCRIPT_SUFFIX, *YAML_SUFFIXES))
_NAMED = "|".join(
    re.escape(name) for name in (AVATAR_FILE, JUMPSTART_FILE, CONSENT_FILE, LYCORIS_FILE)
)
_SETTINGS = re.compile(
    rf"(?:(?:[^/]+/)*[^/]+(?:{_ARCHIVES})/)?(?:{_PLAIN}/)?"
    rf"(?:{_NAMED}|{_PLAIN}(?:{_ENDINGS})"
    rf"|{BACKENDS_STEM}[A-Za-z0-9_.-]{{0,48}}\.json)",
    re.IGNORECASE,
)


_REQUEST = re.compile(
    rf"(?:(?:[^/]+/)*[^/]+(?:{_ARCHIVES})/(?:[^/]+/)?)?{re.escape(layout.uploads.REQUEST_FILE)}",
    re.IGNORECASE,
)
_SIDECAR = re.compile(
    r".*\.(?:jpe?g|png|gif|heic|heif|webp|avif|mp4|mov)(?:\(\d+\))?(?:\.[a-z-]{1,30})?(?:\(\d+\))?\.json",
    re.IGNORECASE | re.DOTALL,
)
"""What Google Photos exports beside each photo: ``a.jpg.supplemental-metadata.json``."""


class FileKinds(NamedTuple):
    """The names of an upload's files by kind; litter is left out."""

    photos: list[str]
    captions: dict[str, str]
    """Photo -> its text file, or the list that has its caption."""
    masks: dict[str, str]
    """Photo -> its mask."""
    class_photos: list[str]
    settings: list[str]
    """Settings files of other tools, and the consent beside them."""


def file_kinds_of(names: Iterable[str]) -> FileKinds:
    """Sort the files by kind.

    >>> file_kinds_of(["a.jpg", "a.txt", "a_mask.png", "reg/1_person/x.png", "config.json"])[2:]
    ({'a.jpg': 'a_mask.png'}, ['reg/1_person/x.png'], ['config.json'])
    """
    wanted = [name for name in names if not is_litter(name) and not is_request(name)]
    settings = [name for name in wanted if is_settings(name)]
    texts = {name for name in wanted if is_text(name) or is_list(name)}
    pictures = [name for name in wanted if name not in texts and name not in settings]
    class_photos = [name for name in pictures if is_of_class(name)]
    of_subject = [name for name in pictures if not is_of_class(name)]
    masks = masks_among(of_subject)
    photos = [name for name in of_subject if name not in set(masks.values())]
    captions = lists_for(photos, texts) | texts_of(photos, texts)
    return FileKinds(photos, captions, masks, class_photos, settings)


def unused_texts(names: Sequence[str]) -> int:
    """Return how many text files are beside no photo of their name.

    >>> unused_texts(["a.jpg", "a.txt", "texts/a.txt", "reg/1_man/b.txt"])
    1
    """
    used = set(file_kinds_of(names).captions.values())
    texts = (name for name in names if is_text(name) and not is_litter(name))
    return sum(name not in used and not is_of_class(name) for name in texts)


def is_litter(name: str) -> bool:
    """Return whether a system or a program left this file behind; nobody meant to upload it.

    The empty name is that of the upload's own folder, of which S3's console makes an object.

    >>> is_litter("")
    True
    >>> [is_litter(n) for n in ("a.jpg", "x/.DS_Store", "__MACOSX/a.jpg", "._a.jpg", "sub/")]
    [False, True, True, True, True]
    >>> [is_litter(n) for n in ("10_ohwx man/a.npz", "@eaDir/a.jpg/x.jpg", "a.MOV")]
    [True, True, False]
    >>> [is_litter(n) for n in ("a.jpg.json", "a.HEIC.supplemental-meta(1).json", "config.json")]
    [True, True, False]
    """
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part in _LITTER_FOLDERS for part in path.parts)
    file = path.name.lower()
    if hidden or not name or name.endswith("/") or _SIDECAR.fullmatch(file):
        return True
    return file in _LITTER or file.endswith(_LITTER_SUFFIXES)


def is_request(name: str) -> bool:
    """Return whether this is the upload's request.json, in whatever case it was typed.

    In an archive it may be one folder deep, as the folder is what people pack.

    >>> [is_request(n) for n in ("request.json", "Request.JSON", "sub/request.json")]
    [True, True, False]
    >>> [is_request(n) for n in ("a.zip/request.json", "a.zip/b/request.json", "a.zip/b/c/d.json")]
    [True, True, False]
    """
    return _REQUEST.fullmatch(name) is not None


def is_settings(name: str) -> bool:
    """Return whether this is another tool's settings file, at most one folder deep.

    >>> [is_settings(n) for n in ("config.json", "a.tar.gz/config.json", "config/kohya.toml")]
    [True, True, True]
    >>> is_settings("job.yaml"), is_settings("multidatabackend-1024px.json"), is_settings("a.json")
    (True, True, False)
    >>> is_settings("config/lycoris_config.json")
    True
    """
    return _SETTINGS.fullmatch(name) is not None


def is_consent(name: str) -> bool:
    """Return whether this is a consent beside settings; it starts nothing.

    >>> is_consent("a.zip/Consent.json"), is_consent("config.json")
    (True, False)
    """
    return PurePosixPath(name).name.lower() == CONSENT_FILE


def is_of_class(name: str) -> bool:
    """Return whether this is a picture of the class: it is in a folder with such a name.

    >>> [is_of_class(n) for n in ("reg/1_man/a.png", "class/a.png", "Class_Images/a.png")]
    [True, True, True]
    >>> is_of_class("classroom/a.png")
    False
    """
    folders = [part.casefold() for part in PurePosixPath(name).parts[:-1]]
    kinds = (_CLASS_FOLDERS, _REGULARISATION)
    return any(kind.fullmatch(folder) for folder in folders for kind in kinds)


def masks_among(names: Iterable[str]) -> dict[str, str]:
    """Return each photo's mask: a file with the photo's name and ``_mask`` at its end.

    Or it has the photo's name and is in a folder ``masks`` beside the photo, or beside the photos'
    folder, as ai-toolkit and kohya's scripts have it. Files that differ in their suffix alone share
    a mask. A name in another case counts if no photo has it letter for letter.

    >>> masks_among(["a.jpg", "a.heic", "a_mask.png", "my_mask.jpg"])
    {'a.jpg': 'a_mask.png', 'a.heic': 'a_mask.png'}
    >>> masks_among(["B.jpg", "b_Mask.png", "img/c.jpg", "masks/c.png", "masks/d.png"])
    {'B.jpg': 'b_Mask.png', 'img/c.jpg': 'masks/c.png'}
    """
    listed = list(names)
    exact, inside, folded = (_by_place(listed, of) for of in (stem_of, _above, _folded))
    return {
        photo: mask
        for mask in listed
        for stem in _stems_of_photo(stem_of(mask))
        for photo in exact.get(stem) or inside.get(stem) or folded.get(stem.casefold()) or ()
        if photo != mask
    }


def _stems_of_photo(stem: str) -> Iterator[str]:
    """Yield the paths, without suffix, that a photo has if this is the path of its mask."""
    yield from (stem[: -len(end)] for end in _MASK if stem.casefold().endswith(end))
    parts = PurePosixPath(stem).parts
    for place, folder in enumerate(parts[:-1]):
        if _MASK_FOLDERS.fullmatch(folder):
            yield "/".join([*parts[:place], *parts[place + 1 :]])


def _by_place(names: Iterable[str], place_of: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(place_of(name), []).append(name)
    return found


def _above(name: str) -> str:
    """Return a path without its suffix, and without a folder that only says: here are photos."""
    path = PurePosixPath(stem_of(name))
    is_plain = _PHOTO_FOLDERS.fullmatch(path.parent.name)
    return str(path.parent.parent / path.name) if is_plain else str(path)


def _folded(name: str) -> str:
    return stem_of(name).casefold()


def lists_for(photos: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return each photo's caption list: the one in its folder, or else in a folder above.

    >>> lists_for(["a.jpg", "x/b.jpg"], ["metadata.jsonl", "x/caption.csv"])
    {'a.jpg': 'metadata.jsonl', 'x/b.jpg': 'x/caption.csv'}
    """
    lists = {PurePosixPath(name).parent: name for name in sorted(names) if is_list(name)}
    found = {
        photo: [lists[folder] for folder in PurePosixPath(photo).parents if folder in lists]
        for photo in photos
    }
    return {photo: nearest[0] for photo, nearest in found.items() if nearest}
