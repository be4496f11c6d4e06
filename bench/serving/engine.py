"""The engine beside the way the server drew before: mixed load, one user's burst, overhead.

Both sides run in this process on one base, one after the other, so the ratios hold on a busy host.
The earlier server took all waiting requests, grouped those of the same size, steps and scheduler,
and drew group after group to its end.
"""

import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline

from bench.report import Figure
from bench.serving import fixtures
from serving.adapters.hooks import Mix
from serving.adapters.reader import AdapterReader
from serving.engine.engine import Engine
from serving.engine.jobs import Job
from serving.engine.warm_up import make_plan, try_plan
from serving.generator import Generator, to_image
from serving.picture_request import Sampling
from serving.rows import Drawing, Row
from tests.smoke import serving_kit as kit

USERS, RANK, SIDE, ROWS_PER_PASS = 8, 4, 64, 8
SCHEDULERS = ("DDIMScheduler", "EulerDiscreteScheduler", "DPM++ 2M Karras", "Euler a")
REQUESTS = 48
SHORT_STEPS, LONG_STEPS = (1, 4), (20, 60)
SHORT_SHARE = 0.6
LOAD = 0.5
"""Offered work in the latency run, as a share of what one row at a time could do."""
LARGE_STEPS = 4


@dataclass
class Asked:
    """One request of the load."""

    at: float
    """Seconds after the start."""
    row: Row
    user: int
    seconds: float = 0.0
    """From arrival to the picture."""
    picture: Any = None

    @property
    def is_short(self) -> bool:
        """Return whether it has few steps."""
        return self.row.sampling.num_inference_steps <= SHORT_STEPS[1]


@dataclass
class Before:
    """Draws as the server did before the engine."""

    generator: Generator
    waiting: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    began: float = 0.0
    answered: int = 0

    def submit(self, asked: Asked) -> None:
        """Let a request wait."""
        with self.lock:
            self.waiting.append(asked)

    def run(self, count: int) -> None:
        """Draw until this number of requests is answered."""
        while self.answered < count:
            with self.lock:
                batch, self.waiting = self.waiting[:ROWS_PER_PASS], self.waiting[ROWS_PER_PASS:]
            groups: dict[Sampling, list[Asked]] = defaultdict(list)
            for asked in batch:
                groups[asked.row.sampling].append(asked)
            for group in groups.values():
                drawings = to_the_end(self.generator, [asked.row for asked in group])
                for asked, drawing in zip(group, drawings, strict=True):
                    asked.picture = to_image(self.generator.decode(drawing))
            for asked in batch:  # the answers of one batch left together
                asked.seconds = time.monotonic() - self.began - asked.at
                self.answered += 1
            if not batch:
                time.sleep(0.002)


def to_the_end(generator: Generator, rows: Sequence[Row]) -> list[Drawing]:
    """Draw rows of one kind together."""
    drawings = [generator.begin(row) for row in rows]
    while drawings[0].remaining:
        generator.step(drawings)
    return drawings


def figures(work: Path) -> list[Figure]:
    """Return the figures of the engine."""
    kit.make_base(work / "base", "sdxl")
    generator = Generator(work / "base", torch.device("cpu"))
    mixes = read_mixes(generator, work)
    return [
        *mixed_load(generator, mixes),
        *burst(generator, mixes[0]),
        *abandoned(generator, mixes),
        *large(work / "large"),
    ]


def read_mixes(generator: Generator, work: Path) -> list[Mix]:
    """Write and read an adapter for each user."""
    reader = AdapterReader(
        generator.card.sha256, generator.layers, generator.device, generator.dtype
    )
    for number in range(USERS):
        kit.make_adapter(work / f"adapter{number}", generator.folder, rank=RANK, seed=number)
    return [((reader.read(work / f"adapter{number}"), 1.0),) for number in range(USERS)]


def make_engine(generator: Generator) -> Engine:
    """Return an engine as the server makes it."""
    plan, speed = try_plan(generator, make_plan(generator, 0), ROWS_PER_PASS)
    return Engine(generator, plan, speed, ROWS_PER_PASS)


# ---- mixed load ----------------------------------------------------------------------------------


def mixed_load(generator: Generator, mixes: Sequence[Mix]) -> list[Figure]:
    """Compare latency of short requests with a quiet server's, and throughput with before."""
    step = seconds_of_a_step(generator, mixes[0])
    load = make_load(mixes, step / LOAD)
    alone = statistics.median(
        run_engine(generator, [Asked(0.0, asked.row, 0)])[1][0].seconds
        for asked in load
        if asked.is_short
    )
    _, answered = run_engine(generator, load)
    short = [asked.seconds for asked in answered if asked.is_short]
    crowd = make_load(mixes, step / 100)
    ours, drawn = run_engine(generator, crowd)
    theirs, earlier = run_before(generator, make_load(mixes, step / 100))
    _, before = run_before(generator, make_load(mixes, step / LOAD))
    slow = [asked.seconds for asked in before if asked.is_short]
    wrong = sum(is_wrong(generator, asked) for asked in (*answered, *drawn))
    return [
        Figure("mixed load: a short request alone", 1e3 * alone, "ms"),
        Figure("mixed load: p95 of short requests, before", p95(slow) / alone, "times alone"),
        Figure("mixed load: p95 of short requests", p95(short) / alone, "times alone", 2, "less"),
        Figure("mixed load: throughput, against before", theirs / ours, "times", 1.3),
        Figure(f"wrong pictures among {2 * REQUESTS}", wrong, "", 0, "less"),
        Figure("wrong pictures before", sum(is_wrong(generator, a) for a in earlier[:8]), ""),
    ]


def seconds_of_a_step(generator: Generator, mix: Mix) -> float:
    """Return the mean seconds of one row's step in the load, drawn alone."""
    row = make_row(mix, 20, 0, SCHEDULERS[0])
    to_the_end(generator, [row])
    return fixtures.seconds(lambda: to_the_end(generator, [row])) / 20


def make_load(mixes: Sequence[Mix], seconds_per_step: float) -> list[Asked]:
    """Return Poisson arrivals whose work is offered at one step in so many seconds."""
    chance = random.Random(0)  # noqa: S311 (a benchmark)
    steps = [
        chance.randint(*(SHORT_STEPS if chance.random() < SHORT_SHARE else LONG_STEPS))
        for _ in range(REQUESTS)
    ]
    mean, now, load = statistics.mean(steps) * seconds_per_step, 0.0, []
    for number, count in enumerate(steps):
        now += chance.expovariate(1 / mean)
        user = chance.randrange(USERS)
        row = make_row(mixes[user], count, number, chance.choice(SCHEDULERS))
        load.append(Asked(now, row, user))
    return load


def make_row(mix: Mix, steps: int, seed: int, scheduler: str) -> Row:
    """Return a picture of one user."""
    return Row(
        "a photo of sks person", None, seed, 4.0, Sampling(steps, SIDE, SIDE, scheduler), mix
    )


def run_engine(generator: Generator, load: list[Asked]) -> tuple[float, list[Asked]]:
    """Send a load to an engine; return the seconds until all is drawn, and the load."""
    engine = make_engine(generator)
    left = threading.Semaphore(0)
    began = time.monotonic()

    def done(asked: Asked, job: Job) -> None:
        asked.seconds = time.monotonic() - began - asked.at
        asked.picture = to_image(job.pictures[0])
        left.release()

    engine.thread.start()
    for asked in load:
        time.sleep(max(0.0, began + asked.at - time.monotonic()))
        user, now = str(asked.user), time.monotonic()
        engine.submit(Job([asked.row], 1, user, partial(done, asked), float("inf"), now))
    for _ in load:
        left.acquire()
    took = time.monotonic() - began
    engine.stop()
    return took, load


def run_before(generator: Generator, load: list[Asked]) -> tuple[float, list[Asked]]:
    """Send a load to the earlier server's way of drawing."""
    before = Before(generator)
    thread = threading.Thread(target=before.run, args=(len(load),))
    before.began = time.monotonic()
    thread.start()
    for asked in load:
        time.sleep(max(0.0, before.began + asked.at - time.monotonic()))
        before.submit(asked)
    thread.join()
    return time.monotonic() - before.began, load


def is_wrong(generator: Generator, asked: Asked) -> bool:
    """Return whether a picture is not the one that its row has alone."""
    alone = kit.draw_all(generator, [asked.row])[0]
    return bool(np.abs(np.array(asked.picture, np.int16) - alone).max() > 1)


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


# ---- one user, callers who go --------------------------------------------------------------------


def burst(generator: Generator, mix: Mix) -> list[Figure]:
    """Compare 16 requests of one user at once with 16 batches of one, as it was before.

    In turn and by processor time: one look at the clock on a shared host says how busy it was.
    """
    rows = [make_row(mix, 10, seed, SCHEDULERS[seed % 4]) for seed in range(16)]
    engine = make_engine(generator)

    def at_once() -> None:
        for row in rows:
            engine.submit(Job([row], 1, "0", lambda _: None, float("inf"), time.monotonic()))
        while engine.tick():
            pass

    def one_by_one() -> None:
        for row in rows:
            to_image(generator.decode(to_the_end(generator, [row])[0]))

    ours, theirs = in_turn(at_once, one_by_one, 3)
    passes = engine.counts.passes / 4  # the first of four rounds is not measured
    return [
        Figure("one user's 16 requests, against before", theirs / ours, "times", 2),
        Figure("passes for their 160 steps; 20 is the least", passes),
    ]


def abandoned(generator: Generator, mixes: Sequence[Mix]) -> list[Figure]:
    """Measure the steps that are drawn for callers who have gone."""
    engine, steps = make_engine(generator), 40
    ended: list[Job] = []
    for number in range(USERS):
        row = make_row(mixes[number], steps, number, SCHEDULERS[number % 4])
        now = time.monotonic()
        engine.submit(Job([row], 1, str(number), ended.append, float("inf"), now, f"id{number}"))
    for _ in range(10):
        engine.tick()
    drawn = {job.request_id: job.steps for job in engine.jobs()}
    gone = list(drawn)[: USERS // 2]
    for name in gone:
        engine.drop(name)
    while engine.tick():
        pass
    wasted = sum(job.steps - drawn[job.request_id] for job in ended if job.error is not None)
    share = 100 * wasted / (steps * len(gone))
    return [Figure("abandoned work that is drawn, of its steps", share, "%", 5, "less")]


# ---- overhead, on a base whose passes take time --------------------------------------------------


def large(base: Path) -> list[Figure]:
    """Compare one row with diffusers' pipeline, and eight mixed rows with a uniform pass."""
    fixtures.make_large_base(base)
    generator = Generator(base, torch.device("cpu"))
    mixes = read_mixes(generator, base.parent / "large_users")
    plain = StableDiffusionXLPipeline.from_pretrained(base)
    plain.set_progress_bar_config(disable=True)
    row = make_row((), LARGE_STEPS, 0, SCHEDULERS[0])
    plain.scheduler = generator.base.make_scheduler(SCHEDULERS[0])

    def theirs() -> None:
        plain(
            row.prompt,
            num_inference_steps=LARGE_STEPS,
            guidance_scale=row.guidance_scale,
            height=SIDE,
            width=SIDE,
            generator=torch.Generator().manual_seed(row.seed),
        )

    pipeline, engine = in_turn(theirs, lambda: kit.draw_rows(generator, [row]), 5)
    same = [make_row(mixes[0], LARGE_STEPS, n, SCHEDULERS[0]) for n in range(USERS)]
    mixed = [
        make_row(mixes[n], LARGE_STEPS, n, SCHEDULERS[n % len(SCHEDULERS)]) for n in range(USERS)
    ]
    uniform, various = in_turn(
        lambda: kit.draw_rows(generator, same), lambda: kit.draw_rows(generator, mixed), 3
    )
    return [
        Figure("one row, over diffusers' pipeline", 100 * (engine / pipeline - 1), "%", 5, "less"),
        Figure("eight mixed rows, of a uniform pass", uniform / various, "times", 0.95),
    ]


def in_turn(
    one: Callable[[], object], other: Callable[[], object], times: int
) -> tuple[float, float]:
    """Return the least processor seconds of two works, measured in turn."""
    one(), other()
    pairs = [
        (fixtures.processor_seconds(one), fixtures.processor_seconds(other)) for _ in range(times)
    ]
    return min(first for first, _ in pairs), min(second for _, second in pairs)
