"""One process for each GPU, when the job asks for several: starts them, ends them together.

Every process does all of the work in a room of its own, and they meet where gradients are averaged
(trainer.process.distributed). Only the first one's room is SageMaker's; what the others write is thrown away.
Nothing here needs torch, so that the launcher costs nothing. ``accelerate launch`` may be used in
its place: both set the variables that accelerate reads.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 60.0
"""Seconds that processes have to end after the first one has."""


def processes_wanted(root: Path) -> int:
    """Return the hyperparameter ``num_processes``; trainer.process.resources refuses what is no number."""
    path = root / "input" / "config" / "hyperparameters.json"
    if not path.is_file():
        return 1
    wanted = str(json.loads(path.read_bytes()).get("num_processes", "1")).strip('"')
    return int(wanted) if wanted.isdecimal() else 1


def is_member() -> bool:
    """Return whether this process is one of several already."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def run_crew(root: Path, count: int) -> int:
    """Run this program ``count`` times at once; return the first one's exit code."""
    port = str(_free_port())
    members = [_start(place, count, port) for place in range(count)]

    def pass_on(number: int, _: object) -> None:
        for member in members:
            member.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    _wait(members)
    codes = [member.wait() for member in members]
    if codes[0] == 0 and any(codes):  # the first one committed what there is
        return 0
    failure = root / "output" / "failure"
    if codes[0] not in {0, 143} and not failure.exists():
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text("training_failed: one of the processes of this training ended early")
    return codes[0] if codes[0] in {0, 143} else 1


def own_room(root: Path) -> Path:
    """Return where this process works: the others have the inputs and states, but no output."""
    if int(os.environ.get("RANK", "0")) == 0:
        return root
    room = Path(tempfile.mkdtemp(prefix="likeness-"))
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    (room / "input").symlink_to(root / "input")
    if (root / "checkpoints").is_dir():
        shutil.copytree(root / "checkpoints", room / "checkpoints")
    return room


def _start(place: int, count: int, port: str) -> subprocess.Popen[bytes]:
    own = {
        "RANK": str(place),
        "LOCAL_RANK": str(place),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    quiet = None if place == 0 else subprocess.DEVNULL
    return subprocess.Popen([sys.executable, *sys.argv], env=os.environ | own, stdout=quiet)


def _wait(members: list[subprocess.Popen[bytes]]) -> None:
    """Wait for all; those that would wait for one that has failed are ended."""
    deadline = None
    while any(member.poll() is None for member in members):
        if deadline is None and any(member.poll() for member in members):
            deadline = time.monotonic() + PATIENCE
        if deadline is not None and time.monotonic() > deadline:
            for member in members:
                member.kill()
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port: int = place.getsockname()[1]
        return port
