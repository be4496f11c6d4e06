"""Load on one server: many loaded users, requests by Zipf's law, reloads under requests."""

import statistics
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from threading import Event

import numpy as np
from diffusers import StableDiffusionXLPipeline

from bench.report import Figure
from bench.serving import fixtures
from serving.names import region_prefix
from serving.server import SHARED_MEMORY
from tests.smoke import serving_kit as kit

RANK = 20
RESIDENT_ADAPTERS = 20
"""Number of adapters that fit into the base's adapter cache."""
CONCURRENT_REQUESTS = 4
CONCURRENT_RELOADS = 8
"""Number of requests that tritonserver's SageMaker front end handles at once."""
WARM_UP = 160
MANY_STEPS = 40
HANG_SECONDS = 5
"""A request whose model is unloaded meanwhile has its answer within this time."""
UNLOAD_SECONDS = 60
PAUSE_SECONDS = 0.05
"""Pause between two requests of the constant user."""
MEGABYTE = 1 << 20


def load_many(work: Path, users: int, requests: int) -> list[Figure]:
    """Load many users' models, and send requests for them."""
    packed = make_users(work, users)
    adapter_bytes = (
        RESIDENT_ADAPTERS * (packed[0].adapter / "pytorch_lora_weights.safetensors").stat().st_size
    )
    settings = {
        "LIKENESS_ADAPTER_MEGABYTES": str(-(-adapter_bytes // MEGABYTE)),
        "LIKENESS_ANSWER_MEGABYTES": "0",  # every picture is drawn
    }
    with kit.serving(str(work / "base"), work, **settings) as server:
        before = fixtures.total_megabytes(server)
        took = [fixtures.seconds(partial(fixtures.load_model, server, user)) for user in packed]
        each = (fixtures.total_megabytes(server) - before) / users
        request_figures = ask_by_zipf(server, packed, requests)
    return [
        Figure(f"{users} users' models loaded at once, memory of each", each, "MB", 20, "less"),
        Figure("one load among them, median", 1e3 * statistics.median(took), "ms"),
        *request_figures,
    ]


def make_users(work: Path, users: int, *, own_adapters: bool = True) -> list[kit.User]:
    """Write a small base and packages of users, with separate or shared weights."""
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
    """Compare every picture with the one that its user gets alone; a difference is a wrong face."""
    alone = [server.draw(user).picture for user in users]
    skip = len(server.metrics())
    took: list[float] = []

    def is_wrong(number: int) -> bool:
        start = time.perf_counter()
        picture = server.draw(users[number]).picture
        took.append(time.perf_counter() - start)
        return bool(np.abs(picture - alone[number]).max() > 1)

    with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
        wrong = sum(pool.map(is_wrong, fixtures.zipf(requests, len(users), 1.1)))
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
    """Reload models, and measure the memory of server and base.

    Triton sleeps two seconds in each unload, so CONCURRENT_RELOADS models are reloaded at a time.
    One user's model stays loaded and gets requests all the while, which must not fail.
    """
    constant_user, *users = make_users(work, 6 * CONCURRENT_RELOADS + 1, own_adapters=False)
    with kit.serving(str(work / "base"), work) as server:
        for user in (constant_user, *users):
            fixtures.load_model(server, user)
        reloads = ReloadLoop(server, users)
        reloads.run(WARM_UP)  # allocates what later reloads reuse
        before, base_before = own_megabytes(server)
        before_regions = regions(server)
        whole = fixtures.process_megabytes(fixtures.server_pid(server))
        with constant_requests(server, constant_user) as answers:
            reloads.run(cycles)
        met = reloads.met_requests
        if reloads.died:
            return [Figure(f"tritonserver died in {cycles} reloads, times", 1, "", 0, "less")]
        after, base_after = own_megabytes(server)
        lost = regions(server) - before_regions
        alive = fixtures.median_seconds(partial(server.draw, reloads.waiting[-1]), 3)
    growth = 100 * (after - before) / whole
    return [
        Figure(f"growth of the server in {cycles} reloads", growth, "%", 5, "less"),
        Figure("the server's memory before", whole, "MB"),
        Figure("of which it has allocated", before, "MB"),
        Figure("the same after", after, "MB"),
        Figure("growth of the base meanwhile", 100 * (base_after / base_before - 1), "%"),
        Figure("unloads that Triton did not confirm", reloads.unconfirmed, "", 0, "less"),
        Figure("unloads that were asked again, as the first answer said", reloads.asked_again),
        Figure("requests that met an unload", met.total()),
        Figure("of which had no answer of ours", met[0], "", 0, "less"),
        Figure(f"of which took more than {HANG_SECONDS} s", reloads.hung, "", 0, "less"),
        Figure("answers to the constant user meanwhile", answers.total()),
        Figure("of which failed", answers.total() - answers[200], "", 0, "less"),
        Figure("regions of shared memory left behind", lost, "", 0, "less"),
        Figure("a picture after that", 1e3 * alive, "ms"),
    ]


@contextmanager
def constant_requests(server: kit.Server, user: kit.User) -> Iterator[Counter[int]]:
    """Request pictures repeatedly, and count the answers by status; 0 means no answer."""
    answers: Counter[int] = Counter()
    stop = Event()

    def ask() -> None:
        while not stop.wait(PAUSE_SECONDS):
            try:
                answers[server.draw(user).status] += 1
            except OSError:
                answers[0] += 1

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            yield answers
        finally:
            stop.set()
    asked.result()


class ReloadLoop:
    """Reloads the model that was loaded longest ago, CONCURRENT_RELOADS at a time."""

    def __init__(self, server: kit.Server, users: list[kit.User]) -> None:
        """Start with models that are loaded."""
        self.server = server
        self.waiting = deque(users)
        self.died = False
        """True when the server has ended; 2.51 aborts when a model's process dies with a lock."""
        self.met_requests: Counter[int] = Counter()
        """Answers by status to the requests that were in flight when their model was unloaded; 0 is
        no answer."""
        self.hung = 0
        """Number of these that took more than HANG_SECONDS."""
        self.unconfirmed = 0
        """Number of unloads without an answer within UNLOAD_SECONDS, or that were refused twice."""
        self.asked_again = 0
        """Number of unloads that the front refused for a moment: requests of the model had not
        ended in time. Whoever asked repeats the call."""

    def run(self, cycles: int) -> None:
        """Reload models `cycles` times."""
        with ThreadPoolExecutor(CONCURRENT_RELOADS) as pool:
            list(pool.map(self.reload, range(cycles)))

    def reload(self, _cycle: int) -> None:
        """Reload one model; a model whose unload is not answered is not used again."""
        if self.died:
            return
        user = self.waiting.popleft()
        try:
            with ThreadPoolExecutor(1) as pool:
                asked = pool.submit(self.ask, user)
                unloaded = self.server.unload(user, timeout=UNLOAD_SECONDS)
                asked.result()
            if unloaded.status != HTTPStatus.OK:
                self.asked_again += 1
                unloaded = self.server.unload(user, timeout=UNLOAD_SECONDS)
            if unloaded.status == HTTPStatus.OK:
                fixtures.load_model(self.server, user)
            else:  # it is loaded still
                self.unconfirmed += 1
            self.waiting.append(user)
        except TimeoutError:
            self.unconfirmed += 1
        except OSError:
            self.died = True

    def ask(self, user: kit.User) -> None:
        """Ask for a picture of many steps while the model is unloaded."""
        began = time.monotonic()
        try:
            status = self.server.draw(user, num_inference_steps=MANY_STEPS).status
        except OSError:
            status = 0
        self.met_requests[status] += 1
        self.hung += time.monotonic() - began > HANG_SECONDS


def regions(server: kit.Server) -> int:
    """Return the number of the server's shared memory regions."""
    return len(list(SHARED_MEMORY.glob(f"{region_prefix(server.process.pid)}*")))


def own_megabytes(server: kit.Server) -> tuple[float, float]:
    """Return the allocated memory of the server's process and of the base's process."""
    own, base = fixtures.server_pid(server), server.base_pid()
    return fixtures.process_megabytes(own, "Anonymous"), fixtures.process_megabytes(
        base, "Anonymous"
    )
