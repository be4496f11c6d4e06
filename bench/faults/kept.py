"""What was tried before on the same sources, so that a second run goes on where one stopped."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from bench.report import REPORTS

FILE = REPORTS / ".faults.json"


@dataclass
class Kept:
    """The trials of one state of the sources: name -> what was wrong, nothing for a good end."""

    sources: str
    """Hash of what was deployed."""
    file: Path = FILE
    trials: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file.exists():
            kept = json.loads(self.file.read_bytes())
            self.trials = kept["trials"] if kept["sources"] == self.sources else {}

    def keep(self, name: str, wrong: list[str]) -> None:
        """Remember how a trial ended."""
        self.trials[name] = wrong
        self.file.parent.mkdir(exist_ok=True)
        kept = {"sources": self.sources, "trials": self.trials}
        self.file.write_text(json.dumps(kept, indent=1) + "\n")
