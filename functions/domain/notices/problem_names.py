"""Names of fields in a notice: those that somebody could have looked up, and no word of the owner.

A notice goes to mailboxes and chat rooms that nobody erases; a misspelt field may be anything. The
owner finds the name in ``problems/<tenant>/<upload>.json`` of the models bucket.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.suffixes import AVATAR_FILE, CONSENT_FILE, JUMPSTART_FILE
from domain.intake.inspection import CAPTIONS
from domain.requests.aliases import ALIASES, RUN_ALIASES
from domain.requests.kohya.settings import KNOWN
from domain.requests.tools import (
    ai_toolkit,
    autotrain,
    diffusers_scripts,
    invoke_training,
    onetrainer,
    simpletuner,
)
from domain.requests.tools.hosted import RENAMED
from domain.requests.tools.recognition import STRONG, WEAK

TOOLS = (ai_toolkit, autotrain, diffusers_scripts, invoke_training, onetrainer, simpletuner)
SECTIONS = {"config", "process", "type", "multidatabackend", "datasets", *autotrain.PARTS}
"""Sections of their files, and what is said of a whole section."""

UNKNOWN = "(an unknown name)"


def without_words(problem: RequestProblem) -> RequestProblem:
    """Return the problem for a notice: a name that is nobody's is replaced."""
    parts = problem.field.split(".")
    known = known_names()
    if problem.field in known or all(not one or one.isdigit() or one in known for one in parts):
        return problem
    return problem.model_copy(update={"field": UNKNOWN})


@cache
def known_names() -> frozenset[str]:
    """Return every name of a request, and of the tools whose settings are read."""
    files = {CAPTIONS, AVATAR_FILE, CONSENT_FILE, JUMPSTART_FILE, "kohya.toml", "request.json"}
    files |= {"sh", "toml", "yaml"}
    ours = set(_properties(TrainingRequest.model_json_schema()))
    marks = {name for names in (*STRONG.values(), *WEAK.values()) for name in names}
    paths = {path for tool in TOOLS for path in (*tool.NAMES, *tool.NOTES)}
    parts = {part for path in paths for part in path.split(".")}
    return frozenset(ours | files | marks | SECTIONS | parts).union(
        ALIASES, RUN_ALIASES, RENAMED, KNOWN
    )


def _properties(schema: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the names of all fields in a schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from _properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value)
