"""events/<stage>/<case>.json serve `sam local invoke`, tests and people: each must be readable."""

import importlib
import inspect
import json
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.contract.files import ROOT, handler_folders

EVENTS = sorted((ROOT / "events").glob("*/*.json"))
BAD = [case for case in EVENTS if case.name.endswith(".bad.json")]
CASES = [case for case in EVENTS if case not in BAD]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_every_event_is_one_that_its_stage_understands(case: Path) -> None:
    for adapter in documents_of(case.parent.name):
        adapter.validate_python(json.loads(case.read_text()))


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_what_no_stage_understands_is_refused(case: Path) -> None:
    (adapter,) = documents_of(case.parent.name)
    with pytest.raises(ValidationError):
        adapter.validate_python(json.loads(case.read_text()))


def documents_of(stage: str) -> list[TypeAdapter[object]]:
    """Return what parses the events of a stage; nothing for one that ignores its event."""
    rule = inspect.unwrap(importlib.import_module(f"{stage}.app").lambda_handler)
    hints = get_type_hints(rule)
    return [TypeAdapter(hints[parameter]) for parameter in inspect.signature(rule).parameters]


def test_every_stage_has_an_event() -> None:
    assert {case.parent.name for case in CASES} == handler_folders()
