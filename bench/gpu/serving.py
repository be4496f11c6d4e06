"""What is measured of serving: SDXL's picture, its marks, several users, SD 2.1 and pipelines.

The engine draws with its own memory plan, as it does in the server.
"""

import time
from pathlib import Path

import torch

from bench.gpu.parts import GIGABYTE, How, base_of
from bench.report import Figure
from bench.serving.gpu import (
    GUIDANCE,
    PROMPT,
    RANK,
    SCHEDULER,
    SDXL_STEPS,
    TFLOP_PER_STEP,
    mixed_batch,
    read_mix,
)
from contracts.marks.marking import Marker, Origin, Output
from contracts.shared.pictures.mark_keys import MarkSecret, marking_keys
from serving.adapters.hooks import Mix
from serving.engine.engine import Engine
from serving.engine.jobs import Job
from serving.engine.warm_up import make_plan, try_plan, warm_up
from serving.generator import Generator, to_image
from serving.picture_request import Sampling
from serving.rows import Row
from tests.smoke import serving_kit as kit

USERS = (1, 4, 8)
"""Users who each ask for one picture at once."""

MAX_ROWS, ADAPTER_BYTES = 8, 1 << 30
"""The server's defaults: rows of a pass, and memory for adapters."""

TINY_STEPS = 2

MARKED_SIDE, MARKED_STEPS, TINY_SIDE = 512, 25, 256
"""The picture whose marks are timed; a smaller one has no watermark."""

MARKS_SHARE = 10.0
"""Most per cent of that picture's time that its marks may take."""


def serving_sdxl(work: Path, how: How) -> list[Figure]:
    """Pictures of SDXL at 1024 pixels for one user, four and eight."""
    base = base_of(work, "sdxl", tiny=how.tiny)
    generator = Generator(base, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    warm_up(generator)
    steps, side = TINY_STEPS if how.tiny else SDXL_STEPS, generator.card.resolution
    mixes = make_mixes(generator, work)
    engine = make_engine(generator)
    planned = min(MAX_ROWS, engine.scheduler.plan.entries(side**2) // 2)
    figures = [Figure("serving sdxl: pictures of a pass, planned", planned)]
    for users in USERS:
        rows = [
            Row(PROMPT, None, n, GUIDANCE, Sampling(steps, side, side, SCHEDULER), mixes[n])
            for n in range(users)
        ]
        draw(engine, rows)  # allocates what later pictures use
        seconds, _ = draw(engine, rows)
        name = f"serving sdxl at {side} px, {steps} steps, {users} at once"
        figures += [
            Figure(f"{name}: seconds until all are drawn", seconds, "s"),
            Figure(f"{name}: pictures a second", users / seconds, "1/s"),
            Figure(f"{name}: computed", users * steps * TFLOP_PER_STEP / seconds, "TFLOP/s"),
        ]
    figures.append(share_of_marks(engine, mixes[0], how))
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / GIGABYTE
        figures.append(Figure("serving sdxl: peak memory", peak, "GB"))
    return figures


def share_of_marks(engine: Engine, mix: Mix, how: How) -> Figure:
    """Return how much of a picture's time its marks take, drawn and marked as in the server."""
    side, steps = (TINY_SIDE, TINY_STEPS) if how.tiny else (MARKED_SIDE, MARKED_STEPS)
    row = Row(PROMPT, None, 0, GUIDANCE, Sampling(steps, side, side, SCHEDULER), mix)
    marker = Marker(marking_keys(MarkSecret(seed="the seed of a benchmark on a GPU"), "serving"))
    marker.prepare()
    for _ in range(2):  # the first one allocates
        seconds, (job,) = draw(engine, [row])
        began = time.perf_counter()
        marker.mark(to_image(job.pictures[0]), Origin("0" * 32, "benchmark"), Output("png"))
        marking = time.perf_counter() - began
    share = 100 * marking / (seconds + marking)
    target = None if how.tiny else MARKS_SHARE
    return Figure(
        f"marks' share of a picture of {side} px, {steps} steps", share, "%", target, "less"
    )


def serving_sd2(work: Path, how: How) -> list[Figure]:
    """SD 2.1: eight users in a pass against one pipeline for each."""
    base = base_of(work, "sd2", tiny=how.tiny)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    side, steps = (64, TINY_STEPS) if how.tiny else (512, 25)
    return mixed_batch(base, device, side, steps)


def make_mixes(generator: Generator, work: Path) -> list[Mix]:
    """Write and read an adapter for each of the users."""
    mixes = []
    for number in range(max(USERS)):
        folder = work / f"serving-adapter{number}"
        kit.write_adapter(folder, generator.pipeline, ("unet",), RANK, number)
        kit.write_manifest(folder, generator.folder, RANK)
        mixes.append(read_mix(generator, folder))
    return mixes


def make_engine(generator: Generator) -> Engine:
    """Return an engine as the server makes it."""
    plan, speed = try_plan(generator, make_plan(generator, ADAPTER_BYTES), MAX_ROWS)
    return Engine(generator, plan, speed, MAX_ROWS)


def draw(engine: Engine, rows: list[Row]) -> tuple[float, list[Job]]:
    """Return the seconds until all rows are drawn, each for a user of its own, and their jobs.

    Raises:
        PictureError: a row has no picture.
    """
    began, ended = time.perf_counter(), list[Job]()
    for number, row in enumerate(rows):
        engine.submit(Job([row], 1, str(number), ended.append, float("inf"), time.monotonic()))
    while engine.tick():
        pass
    for job in ended:
        if job.error is not None:
            raise job.error
    return time.perf_counter() - began, ended


SERVING = {"serving-sdxl": serving_sdxl, "serving-sd2": serving_sd2}
"""The parts by name."""
