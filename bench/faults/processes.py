"""Finds the laptop AWS's processes: those of functions, trainers and tritonservers."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

Condition = Callable[[Path], bool]
"""Says whether a folder of /proc is that of a process that is wanted."""


def processes(is_wanted: Condition) -> Iterator[int]:
    """Yield the ids of the processes that fulfil a condition."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or belongs to another user
            if is_wanted(folder):
                yield int(folder.name)


def of_function(port: int, name: str) -> Condition:
    """Return the condition of a function's processes; a name that ends early fits several."""
    title = f"/{port}/{name}".encode()
    return lambda folder: title in (folder / "cmdline").read_bytes()


def of_trainer(port: int) -> Condition:
    """Return the condition of the training jobs' processes."""
    ours = f"/sagemaker/{port}/".encode()

    def fits(folder: Path) -> bool:
        variables = (folder / "environ").read_bytes()
        return b"TRAINING_JOB_NAME=" in variables and ours in variables

    return fits


def of_tritonserver(port: int) -> Condition:
    """Return the condition of the endpoints' tritonservers."""
    ours = f"/sagemaker/{port}/endpoints/".encode()
    return lambda folder: (
        (folder / "comm").read_bytes().startswith(b"tritonserver")
        and ours in (folder / "environ").read_bytes()
    )


def kill(pids: Iterable[int]) -> list[int]:
    """Kill processes at once; return their ids."""
    found = list(pids)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found
