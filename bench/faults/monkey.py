"""Kills a random process of the laptop's AWS every few seconds, while uploads are under way."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.faults.processes import kill, of_function, of_trainer, of_tritonserver, processes
from bench.faults.stories import GOOD, PATIENCE_SECONDS, Stack, complaints, wait_for

VICTIMS = ("function", "trainer", "tritonserver")
PAUSE_SECONDS = (3.0, 12.0)


@dataclass
class Havoc:
    """What a monkey has done, and what came of it."""

    killed: Counter[str] = field(default_factory=Counter)
    """Kind of process -> how many."""
    redriven: int = 0
    """Uploads whose stage was killed more often than it is retried: told, red, then redriven."""
    wrong: list[str] = field(default_factory=list)


def run(stack: Stack, uploads: int, seed: int) -> Havoc:
    """Put all uploads at once and kill meanwhile; then redrive what has failed."""
    stack.injector.begin()
    havoc = Havoc()
    tenants = [f"monkey-{seed}-{number}" for number in range(uploads)]
    for tenant in tenants:
        stack.put(tenant, GOOD.photos)
    with killing(stack, seed, havoc.killed):
        for tenant in tenants:
            wait_for(stack, GOOD, tenant, redriven=False)
    for tenant in tenants:
        havoc.redriven += is_failed(stack, tenant)
        stack.redrive(tenant)
    for tenant in tenants:
        ended = wait_for(stack, GOOD, tenant, redriven=True)
        found = complaints(stack, GOOD, tenant, ended=ended, lasting=is_failed(stack, tenant))
        havoc.wrong += [f"{tenant}: {one}" for one in found if "training jobs" not in one]
    return havoc


def is_failed(stack: Stack, tenant: str) -> bool:
    """Return whether the owner was told of a failure that may pass."""
    first = next(iter(stack.notices[tenant]), None)
    return first is not None and first["status"] == "failed" and bool(first["retryable"])


@contextmanager
def killing(stack: Stack, seed: int, killed: Counter[str]) -> Iterator[None]:
    """Kill something every few seconds, in a thread, and count it."""
    stop = threading.Event()
    dice = random.Random(seed)  # noqa: S311 - no secret

    def work() -> None:
        while not stop.wait(dice.uniform(*PAUSE_SECONDS)):
            victim = dice.choice(VICTIMS)
            killed[victim] += len(kill_one(victim, stack.cloud.port, dice))

    thread = threading.Thread(target=work, name="monkey")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)


def kill_one(victim: str, port: int, dice: random.Random) -> list[int]:
    """Kill one process of a kind, if there is one; return its id in a list."""
    condition = {
        "function": of_function(port, "likeness-"),
        "trainer": of_trainer(port),
        "tritonserver": of_tritonserver(port),
    }[victim]
    found = list(processes(condition))
    return kill([dice.choice(found)]) if found else []
