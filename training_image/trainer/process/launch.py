"""The launcher: starts one worker process for each GPU when the job asks for several.

Every worker does all of the work in a directory of its own; the workers meet where gradients are
averaged (trainer.process.distributed). SageMaker sees the directory of rank 0 alone, and the others
are deleted. This module does not import torch, so the launcher takes little memory.
``accelerate launch`` may be used instead: both set the variables that accelerate reads.
"""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from contracts.shared.ports import free_port

CONTAINED = "LIKENESS_CONTAINED"
"""Set for the process of ``run_contained``."""

EXIT_GRACE_SECONDS = 60.0
"""The time that workers have to end after one of them has failed."""


def read_num_processes(root: Path) -> int:
    """Return the hyperparameter ``num_processes``; process.resources reports invalid values."""
    path = root / "input" / "config" / "hyperparameters.json"
    if not path.is_file():
        return 1
    value = str(json.loads(path.read_bytes()).get("num_processes", "1")).strip('"')
    return int(value) if value.isdecimal() else 1


def count_hosts(root: Path) -> int:
    """Return the number of the training job's hosts, from ``resourceconfig.json``."""
    path = root / "input" / "config" / "resourceconfig.json"
    return len(json.loads(path.read_bytes()).get("hosts", [""])) if path.is_file() else 1


def is_contained() -> bool:
    """Return whether this process is the one that ``run_contained`` has started."""
    return CONTAINED in os.environ


def run_contained() -> int:
    """Run this program in a process of its own, whose failure does not fail the training job.

    SageMaker stops all hosts of a training job when one of them fails. A host that fails here has
    left results for some of its users; the workflow trains the others again, each alone.
    """
    child = subprocess.Popen([sys.executable, *sys.argv], env=os.environ | {CONTAINED: "true"})
    signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    code = child.wait()
    if code in {0, 143}:
        return code
    sys.stderr.write(f"this host's process ended with {code}; the other hosts go on\n")
    return 0


def is_worker() -> bool:
    """Return whether this process is one of several workers."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def run_workers(root: Path, count: int) -> int:
    """Run this program in ``count`` workers; return the exit code of rank 0."""
    port = str(free_port())
    workers = [_start(rank, count, port) for rank in range(count)]

    def forward_signal(number: int, _: object) -> None:
        for worker in workers:
            worker.send_signal(number)

    signal.signal(signal.SIGTERM, forward_signal)
    _wait(workers)
    codes = [worker.wait() for worker in workers]
    if codes[0] == 0 and any(codes):  # rank 0 has committed the results
        return 0
    failure = root / "output" / "failure"
    if codes[0] not in {0, 143} and not failure.exists():
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text("training_failed: a worker process of this training ended early")
    return codes[0] if codes[0] in {0, 143} else 1


def worker_dir(root: Path) -> Path:
    """Return this worker's directory; ranks above 0 share inputs and checkpoints but no output."""
    if int(os.environ.get("RANK", "0")) == 0:
        return root
    folder = Path(tempfile.mkdtemp(prefix="likeness-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "input").symlink_to(root / "input")
    if (root / "checkpoints").is_dir():
        shutil.copytree(root / "checkpoints", folder / "checkpoints")
    return folder


def _start(rank: int, count: int, port: str) -> subprocess.Popen[bytes]:
    own = {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    quiet = None if rank == 0 else subprocess.DEVNULL
    return subprocess.Popen([sys.executable, *sys.argv], env=os.environ | own, stdout=quiet)


def _wait(workers: list[subprocess.Popen[bytes]]) -> None:
    """Wait for all workers; kill those that wait for a failed one."""
    deadline = None
    while any(worker.poll() is None for worker in workers):
        if deadline is None and any(worker.poll() for worker in workers):
            deadline = time.monotonic() + EXIT_GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            for worker in workers:
                worker.kill()
        time.sleep(0.2)
