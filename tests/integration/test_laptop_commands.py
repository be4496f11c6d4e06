"""The commands behind `make up`, `make exports`, `make deploy` and `make photos`."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from likeness_client.__main__ import main
from local.cloud.paths import ROOT


def call(*words: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    places = {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=ROOT, env=bare | places, capture_output=True, text=True, check=False
    )


@pytest.fixture
def port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def running(port: str) -> Iterator[str]:
    up = call("local.cloud", "--port", port, "--detach")
    assert up.returncode == 0, up.stderr
    yield up.stdout
    call("local.cloud", "--port", port, "--stop")


@pytest.mark.parametrize("words", [("local.cloud", "--exports"), ("local.deploy",)])
def test_without_a_server_the_command_says_how_to_start_one(
    words: tuple[str, ...], port: str
) -> None:
    run = call(*words, "--port", port)
    assert (run.returncode, run.stdout) == (1, "")
    assert "Start one: `make up PORT=" in run.stderr


def test_the_exports_are_all_that_the_cli_needs(running: str, port: str) -> None:
    exports = call("local.cloud", "--port", port, "--exports").stdout
    printed = [line.strip() for line in running.splitlines() if line.startswith("  export ")]
    assert printed == [line for line in exports.splitlines() if "PATH" not in line]
    ask = subprocess.run(
        ["bash", "-c", f"{exports}\naws sts get-caller-identity --query Account --output text"],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ask.returncode, ask.stdout) == (0, "000000000000\n"), ask.stderr


def test_the_sample_photos_would_be_accepted(tmp_path: Path) -> None:
    drawn = call("local.portraits", str(tmp_path / "photos"))
    assert drawn.stdout == f"10 photos and their captions are in {tmp_path / 'photos'}/\n"
    assert len(list((tmp_path / "photos").glob("*.jpg"))) == 10
    assert main(["check", str(tmp_path / "photos")]) == 0
