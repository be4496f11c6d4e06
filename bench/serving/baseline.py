"""The baseline: one user's model in both designs, on a base of 200 M parameters."""

import gc
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline

from bench.report import Figure
from bench.serving import fixtures
from contracts.documents.package import PACKAGE_WEIGHTS
from domain.publishing.tar_gz import archive
from serving.adapters.cache import AdapterCache
from serving.adapters.hooks import active
from serving.adapters.reader import AdapterReader
from serving.generator import Generator
from serving.picture_request import Sampling
from serving.rows import Row
from tests.smoke import serving_kit as kit

RANK = 16
ONE_STEP: dict[str, Any] = {"num_inference_steps": 1, "guidance_scale": 1.0}
GIGABYTE = 1 << 30
PACKED_BYTES = 31_000_000
MAX_OVERHEAD_PERCENT = 8.0

DESIGNS: dict[str, Callable[[Path, int, Path], kit.User]] = {
    "reference": fixtures.pack_reference,
    "ours": kit.pack_user,
}


class Cost(NamedTuple):
    """The cost of one user's model."""

    load: float
    """Seconds until the server has loaded the model."""
    ready: float
    """Seconds of the load, and the extra seconds of the first picture over later ones."""
    megabytes: float


def compare(work: Path, users: int) -> list[Figure]:
    """Compare the cost of a user's model, and the cost of drawing with it."""
    base = work / "base"
    fixtures.make_large_base(base)
    worst, reference, ours = side_by_side(work, base, users)
    return [
        Figure("pictures of the two designs differ by", worst, "of 255", 1, "less"),
        *cost_figures(reference, ours),
        *activation(base, work / "adapter0", reference.load),
    ]


def side_by_side(work: Path, base: Path, users: int) -> tuple[int, Cost, Cost]:
    """Load users of both designs in turn on one server.

    Return the largest difference of pictures, and the median costs of the reference and of ours.
    """
    costs: dict[str, list[Cost]] = {design: [] for design in DESIGNS}
    worst = 0
    own = {"REFERENCE_BASE_DIR": str(base), "LIKENESS_ANSWER_MEGABYTES": "0"}
    with kit.serving(str(base), work, **own) as server:
        kit.make_adapter(work / "neighbour", base, rank=RANK, seed=users)
        neighbour = kit.pack_user(work, 200, work / "neighbour")
        fixtures.load_model(server, neighbour)
        for number in range(users):
            adapter = work / f"adapter{number}"
            kit.make_adapter(adapter, base, rank=RANK, seed=number)
            pictures = []
            for index, (design, pack) in enumerate(DESIGNS.items()):
                user = pack(work / design, number + 100 * index, adapter)
                server.draw(neighbour, **ONE_STEP)  # after this the base's caches are warm
                costs[design].append(cost_of(server, user))
                pictures.append(server.draw(user, **ONE_STEP).picture)
                # Without the unload every next model gets unused memory. On a virtual machine a
                # new page costs 14 us and a used page 2 us, which hides the designs' difference.
                server.unload(user)
            worst = max(worst, int(np.abs(pictures[0] - pictures[1]).max()))
    middle = [
        Cost(*(statistics.median(column) for column in zip(*costs[design], strict=True)))
        for design in DESIGNS
    ]
    return worst, middle[0], middle[1]


def cost_of(server: kit.Server, user: kit.User) -> Cost:
    """Load a model and draw with it; return the cost."""
    before = fixtures.total_megabytes(server)
    load = fixtures.seconds(partial(fixtures.load_model, server, user))
    megabytes = fixtures.total_megabytes(server) - before
    first = fixtures.seconds(partial(server.draw, user, **ONE_STEP))
    again = fixtures.median_seconds(partial(server.draw, user, **ONE_STEP), 3)
    return Cost(load, load + max(0.0, first - again), megabytes)


def cost_figures(reference: Cost, ours: Cost) -> list[Figure]:
    """Return the figures of both designs' costs, and their ratios."""
    return [
        Figure("reference: load a user's model", reference.load, "s"),
        Figure("ours: load a user's model", ours.load, "s"),
        Figure("load a user's model, times sooner", reference.load / ours.load, "times", 25),
        Figure("reference: cold model ready to draw", reference.ready, "s"),
        Figure("ours: cold model ready to draw", ours.ready, "s"),
        Figure("cold model ready, times sooner", reference.ready / ours.ready, "times", 25),
        Figure("reference: memory for each user", reference.megabytes, "MB"),
        Figure("ours: memory for each user", ours.megabytes, "MB"),
        Figure(
            "memory for each user, times less", reference.megabytes / ours.megabytes, "times", 40
        ),
    ]


def activation(base: Path, adapter: Path, loading: float) -> list[Figure]:
    """Measure the activation of a resident adapter, and drawing with one.

    ``loading`` is the reference's time for loading a user's model, in seconds.
    """
    generator = Generator(base, torch.device("cpu"))
    gc.collect()
    gc.freeze()  # as the server does
    reader = AdapterReader(
        generator.card.sha256, generator.layers, generator.device, generator.dtype
    )
    cache = AdapterCache(reader.read, GIGABYTE)
    cold = fixtures.seconds(lambda: cache.find(adapter))

    def activate() -> None:
        with active(generator.layers, [((cache.find(adapter), 1.0),)]):
            pass

    warm = fixtures.median_seconds(activate, 20)
    swapped = measure_hotswap(base, adapter)
    bare, own = measure_overhead(generator, cache, adapter)
    return [
        Figure("ours: activate a resident adapter", 1e3 * warm, "ms"),
        Figure("ours: read an adapter from disk", 1e3 * cold, "ms"),
        Figure("diffusers: hotswap", 1e3 * swapped, "ms"),
        Figure("activate, times sooner than loading a model", loading / warm, "times", 100),
        Figure("activate, times sooner than hotswap", swapped / warm, "times", 15),
        Figure("a picture's processor time, bare base", bare, "s"),
        Figure(
            "more processor time for its adapter",
            100 * (own / bare - 1),
            "%",
            MAX_OVERHEAD_PERCENT,
            "less",
        ),
    ]


def measure_hotswap(base: Path, adapter: Path) -> float:
    """Return the seconds of diffusers' hotswap of an adapter."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(base)
    pipeline.enable_lora_hotswap(target_rank=RANK)
    pipeline.load_lora_weights(adapter, adapter_name="slot")
    return fixtures.median_seconds(
        lambda: pipeline.load_lora_weights(adapter, adapter_name="slot", hotswap=True), 3
    )


def measure_overhead(
    generator: Generator, cache: AdapterCache, adapter: Path
) -> tuple[float, float]:
    """Return the processor time of a picture without and with an adapter, measured in turn."""
    sampling = Sampling(2, 64, 64, generator.card.inference.scheduler)
    bare = Row("a photo", None, 0, 4.0, sampling)
    own = Row("a photo", None, 0, 4.0, sampling, ((cache.find(adapter), 1.0),))
    kit.draw_rows(generator, [own])  # allocates what later pictures reuse
    times = [
        tuple(
            fixtures.processor_seconds(partial(kit.draw_rows, generator, [row]))
            for row in (bare, own)
        )
        for _ in range(8)
    ]
    without, with_lora = zip(*times, strict=True)
    return min(without), min(with_lora)


def packing() -> list[Figure]:
    """Compare packing an archive of an adapter's size, filled with random numbers."""
    random = torch.randn(PACKED_BYTES // 4, generator=torch.Generator().manual_seed(0))
    files = {PACKAGE_WEIGHTS: random.numpy().tobytes()}
    theirs = fixtures.seconds(lambda: fixtures.deflated(files))
    ours = fixtures.median_seconds(lambda: archive(files), 3)
    return [
        Figure("reference: pack 31 MB by tarfile w:gz", theirs, "s"),
        Figure("ours: pack 31 MB", ours, "s"),
        Figure("packing, times sooner", theirs / ours, "times", 20),
    ]
