"""Whole answers, kept in files: a changed word or field is seen, and looked at before it is kept.

LIKENESS_WRITE_GOLDENS=1 has a test write what it found; read the difference before it is committed.
"""

import json
import os
from pathlib import Path
from typing import Any

from tests.contract.files import ROOT

FOLDER = ROOT / "tests" / "unit" / "domain" / "goldens"


def check_golden(name: str, found: dict[str, Any]) -> None:
    """Compare an answer, as JSON, with the one that was kept under this name."""
    file = Path(FOLDER, f"{name}.json")
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("LIKENESS_WRITE_GOLDENS"):
        file.write_text(text)
    kept = json.loads(file.read_text())
    reported = json.loads(text)
    assert list(reported) == list(kept), f"cases of {file.name}"
    for case in kept:
        assert reported[case] == kept[case], f"{file.name}: {case}"
