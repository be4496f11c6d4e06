"""Mutants that no test notices, and the reasons why some of them never can be noticed.

``survivors.toml`` names a mutant by its file, its function, and the lines before and after, so an
entry outlives every change but one of those lines. After such a change it is stale: it explains
nothing any more, and has to be removed or written anew.
"""

import ast
import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.mutants.rooms import ROOT

FILE = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, order=True)
class Change:
    """What one mutant does."""

    file: str
    function: str
    old: str
    """The lines that it takes away, without their indent."""
    new: str


def read_reasons(file: Path = FILE) -> dict[Change, str]:
    """Return the reason for each explained mutant.

    Raises:
        ValueError: an entry has no reason, or is there twice.
    """
    reasons: dict[Change, str] = {}
    for entry in tomllib.loads(file.read_text()).get("explained", []):
        reason = str(entry["reason"]).strip()
        for old, new in entry["changes"]:
            change = Change(entry["file"], entry["function"], old, new)
            if not reason or change in reasons:
                raise ValueError(f"{file.name}: twice, or without a reason: {change}")
            reasons[change] = reason
    return reasons


def find_stale(reasons: Iterable[Change], root: Path = ROOT) -> list[Change]:
    """Return the explained changes whose lines the function no longer has."""
    return [change for change in reasons if not fits(change, root)]


def fits(change: Change, root: Path) -> bool:
    """Return whether the change's old lines are in its function."""
    path = root / change.file
    text = path.read_text() if path.is_file() else ""
    found = functions_in(ast.parse(text)).get(change.function)
    if found is None:
        return False
    lines = {line.strip() for line in text.splitlines()[found.lineno - 1 : found.end_lineno]}
    return lines.issuperset(change.old.splitlines())


def functions_in(module: ast.Module) -> dict[str, ast.FunctionDef]:
    """Return a module's functions and methods by their names, as ``function_of`` gives them."""
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    owners = [("", module.body), *((f"{owner.name}.", owner.body) for owner in classes)]
    return {
        f"{prefix}{node.name}": node
        for prefix, body in owners
        for node in body
        if isinstance(node, ast.FunctionDef)
    }


def change_of(file: str, mutant: str, diff: str) -> Change:
    """Return a mutant's change, from mutmut's name for it and its unified diff."""
    lines = diff.splitlines()[2:]
    old = [line[1:].strip() for line in lines if line.startswith("-")]
    new = [line[1:].strip() for line in lines if line.startswith("+")]
    return Change(file, function_of(mutant), "\n".join(old), "\n".join(new))


def function_of(mutant: str) -> str:
    """Return the function's name, with its class.

    >>> function_of("domain.pricing.prices.x_cost_usd__mutmut_3")
    'cost_usd'
    >>> function_of("serving.answer_cache.xǁAnswerCacheǁget__mutmut_1")
    'AnswerCache.get'
    """
    mangled = mutant.rpartition(".")[2].rpartition("__mutmut_")[0]
    return ".".join(mangled.split("ǁ")[1:]) if "ǁ" in mangled else mangled.removeprefix("x_")


def as_toml(survivors: Iterable[Change]) -> str:
    """Return survivors as entries of ``survivors.toml`` that wait for their reasons."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in sorted(survivors):
        groups.setdefault((change.file, change.function), []).append(change)
    return "\n".join(entry(file, function, found) for (file, function), found in groups.items())


def entry(file: str, function: str, changes: Iterable[Change]) -> str:
    """Return the entry of one function."""
    # A JSON string without characters outside ASCII escaped is a TOML basic string.
    lines = "".join(
        f"  [{json.dumps(c.old, ensure_ascii=False)}, {json.dumps(c.new, ensure_ascii=False)}],\n"
        for c in changes
    )
    return (
        f'[[explained]]\nfile = "{file}"\nfunction = "{function}"\nreason = ""\n'
        f"changes = [\n{lines}]\n"
    )
