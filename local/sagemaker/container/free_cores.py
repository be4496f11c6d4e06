"""How many cores are free now, and how OpenMP's threads should wait on them.

Threads that spin while they wait are faster on free cores and far slower on busy ones; threads that
sleep are the other way round (docs/performance.md).
"""

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
SAMPLE_SECONDS = 0.5
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

SPIN = {"GOMP_SPINCOUNT": "10000"}
"""A short spin. With two threads on two cores at load 8, a step took 1.4 times as long as with one;
with the default, 300,000 turns, 3 times (2026-11-28)."""

SLEEP = {"OMP_WAIT_POLICY": "PASSIVE"}
"""At load 9 a step with two sleeping threads took 0.2 to 0.5 of one thread's time (2026-11-28)."""


def waiting(cores: int) -> dict[str, str]:
    """Return the variables for a program that may use this number of cores, as busy as they are."""
    before = STAT.read_text()
    time.sleep(SAMPLE_SECONDS)
    idle = idle_cores(before, STAT.read_text(), SAMPLE_SECONDS)
    return choose(idle, cores)


def choose(idle: float, cores: int) -> dict[str, str]:
    """Return how to wait: spin only where nearly every core is free.

    >>> choose(1.9, 2), choose(1.2, 2)
    ({'GOMP_SPINCOUNT': '10000'}, {'OMP_WAIT_POLICY': 'PASSIVE'})
    """
    return SPIN if idle >= 0.75 * cores else SLEEP


def idle_cores(before: str, after: str, seconds: float) -> float:
    """Return how many cores were idle between two readings of ``/proc/stat``.

    >>> ticks = TICKS_PER_SECOND
    >>> idle_cores("cpu 5 0 5 100 0 0", f"cpu 9 0 9 {100 + ticks} 0 0", seconds=1.0)
    1.0
    """
    return (_idle_ticks(after) - _idle_ticks(before)) / TICKS_PER_SECOND / seconds


def _idle_ticks(stat: str) -> int:
    fields = stat.splitlines()[0].split()
    return int(fields[4]) + int(fields[5])  # idle, and idle while a disk is waited for
