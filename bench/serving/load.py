"""Many users on one server: loaded at once, asking by Zipf's law, unloaded and loaded again."""

import statistics
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

import numpy as np
from diffusers import StableDiffusionXLPipeline

from bench.report import Figure
from bench.serving import fixtures as parts
from serving.server import SHARED_MEMORY, region_prefix
from tests.smoke import serving_kit as kit

RANK = 20
RESIDENT = 20
"""Adapters that fit into the base's memory at once."""
AT_A_TIME = 4
LANES = 8
"""As many requests as tritonserver's SageMaker front end takes at once."""
WARM_UP = 160
UNLOAD_SECONDS = 60
PAUSE = 0.05
"""Between two requests of the user who stays."""
MEGABYTE = 1 << 20


def crowd(work: Path, users: int, requests: int) -> list[Figure]:
    """Load many users' models, and let them ask."""
    packed = make_users(work, users)
    room = RESIDENT * (packed[0].adapter / "pytorch_lora_weights.safetensors").stat().st_size
    settings = {
        "LIKENESS_ADAPTER_MEGABYTES": str(-(-room // MEGABYTE)),
        "LIKENESS_ANSWER_MEGABYTES": "0",  # each picture is drawn, none is remembered
    }
    with kit.serving(str(work / "base"), work, **settings) as server:
        before = parts.total_megabytes(server)
        took = [parts.seconds(partial(parts.load_model, server, user)) for user in packed]
        each = (parts.total_megabytes(server) - before) / users
        asked = ask_by_zipf(server, packed, requests)
    return [
        Figure(f"{users} users' models loaded at once, memory of each", each, "MB", 20, "less"),
        Figure("one load in that crowd, median", 1e3 * statistics.median(took), "ms"),
        *asked,
    ]


def make_users(work: Path, users: int, *, own_adapters: bool = True) -> list[kit.User]:
    """Write a small base, and packages of its users; with weights of their own, or the same."""
    base = work / "base"
    kit.make_base(base, "sdxl")
    pipeline = StableDiffusionXLPipeline.from_pretrained(base)
    packed = []
    for number in range(users):
        adapter = work / f"adapter{number * own_adapters}"
        if not adapter.exists():
            kit.write_adapter(adapter, pipeline, ("unet",), RANK, number)
            kit.write_manifest(adapter, base, RANK)
        packed.append(kit.pack_user(work, number, adapter))
    return packed


def ask_by_zipf(server: kit.Server, users: list[kit.User], requests: int) -> list[Figure]:
    """Compare every picture with the one that its user gets alone: a wrong face is a difference."""
    alone = [server.draw(user).picture for user in users]
    skip = len(server.metrics())
    took: list[float] = []

    def is_wrong(number: int) -> bool:
        start = time.perf_counter()
        picture = server.draw(users[number]).picture
        took.append(time.perf_counter() - start)
        return bool(np.abs(picture - alone[number]).max() > 1)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        wrong = sum(pool.map(is_wrong, parts.zipf(requests, len(users), 1.1)))
    lines = server.metrics()[skip:]
    hits = sum(line["AdapterHits"] for line in lines)
    resident = max(line["AdaptersResident"] for line in lines)
    p95 = statistics.quantiles(took, n=20)[-1]
    return [
        Figure(f"wrong faces among {requests} pictures (Zipf 1.1)", wrong, "", 0, "less"),
        Figure("adapters resident at most", resident),
        Figure("adapter hit rate", 100 * hits / requests, "%"),
        Figure("a picture's p95", 1e3 * p95, "ms"),
        Figure("requests in a batch, mean", requests / len(lines)),
    ]


def churn(work: Path, cycles: int) -> list[Figure]:
    """Unload and load again, LANES models at a time, and watch the memory of server and base.

    Unloading takes two seconds, in which Triton sleeps: with many lanes the processor has work.
    One user stays, and asks all the while: others' coming and going is nothing to him.
    """
    stays, *users = make_users(work, 6 * LANES + 1, own_adapters=False)
    with kit.serving(str(work / "base"), work) as server:
        for user in (stays, *users):
            parts.load_model(server, user)
        carousel = Carousel(server, users)
        carousel.turn(WARM_UP)  # what is allocated once
        before, base_before = own_megabytes(server)
        before_regions = regions(server)
        whole = parts.process_megabytes(parts.server_pid(server))
        with asking(server, stays) as answers:
            carousel.turn(cycles)
        if carousel.died:
            return [Figure(f"tritonserver died in {cycles} reloads, times", 1, "", 0, "less")]
        after, base_after = own_megabytes(server)
        lost = regions(server) - before_regions
        alive = parts.median_seconds(partial(server.draw, carousel.waiting[-1]), 3)
    growth = 100 * (after - before) / whole
    return [
        Figure(f"growth of the server in {cycles} reloads", growth, "%", 5, "less"),
        Figure("the server's memory before", whole, "MB"),
        Figure("of which it has allocated", before, "MB"),
        Figure("the same after", after, "MB"),
        Figure("growth of the base meanwhile", 100 * (base_after / base_before - 1), "%"),
        Figure("unloads that Triton did, and never confirmed", carousel.unconfirmed, "", 0, "less"),
        Figure("answers to one who stayed meanwhile", answers.total()),
        Figure("of which failed", answers.total() - answers[200], "", 0, "less"),
        Figure("regions of shared memory left behind", lost, "", 0, "less"),
        Figure("a picture after that", 1e3 * alive, "ms"),
    ]


@contextmanager
def asking(server: kit.Server, user: kit.User) -> Iterator[Counter[int]]:
    """Ask for a picture again and again, and count the answers by their status; 0 is none."""
    answers: Counter[int] = Counter()
    enough = Event()

    def ask() -> None:
        while not enough.wait(PAUSE):
            try:
                answers[server.draw(user).status] += 1
            except OSError:
                answers[0] += 1

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            yield answers
        finally:
            enough.set()
    asked.result()


class Carousel:
    """Unloads the model that was loaded longest ago, and loads it again; LANES at a time."""

    def __init__(self, server: kit.Server, users: list[kit.User]) -> None:
        """Take models that are loaded."""
        self.server = server
        self.waiting = deque(users)
        self.died = False
        """tritonserver 2.51 aborts when a model's process dies with a lock in its hands."""
        self.unconfirmed = 0
        """How often an unloading had no answer within UNLOAD_SECONDS."""

    def turn(self, cycles: int) -> None:
        """Unload and load so many times."""
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(self.reload, range(cycles)))

    def reload(self, _cycle: int) -> None:
        """Do it to one model; one whose unloading is not confirmed is left alone from then on."""
        if self.died:
            return
        user = self.waiting.popleft()
        try:
            self.server.unload(user, timeout=UNLOAD_SECONDS)
            parts.load_model(self.server, user)
            self.waiting.append(user)
        except TimeoutError:
            self.unconfirmed += 1
        except OSError:
            self.died = True


def regions(server: kit.Server) -> int:
    """Return how many regions of shared memory the server has."""
    return len(list(SHARED_MEMORY.glob(f"{region_prefix(server.process.pid)}*")))


def own_megabytes(server: kit.Server) -> tuple[float, float]:
    """Return what the server's process has allocated, and the base's."""
    own, base = parts.server_pid(server), server.base_pid()
    return parts.process_megabytes(own, "Anonymous"), parts.process_megabytes(base, "Anonymous")
