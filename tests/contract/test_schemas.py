"""A change of a contract shows as a difference of a committed file."""

import os
import subprocess
import sys

from tests.contract.files import ROOT


def test_schemas_and_codes_are_committed_as_they_are() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "docs" / "schemas.py", "--check"],
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "functions")},
    )
    assert run.returncode == 0, "run `PYTHONPATH=functions python docs/schemas.py`"
