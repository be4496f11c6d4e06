"""Kills a random process of the laptop's AWS every few seconds, while uploads are under way."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.faults.stories import GOOD, PATIENCE_SECONDS, Stack, complaints, wait_for

VICTIMS = ("function", "trainer", "tritonserver")
PAUSE_SECONDS = (3.0, 12.0)


def run(stack: Stack, uploads: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Put all uploads at once and kill meanwhile; return what was wrong, and who was killed."""
    stack.injector.begin()
    tenants = [f"monkey-{seed}-{number}" for number in range(uploads)]
    for tenant in tenants:
        stack.put(tenant, GOOD.photos)
    with killing(stack, seed) as killed:
        ended = {tenant: wait_for(stack, GOOD, tenant, redriven=False) for tenant in tenants}
    wrong = [
        f"{tenant}: {complaint}"
        for tenant in tenants
        for complaint in complaints(stack, GOOD, tenant, ended=ended[tenant], lasting=False)
        if "training jobs" not in complaint  # a trainer that was killed is started again
    ]
    return wrong, killed


@contextmanager
def killing(stack: Stack, seed: int) -> Iterator[Counter[str]]:
    """Kill something every few seconds, in a thread; yield who was killed so far."""
    stop, killed = threading.Event(), Counter[str]()
    dice = random.Random(seed)  # noqa: S311 - no secret

    def work() -> None:
        while not stop.wait(dice.uniform(*PAUSE_SECONDS)):
            victim = dice.choice(VICTIMS)
            killed[victim] += len(kill_one(victim, stack.cloud.port, dice))

    thread = threading.Thread(target=work, name="monkey")
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)


def kill_one(victim: str, port: int, dice: random.Random) -> list[int]:
    """Kill one process of a kind, if there is one; return its id in a list."""
    found = list(processes(victim, port))
    if not found:
        return []
    pid = dice.choice(found)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return [pid]


def processes(victim: str, port: int) -> Iterator[int]:
    """Yield the ids of this laptop AWS's processes of a kind."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if is_one(folder, victim, port):
                yield int(folder.name)


def is_one(folder: Path, victim: str, port: int) -> bool:
    """Return whether a folder of /proc is that of a process of this kind."""
    if victim == "function":
        return f"/{port}/likeness-".encode() in (folder / "cmdline").read_bytes()
    variables = (folder / "environ").read_bytes()
    if victim == "trainer":
        ours = f"/sagemaker/{port}/".encode()
        return b"TRAINING_JOB_NAME=" in variables and ours in variables
    ours = f"/sagemaker/{port}/endpoints/".encode()
    return (folder / "comm").read_bytes().startswith(b"tritonserver") and ours in variables
