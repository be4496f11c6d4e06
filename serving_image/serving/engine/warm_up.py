"""Warm-up: one picture is drawn, the memory plan is tried, and the speed is measured."""

import time
from collections.abc import Callable

import torch

from serving.engine.failures import free_device, is_shortage
from serving.engine.memory import MemoryPlan, device_bytes
from serving.engine.speed import Speed
from serving.generator import Generator, log
from serving.output.truth import is_finite
from serving.picture_request import Sampling
from serving.precision import wider_dtype
from serving.rows import Drawing, Row

STEPS = 3
DECODINGS = 3
"""Decodings whose shortest is measured: one pause of the host must not count for ever."""
GUIDANCE = 2.0
MIN_SECONDS = 1e-5


class OverflowingBaseError(Exception):
    """The base's pictures overflow in every type that the device has."""


class NoMemoryError(Exception):
    """The device cannot draw one picture of the base's own size."""


def warm_up(generator: Generator) -> None:
    """Draw one picture in few steps, so that the first user does not wait for the device.

    A base that overflows float16 is loaded again in a wider type.

    Raises:
        OverflowingBaseError: it overflows the wider type too.
    """
    wider, finite = wider_dtype(generator.device), draws_finite(generator)
    if not finite and generator.dtype is torch.float16:
        log(f"the base overflows {generator.dtype}; it is loaded again in {wider}")
        generator.load(wider)
        finite = draws_finite(generator)
    if not finite:
        message = f"the base's pictures overflow {generator.dtype}: are its weights damaged?"
        raise OverflowingBaseError(message)


def draws_finite(generator: Generator) -> bool:
    """Draw one picture in few steps; return whether its numbers are finite."""
    drawing = generator.begin(make_row(generator))
    while drawing.remaining:
        generator.step([drawing])
    return is_finite(generator.decode(drawing))


def make_row(generator: Generator, seed: int = 0) -> Row:
    """Return a picture of the base's own size in few steps."""
    card = generator.card
    size = (card.resolution, card.resolution)
    sampling = Sampling(STEPS, *size, card.inference.scheduler)
    return Row("warm up", None, seed, GUIDANCE, sampling)


def make_plan(generator: Generator, adapter_bytes: int, share: int = 1) -> MemoryPlan:
    """Return the memory plan of a base on its device, which ``share`` engines share."""
    needs = generator.needs()
    return MemoryPlan(needs, device_bytes(generator.device) // share, adapter_bytes)


def try_plan(generator: Generator, plan: MemoryPlan, rows: int) -> tuple[MemoryPlan, Speed]:
    """Draw the largest planned pass of the base's own size; return what holds, and the speed.

    Raises:
        NoMemoryError: not even one picture fits.
    """
    pixels = generator.card.resolution**2
    count = max(1, min(rows, plan.entries(pixels) // 2))
    while True:
        try:
            seconds, drawing = time_steps(generator, count)
            break
        except Exception as error:
            if not is_shortage(error):
                raise
        free(generator)
        if count == 1:
            message = "the device has no memory for one picture of the base's own size"
            raise NoMemoryError(message)
        count //= 2
        plan = plan.shrunk(2 * count, pixels)
        log(f"a pass of {2 * count} pictures does not fit; {count} are planned")
    one, _ = time_steps(generator, 1)
    tiled = plan.tiled(pixels)
    decode = min(time_of(lambda: generator.decode(drawing, tiled=tiled)) for _ in range(DECODINGS))
    free(generator)
    megapixels = pixels / 1e6
    slope = (seconds - one) / (2 * (count - 1)) if count > 1 else one / 2
    slope = max(slope, MIN_SECONDS)
    fixed = max(one - 2 * slope, 0.0)
    speed = Speed(fixed, slope / megapixels, max(decode, MIN_SECONDS) / megapixels)
    log(
        f"{rows} pictures may share a pass, {plan.entries(pixels) // 2} fit,"
        f" {speed.worthwhile_entries(pixels, 2 * count) // 2} gain; one step takes {one:.3f} s"
    )
    return plan, speed


def time_steps(generator: Generator, count: int) -> tuple[float, Drawing]:
    """Return the seconds of a step of several rows, the shortest of a few, and a finished row."""
    drawings = [generator.begin(make_row(generator, seed)) for seed in range(count)]
    seconds = []
    while drawings[0].remaining:
        seconds.append(time_of(lambda: generator.step(drawings)))
    return min(seconds), drawings[0]


def time_of(work: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def free(generator: Generator) -> None:
    """Free what the last passes held."""
    generator.release()
    free_device()
