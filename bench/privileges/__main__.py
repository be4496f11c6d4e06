"""What each role may do, beside what it was seen to do.

Usage: python -m bench.privileges [--record FILE]

Runs the end-to-end tests while the embedded AWS records which role was allowed which action
(`local/cloud/call_record.py`), or reads such a record, and compares it with template.yaml. Every
action that was used is granted, or the tests would have failed: the embedded AWS checks policies.
So the table shows the rest: permissions that nobody used. ``unused.toml`` holds those that cannot
be used here, with the reason. Prints a line for each role and writes reports/privileges.json.
Exits with 1 when a role has more than 1.2 permissions for each that it used, a wildcard action, or
a wildcard resource without a reason in ``wildcards.toml``.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.privileges.granted import ROOT, Grant, expanded_template, grants_of
from bench.report import REPORTS, Figure, finish

HERE = Path(__file__).parent
MAX_RATIO = 1.2
TESTS = ("tests/e2e", "tests/integration/test_endpoint_switch.py")
"""Tests that deploy the template: every stage, the strict profile, and an endpoint on demand."""

SUFFIX = 13
"""Characters that CloudFormation adds to a role's name."""

MAX_ROLE_NAME = 64
"""IAM's limit; CloudFormation cuts off the logical id of a longer name."""


@dataclass(frozen=True)
class Role:
    """One role's actions, without those that ``unused.toml`` explains."""

    name: str
    granted: frozenset[str]
    used: frozenset[str]

    @property
    def unused(self) -> list[str]:
        """Permissions that nobody used."""
        return sorted(self.granted - self.used)

    @property
    def ratio(self) -> float:
        """Permissions for each one that was used; infinite for a role that did nothing."""
        if not self.granted:
            return 1.0
        used = len(self.granted & self.used)
        return len(self.granted) / used if used else float("inf")


def main() -> int:
    """Compare; return 1 when a role may do too much."""
    parser = argparse.ArgumentParser(prog="bench.privileges", description=__doc__)
    parser.add_argument("--record", type=Path, help="a record of earlier tests")
    options = parser.parse_args()
    file, status = (options.record, 0) if options.record else record_tests()
    grants = grants_of(expanded_template())
    unused = read_toml("unused.toml", "unused")
    roles = compare(grants, read_record(file), unused)
    for role in roles:
        shown = ", ".join(role.unused) or "all used"
        print(f"{role.name:<36} {len(role.granted):>3} granted  {shown}")
    found = figures(roles, grants, read_toml("wildcards.toml", "wildcard"))
    stale = sorted(not_granted(grants, unused))
    if stale:
        print("unused.toml explains what is not granted:", ", ".join(stale))
    found.append(Figure("reasons of permissions that are gone", len(stale), "", 0, "less"))
    found.append(Figure("exit status of the tests", status, "", 0, "less"))
    return finish("privileges", found)


def record_tests() -> tuple[Path, int]:
    """Run the end-to-end tests; return the record of their calls, and pytest's exit status.

    The table is shown also when a test fails: the other tests' calls took many minutes.
    """
    file = REPORTS / "calls.jsonl"
    REPORTS.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *TESTS]
    environment = os.environ | {"LIKENESS_CALL_RECORD": str(file)}
    done = subprocess.run(command, cwd=ROOT, check=False, env=environment)
    return file, done.returncode


def read_record(file: Path) -> dict[str, set[str]]:
    """Return the actions of each role's name in the account."""
    used: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        call = json.loads(line)
        used.setdefault(call["role"], set()).add(call["action"])
    return used


def read_toml(name: str, table: str) -> list[dict[str, object]]:
    """Return the entries of one of this folder's tables."""
    entries: list[dict[str, object]] = tomllib.loads((HERE / name).read_text())[table]
    return entries


def compare(
    grants: Iterable[Grant],
    used: Mapping[str, set[str]],
    explained: Iterable[Mapping[str, object]],
) -> list[Role]:
    """Return each role of the template with what it used.

    A role's name in the account is the stack's name, its logical id, cut off where it is too long,
    and a suffix. A right that any of the tests' stacks used is used.
    """
    granted: dict[str, set[str]] = {}
    for grant in grants:
        granted.setdefault(grant.role, set()).add(grant.action)
    entries = list(explained)
    return [
        Role(
            logical,
            frozenset(actions - excused(logical, entries)),
            frozenset().union(*(used[name] for name in used if is_name_of(name, logical))),
        )
        for logical, actions in sorted(granted.items())
    ]


def excused(logical: str, entries: Iterable[Mapping[str, object]]) -> set[str]:
    """Return the actions that need not be used by this role."""
    of_role = [entry for entry in entries if logical.startswith(str(entry["role"]))]
    return set().union(*(actions_of(entry) for entry in of_role))


def not_granted(grants: Iterable[Grant], entries: Iterable[Mapping[str, object]]) -> set[str]:
    """Return the explained actions, as "role action", that no role of this beginning has."""
    granted = [(grant.role, grant.action) for grant in grants]
    return {
        f"{entry['role']} {action}"
        for entry in entries
        for action in actions_of(entry)
        if not any(r.startswith(str(entry["role"])) and a == action for r, a in granted)
    }


def actions_of(entry: Mapping[str, object]) -> set[str]:
    """Return the actions of an entry of a table."""
    actions = entry["actions"]
    return set(map(str, actions)) if isinstance(actions, list) else set()


def is_name_of(name: str, logical: str) -> bool:
    """Return whether a role in the account is the one with this logical id, in any stack.

    >>> is_name_of("likeness-TrainingRole-4301092575433", "TrainingRole")
    True
    >>> is_name_of("all-changed-TrainingRole-4301092575433", "TrainingRole")
    True
    >>> is_name_of("likeness-TrainAdapterFunctionRole-27AE9D168A13F", "TrainAdapterFunction")
    False
    """
    stem = name[:-SUFFIX].rstrip("-").rpartition("-")[2]  # a logical id has no hyphen
    is_cut = len(name) == MAX_ROLE_NAME and logical.startswith(stem)
    return bool(stem) and (stem == logical or is_cut)


def figures(
    roles: list[Role], grants: list[Grant], explained: list[dict[str, object]]
) -> list[Figure]:
    """Return what is reported."""
    known = set().union(*(actions_of(entry) for entry in explained))
    wildcards = {grant.action for grant in grants if grant.is_wildcard}
    worst = max(role.ratio for role in roles)
    return [
        Figure("roles", len(roles)),
        Figure("permissions for each used, worst role", worst, "", MAX_RATIO, "less"),
        Figure("permissions that nobody used", sum(len(role.unused) for role in roles)),
        Figure("wildcard actions", sum("*" in grant.action for grant in grants), "", 0, "less"),
        Figure("wildcard resources", len(wildcards)),
        Figure("wildcard resources without a reason", len(wildcards - known), "", 0, "less"),
        Figure("reasons of wildcards that are gone", len(known - wildcards), "", 0, "less"),
    ]


if __name__ == "__main__":
    sys.exit(main())
