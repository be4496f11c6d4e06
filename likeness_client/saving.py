"""Where a command saves a file: looked at before anything is drawn, erased or waited for."""

import os
from pathlib import Path

from likeness_client.folder import shown


class NotSavableError(Exception):
    """A file cannot be saved where an option says; the text says why."""


def check_place(option: str, place: Path) -> None:
    """Refuse a place that cannot take a file.

    Raises:
        NotSavableError: it is a folder, its folder is missing, or one of the two is not writable.
    """
    folder = place.parent
    if place.is_dir():
        raise NotSavableError(f"{option}: {shown(place)} is a folder; name a file in it")
    if not folder.is_dir():
        raise NotSavableError(f"{option}: there is no folder {shown(folder)}")
    target = place if place.exists() else folder
    if not os.access(target, os.W_OK):
        raise NotSavableError(f"{option}: {shown(target)} cannot be written to")
