"""No process of the laptop's SageMaker outlives it, however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.sagemaker.container import folders
from local.sagemaker.container.images import Program
from local.sagemaker.container.process import Container
from local.sagemaker.settings import Settings, configure, current
from tests.cloud import PATIENCE_SECONDS, eventually

ROOT = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("how", ["killed", "reset", "restarted"])
def test_nothing_outlives_the_server(tmp_path: Path, how: str) -> None:
    paths = f"{ROOT / 'functions'}:{ROOT}"
    run = subprocess.run(
        [sys.executable, "-m", "tests.fakes.sagemaker_session", tmp_path, how],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == (-signal.SIGKILL if how == "killed" else 0), run.stderr[-3000:]
    pids = json.loads((tmp_path / "pids.json").read_text())
    assert len(pids) == 3
    eventually(lambda: not any(alive(pid) for pid in pids))


def start(folder: Path, script: str, ended: threading.Event | None = None) -> Container:
    program = Program((sys.executable, "-c", script))
    return Container(program, {"GIVEN": "yes"}, folder, folder / "log", ended)


def test_a_container_ends_with_its_programs_status(tmp_path: Path) -> None:
    ended = threading.Event()
    container = start(tmp_path, "raise SystemExit(3)", ended)
    assert ended.wait(PATIENCE_SECONDS)
    assert container.wait(PATIENCE_SECONDS) == 3
    container.terminate()
    container.kill()


def test_a_signal_counts_from_128_as_in_a_shell(tmp_path: Path) -> None:
    container = start(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert container.wait(PATIENCE_SECONDS) == 128 + signal.SIGSEGV


def test_a_program_that_does_not_exist_says_so(tmp_path: Path) -> None:
    container = Container(Program(("/no/such/program",)), {}, tmp_path, tmp_path / "log")
    assert container.wait(PATIENCE_SECONDS) == 127
    assert "cannot start /no/such/program" in (tmp_path / "log").read_text()


def test_a_container_takes_its_daemons_with_it(tmp_path: Path) -> None:
    daemon = (
        "import os, time, pathlib\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        pathlib.Path('pid').write_text(str(os.getpid()))\n"
        "        time.sleep(3000)\n"
        "    os._exit(0)\n"
        "while not pathlib.Path('pid').exists(): time.sleep(0.01)\n"
    )
    container = start(tmp_path, daemon)
    assert container.wait(PATIENCE_SECONDS) == 0
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_container_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    script = "import os, json; print(json.dumps(dict(os.environ)))"
    assert start(tmp_path, script).wait(PATIENCE_SECONDS) == 0
    seen = json.loads((tmp_path / "log").read_text())
    assert seen.keys() - {"LC_CTYPE"} == {"PATH", "HOME", "TMPDIR", "LANG", "GIVEN"}


def test_what_a_killed_server_has_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current()
    with socket.socket() as living:
        living.bind(("127.0.0.1", 0))
        living.listen()
        port = str(living.getsockname()[1])
        monkeypatch.setenv("GATEWAY_PORT", port)
        configure(Settings(work=tmp_path))
        for name in (port, "1"):
            (tmp_path / name / "training/job/input").mkdir(parents=True)
        folders.sweep()
        assert [folder.name for folder in tmp_path.iterdir()] == [port]
        folders.sweep(mine=True)
        assert list(tmp_path.iterdir()) == []
    configure(before)
