"""Which part of the work is this machine's: SageMaker's own configuration files.

``resourceconfig.json`` lists a job's machines; ``hyperparameters.json`` (all values are text) may
say ``users_per_step``, how many users are trained in one forward pass.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from contracts.training import TrainingTask


@dataclass(frozen=True)
class Machine:
    """This machine among a job's."""

    place: int = 0
    count: int = 1
    users_per_step: int = 1

    @classmethod
    def read(cls, root: Path) -> "Machine":
        """Read SageMaker's files; what is not there means one machine and one user at a time."""
        resources = _read(root, "resourceconfig.json")
        hosts = sorted(resources.get("hosts", ["algo-1"]))
        users = int(_read(root, "hyperparameters.json").get("users_per_step", 1))
        return cls(hosts.index(resources.get("current_host", hosts[0])), len(hosts), users)

    def share(self, tasks: tuple[TrainingTask, ...]) -> list[TrainingTask]:
        """Return this machine's tasks: every ``count``-th one."""
        return list(tasks[self.place :: self.count])


def _read(root: Path, name: str) -> dict[str, str]:
    path = root / "input" / "config" / name
    if not path.is_file():
        return {}
    values: dict[str, str] = json.loads(path.read_bytes())
    return values
