"""Assemble the state machines: one file for each state, what states share written once.

Usage: python statemachine/assemble.py [--check]
--check only says which definitions are out of date, and fails where there are any.

<machine>/machine.json  the head of the definition, with the names of the states in their order
<machine>/<State>.json  one state; a Map has the names of its states, whose files are beside it
shared/retriers.json    retriers by name: "Retry": ["ProcessDied", "LambdaTransient"]
shared/catchers.json    catchers by name: "Catch": ["NotifyFailure"]; one with "Catcher" is that
                        other catcher with more in its Output

template.yaml deploys <machine>.asl.json, and Step Functions' editor opens it: edit the parts.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
HEAD = "machine.json"


class AssemblyError(Exception):
    """The parts do not make a state machine; the text says which file, why and what to do."""


@dataclass
class Parts:
    """The files of one machine, and which of them were asked for."""

    folder: Path
    shared: Path
    used: set[str] = field(default_factory=set)

    def definition(self) -> dict[str, Any]:
        """Return the whole definition.

        Raises:
            AssemblyError: a state without a file, a file without a state, an unknown retrier or
                catcher, a file that is no JSON object.
        """
        whole = self.with_states(read_object(self.folder / HEAD), HEAD)
        files = {path.stem for path in self.folder.glob("*.json")} - {Path(HEAD).stem}
        if unused := sorted(files - self.used):
            raise AssemblyError(
                f"{self.folder.name}: no list of States names {', '.join(unused)}: add the state"
                f" to {HEAD} or to its Map, or delete its file"
            )
        return whole

    def with_states(self, part: dict[str, Any], file: str) -> dict[str, Any]:
        """Return the part with its list of state names as an object of states."""
        names = part.get("States")
        if not isinstance(names, list):
            raise AssemblyError(f"{self.folder.name}/{file}: States must be a list of names")
        return part | {"States": {name: self.state(name) for name in names}}

    def state(self, name: str) -> dict[str, Any]:
        """Return one state with its retriers, its catchers and the states inside it."""
        path = self.folder / f"{name}.json"
        if name in self.used:
            raise AssemblyError(f"{self.folder.name}: the state {name} is listed twice")
        if not path.exists():
            raise AssemblyError(
                f"{self.folder.name}: the state {name} has no file: write {path.name}, or take"
                f" the name out of the list of States"
            )
        self.used.add(name)
        return dict(self.members(read_object(path), path.name))

    def members(self, state: dict[str, Any], file: str) -> Iterator[tuple[str, Any]]:
        """Yield the members of a state in their order, shared parts in the place of names."""
        for key, value in state.items():
            match key:
                case "Retry":
                    yield key, [self.named("retriers", name, file) for name in value]
                case "Catch":
                    yield key, [self.catcher(entry, file) for entry in value]
                case "ItemProcessor":
                    yield key, self.with_states(value, file)
                case _:
                    yield key, value

    def catcher(self, entry: str | dict[str, Any], file: str) -> dict[str, Any]:
        """Return a catcher: one of the shared ones, one with more Output, or the state's own."""
        if isinstance(entry, str):
            return self.catcher(self.named("catchers", entry, file), file)
        if "Catcher" not in entry:
            return entry
        found = self.catcher(entry["Catcher"], file)
        return found | {"Output": found["Output"] | entry["Output"]}

    def named(self, kind: str, name: str, file: str) -> dict[str, Any]:
        """Return a shared part."""
        known = read_object(self.shared / f"{kind}.json")
        if name not in known:
            raise AssemblyError(
                f"{self.folder.name}/{file}: {name!r} is not in shared/{kind}.json, which has"
                f" {', '.join(known)}"
            )
        found: dict[str, Any] = known[name]
        return found


def read_object(path: Path) -> dict[str, Any]:
    """Return a file's JSON object.

    Raises:
        AssemblyError: the file is missing, no JSON, or no object.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise AssemblyError(f"{path.parent.name}/{path.name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise AssemblyError(f"{path.parent.name}/{path.name} must be a JSON object")
    return found


def assembled(folder: Path) -> dict[Path, str]:
    """Return the text of every definition by its file: one for each folder with a machine.json."""
    machines = sorted(path.parent for path in folder.glob(f"*/{HEAD}"))
    return {
        folder / f"{machine.name}.asl.json": text(Parts(machine, folder / "shared").definition())
        for machine in machines
    }


def text(definition: dict[str, Any]) -> str:
    """Return a definition as it is committed."""
    return json.dumps(definition, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the definitions, or with --check only compare them; return the exit status."""
    try:
        wanted = assembled(FOLDER)
    except AssemblyError as error:
        print(error, file=sys.stderr)
        return 2
    stale = {p: new for p, new in wanted.items() if not p.exists() or p.read_text() != new}
    if "--check" in sys.argv[1:]:
        print(*(f"{path.name} is not what its parts make" for path in stale), sep="\n", end="")
        return bool(stale)
    for path, new in stale.items():
        path.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
