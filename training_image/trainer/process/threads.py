"""How many threads a step on the CPU takes: tried on this machine, as busy as it is when it starts.

More threads are faster where cores are free, and up to forty times slower where OpenMP's threads
spin on busy ones. So nothing is assumed: a step is timed with each number. On the laptop
local/sagemaker/free_cores.py limits how long they spin, so that a wrong choice is cheap when the
machine gets busier later.
"""

import os
from collections.abc import Callable

import torch

from trainer.process.results import log

VARIABLE = "LIKENESS_MAX_THREADS"
"""Up to how many; absent: as OMP_NUM_THREADS says, and nothing is tried."""

TRIALS = 2
"""Steps timed with each number of threads; the fastest counts, because the first warms up."""


def choose_threads(step: Callable[[], float], device: torch.device) -> float:
    """Compute with the number of threads that is fastest; return the seconds of its step.

    Args:
        step: does one step and returns how many seconds it took.
        device: where; on a GPU the number is left as it is.
    """
    numbers = candidates(os.environ.get(VARIABLE, ""))
    if device.type != "cpu" or not numbers:
        return step()
    seconds = {number: fastest(step, number) for number in numbers}
    best = min(numbers, key=lambda number: seconds[number])
    torch.set_num_threads(best)
    tried = " ".join(f"{number}={taken:.3f}" for number, taken in seconds.items())
    log(f"threads {best}, seconds_per_step by threads: {tried}")
    return seconds[best]


def candidates(most: str) -> tuple[int, ...]:
    """Return the numbers to try: one, a half of the most, the most.

    >>> candidates("8"), candidates("2"), candidates("1"), candidates(""), candidates("many")
    ((1, 4, 8), (1, 2), (), (), ())
    """
    number = int(most) if most.isdecimal() else 0
    return tuple(sorted({1, (number + 1) // 2, number})) if number > 1 else ()


def fastest(step: Callable[[], float], number: int) -> float:
    """Return the seconds of the fastest of a few steps with this number of threads."""
    torch.set_num_threads(number)
    return min(step() for _ in range(TRIALS))
