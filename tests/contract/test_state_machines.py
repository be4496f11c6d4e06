"""The committed definitions are what their parts make; a part that does not fit is named."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contract.files import MACHINES, ROOT

SCRIPT = ROOT / "statemachine" / "assemble.py"
STATE = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Retry": ["Again"], "Catch": ["Tell", {"ErrorEquals": ["X"]}], "End": True}
AGAIN = {"ErrorEquals": ["Lambda.Unknown"], "MaxAttempts": 2}
PUBLISH = {"ErrorEquals": ["States.ALL"], "Next": "Last", "Output": {"failure": 1}}


def assembler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("assemble", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ASSEMBLER = assembler()


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A machine of two states and a Map."""
    files = {
        "shared/retriers.json": {"Again": AGAIN},
        "shared/catchers.json": {
            "Tell": PUBLISH,
            "TellMore": {"Catcher": "Tell", "Output": {"job": 2}},
        },
        "m/machine.json": {"StartAt": "First", "States": ["First", "Each", "Last"]},
        "m/First.json": TASK,
        "m/Each.json": {"Type": "Map", "ItemProcessor": {"States": ["Inner"]}, "Next": "Last"},
        "m/Inner.json": STATE,
        "m/Last.json": STATE,
    }
    for name, content in files.items():
        write(tmp_path / name, content)
    return tmp_path


def write(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def assembled(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(ASSEMBLER.assembled(folder)[folder / "m.asl.json"])
    return made


def test_the_committed_definitions_are_what_their_parts_make() -> None:
    run = subprocess.run([sys.executable, SCRIPT, "--check"], check=False, capture_output=True)
    assert run.returncode == 0, (
        f"run `python statemachine/assemble.py`: {run.stdout + run.stderr!r}"
    )
    assert set(ASSEMBLER.assembled(ROOT / "statemachine")) == set(MACHINES.values())


def test_the_page_of_retries_names_every_error_that_a_state_retries() -> None:
    retriers = json.loads((ROOT / "statemachine" / "shared" / "retriers.json").read_text())
    page = (ROOT / "docs" / "retries.md").read_text()
    names = {name for retrier in retriers.values() for name in retrier["ErrorEquals"]}
    assert not {name for name in names if f"`{name}`" not in page}


def test_names_become_what_states_share(parts: Path) -> None:
    states = assembled(parts)["States"]
    assert list(states) == ["First", "Each", "Last"]
    assert states["First"]["Retry"] == [AGAIN]
    assert states["First"]["Catch"] == [PUBLISH, {"ErrorEquals": ["X"]}]
    assert states["Each"]["ItemProcessor"]["States"] == {"Inner": STATE}


def test_a_catcher_can_be_another_one_with_more_output(parts: Path) -> None:
    write(parts / "m/First.json", TASK | {"Catch": ["TellMore"]})
    (catcher,) = assembled(parts)["States"]["First"]["Catch"]
    assert catcher == PUBLISH | {"Output": {"failure": 1, "job": 2}}


def unknown_retrier(parts: Path) -> None:
    write(parts / "m/First.json", TASK | {"Retry": ["Agian"]})


def unknown_catcher(parts: Path) -> None:
    write(parts / "m/First.json", TASK | {"Catch": ["Shout"]})


def state_without_a_file(parts: Path) -> None:
    (parts / "m/Last.json").unlink()


def file_without_a_state(parts: Path) -> None:
    write(parts / "m/Forgotten.json", STATE)


def state_listed_twice(parts: Path) -> None:
    write(parts / "m/machine.json", {"StartAt": "First", "States": ["First", "Each", "Inner"]})


def map_with_states_of_its_own(parts: Path) -> None:
    write(parts / "m/Each.json", {"Type": "Map", "ItemProcessor": {"States": {"Inner": STATE}}})


def half_a_file(parts: Path) -> None:
    (parts / "m/Last.json").write_text('{"Type": ')


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unknown_retrier, "m/First.json: 'Agian' is not in shared/retriers.json, which has Again"),
        (unknown_catcher, "m/First.json: 'Shout' is not in shared/catchers.json, which has Tell"),
        (state_without_a_file, "m: the state Last has no file: write Last.json"),
        (file_without_a_state, "m: no list of States names Forgotten"),
        (state_listed_twice, "m: the state Inner is listed twice"),
        (map_with_states_of_its_own, "m/Each.json: States must be a list of names"),
        (half_a_file, "m/Last.json cannot be read"),
    ],
)
def test_parts_that_do_not_fit_are_named(
    parts: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(parts)
    with pytest.raises(ASSEMBLER.AssemblyError) as refused:
        assembled(parts)
    assert words in str(refused.value)
