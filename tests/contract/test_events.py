"""events/<stage>/<case>.json serve `sam local invoke`, tests and people: each must be readable."""

import importlib
import inspect
import json
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic import TypeAdapter

from tests.contract.files import ROOT, handler_folders

CASES = sorted((ROOT / "events").glob("*/*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_every_event_is_one_that_its_stage_understands(case: Path) -> None:
    handler = importlib.import_module(f"{case.parent.name}.app").lambda_handler
    rule = inspect.unwrap(handler)
    for parameter in inspect.signature(rule).parameters:
        TypeAdapter(get_type_hints(rule)[parameter]).validate_python(json.loads(case.read_text()))


def test_every_stage_has_an_event() -> None:
    assert {case.parent.name for case in CASES} == handler_folders()
