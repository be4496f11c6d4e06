"""Several processes of one training: how many are asked for, where each works, how they end."""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.process import launch
from trainer.process.launch import is_worker, read_num_processes, run_workers, worker_dir

MEMBER = """
import json, os, signal, sys, time
from pathlib import Path
names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR")
place = os.environ["RANK"]
Path(sys.argv[1], place).write_text(json.dumps([os.environ[name] for name in names]))
Path(sys.argv[1], f"port-{place}").write_text(os.environ["MASTER_PORT"])
print(f"message by {place}", flush=True)
code = sys.argv[2].split(",")[int(place)]
if code == "term":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)
if code == "hang":
    time.sleep(60)
sys.exit(int(code))
"""


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: str) -> int:
    """Run a group of the small program above; return what the training job would end with."""
    program = tmp_path / "member.py"
    program.write_text(MEMBER)
    monkeypatch.setattr(sys, "argv", [str(program), str(tmp_path), codes])
    return run_workers(tmp_path, len(codes.split(",")))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, 1),
        ({}, 1),
        ({"num_processes": "4"}, 4),
        ({"num_processes": 2}, 2),
        ({"num_processes": '"3"'}, 3),  # SageMaker's SDK writes JSON in JSON
        ({"num_processes": "many"}, 1),
        ({"num_processes": "-2"}, 1),
    ],
)
def test_a_job_says_how_many_processes_it_wants(
    tmp_path: Path, given: dict[str, object] | None, wanted: int
) -> None:
    if given is not None:
        folder = tmp_path / "input" / "config"
        folder.mkdir(parents=True)
        (folder / "hyperparameters.json").write_text(json.dumps(given))
    assert read_num_processes(tmp_path) == wanted


@pytest.mark.parametrize(("size", "member"), [(None, False), ("1", False), ("2", True)])
def test_one_of_several_knows_that_it_is(
    monkeypatch: pytest.MonkeyPatch, size: str | None, member: bool
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size is not None:
        monkeypatch.setenv("WORLD_SIZE", size)
    assert is_worker() is member


def test_members_know_their_place_and_only_the_first_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert group(tmp_path, monkeypatch, "0,0,0") == 0
    for place in "012":
        assert json.loads((tmp_path / place).read_text()) == [place, place, "3", "3", "127.0.0.1"]
    ports = {(tmp_path / f"port-{place}").read_text() for place in "012"}
    assert len(ports) == 1
    assert 1024 <= int(ports.pop()) <= 65535
    assert capfd.readouterr().out == "message by 0\n"
    assert not (tmp_path / "output").exists()


def test_what_the_first_has_committed_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert group(tmp_path, monkeypatch, "0,5") == 0
    assert not (tmp_path / "output").exists()


def test_members_that_wait_for_a_failed_one_are_ended_and_the_reason_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "EXIT_GRACE_SECONDS", 0.5)
    began = time.monotonic()
    assert group(tmp_path, monkeypatch, "hang,3") == 1
    assert time.monotonic() - began < 45
    assert (tmp_path / "output" / "failure").read_text() == (
        "training_failed: a worker process of this training ended early"
    )


def test_a_reason_that_is_written_already_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "failure").write_text("disk_full: no room")
    assert group(tmp_path, monkeypatch, "7,0") == 1
    assert (tmp_path / "output" / "failure").read_text() == "disk_full: no room"


def test_a_wish_to_end_is_passed_on_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert group(tmp_path, monkeypatch, "term") == 143
    assert not (tmp_path / "output").exists()


# --- one of several hosts ------------------------------------------------------------------

HOST = """
import os, signal, sys, time
from trainer.process.launch import is_contained, run_contained
if not is_contained():
    sys.exit(run_contained())
code = sys.argv[1]
if code == "term":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)
if code == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(code))
"""


@pytest.mark.parametrize(
    ("ending", "code"), [("0", 0), ("1", 0), ("killed", 0), ("143", 143), ("term", 143)]
)
def test_a_host_that_fails_leaves_the_other_hosts_to_their_work(
    tmp_path: Path, ending: str, code: int
) -> None:
    program = tmp_path / "host.py"
    program.write_text(HOST)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, program, ending], env=environment, check=False)
    assert run.returncode == code


@pytest.mark.parametrize(
    ("given", "hosts"), [(None, 1), ({}, 1), ({"hosts": ["algo-1", "algo-2"]}, 2)]
)
def test_the_hosts_of_a_job_are_counted(
    tmp_path: Path, given: dict[str, object] | None, hosts: int
) -> None:
    if given is not None:
        folder = tmp_path / "input" / "config"
        folder.mkdir(parents=True)
        (folder / "resourceconfig.json").write_text(json.dumps(given))
    assert launch.count_hosts(tmp_path) == hosts


# --- where each works -----------------------------------------------------------------------


@pytest.mark.parametrize("rank", [None, "0"])
def test_the_first_works_where_sagemaker_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str | None
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert worker_dir(tmp_path) == tmp_path


@pytest.mark.parametrize("states", [True, False])
def test_the_others_have_inputs_and_states_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: bool
) -> None:
    monkeypatch.setenv("RANK", "1")
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "plan.json").write_text("plan")
    if states:
        (tmp_path / "checkpoints" / "job").mkdir(parents=True)
        (tmp_path / "checkpoints" / "job" / "state").write_text("state")
    registered: list[tuple[object, ...]] = []
    monkeypatch.setattr(atexit, "register", lambda *a, **k: registered.append((*a, k)))
    room = worker_dir(tmp_path)
    assert room != tmp_path
    assert room.name.startswith("likeness-")
    assert (room / "input" / "plan.json").read_text() == "plan"
    assert (room / "checkpoints").exists() is states
    if states:
        (room / "checkpoints" / "job" / "state").write_text("mine")
        assert (tmp_path / "checkpoints" / "job" / "state").read_text() == "state"
    ((remove, *what, options),) = registered
    assert (what, options) == ([room], {"ignore_errors": True})
    assert callable(remove)
    remove(room, ignore_errors=True)
    assert not room.exists()
    assert os.path.exists(tmp_path / "input" / "plan.json")  # noqa: PTH110 - the link's target
