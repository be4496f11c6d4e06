"""Requests whose callers have gone: whoever sees a caller go leaves a file of the request's id.

Triton does not tell a model that a client has hung up. Whatever stands before Triton sees it, and
runs in another process, so the two meet in a folder.
"""

import os
from pathlib import Path

DROPPED = "dropped"
"""Folder in LIKENESS_RUN_DIR."""


class Departures:
    """Reads the folder."""

    def __init__(self, run_dir: Path) -> None:
        self.folder = run_dir / DROPPED
        self.folder.mkdir(exist_ok=True)

    def take(self) -> list[str]:
        """Return the ids that were left since the last call."""
        names = [entry.name for entry in os.scandir(self.folder)]
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        return names
