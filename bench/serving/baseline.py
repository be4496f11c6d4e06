"""One user's model in both designs, on a base of 200 M parameters."""

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
from bench.serving import fixtures as parts
from contracts.documents.package import PACKAGE_WEIGHTS
from domain.publishing.tar_gz import archive
from serving.adapters.cache import AdapterCache
from serving.adapters.hooks import active
from serving.adapters.reader import AdapterReader
from serving.generator import Generator, Row
from serving.tensors import PassKey
from tests.smoke import serving_kit as kit

RANK = 16
ONE_STEP: dict[str, Any] = {"num_inference_steps": 1, "guidance_scale": 1.0}
GIGABYTE = 1 << 30
PACKED_BYTES = 31_000_000
LARGEST_OVERHEAD = 8.0

DESIGNS: dict[str, Callable[[Path, int, Path], kit.User]] = {
    "reference": parts.pack_reference,
    "ours": kit.pack_user,
}


class Cost(NamedTuple):
    """What one user's model costs."""

    load: float
    """Seconds until the server has it."""
    ready: float
    """Seconds until it can draw: what its first picture takes longer than later ones counts."""
    megabytes: float


def compare(work: Path, pairs: int) -> list[Figure]:
    """Compare what a user's model costs, and what it costs to draw with it."""
    base = work / "base"
    parts.make_large_base(base)
    worst, reference, ours = side_by_side(work, base, pairs)
    return [
        Figure("pictures of the two designs differ by", worst, "of 255", 1, "less"),
        *told(reference, ours),
        *activation(base, work / "adapter0", reference.load),
    ]


def side_by_side(work: Path, base: Path, pairs: int) -> tuple[int, Cost, Cost]:
    """Load users of both designs in turn on one server; return how far pictures differ, and costs.

    The costs are the reference's and ours: medians.
    """
    costs: dict[str, list[Cost]] = {design: [] for design in DESIGNS}
    worst = 0
    with kit.serving(str(base), work, LIKENESS_ANSWER_MEGABYTES="0") as server:
        kit.make_adapter(work / "neighbour", base, rank=RANK, seed=pairs)
        neighbour = kit.pack_user(work, 200, work / "neighbour")
        parts.load_model(server, neighbour)
        for number in range(pairs):
            adapter = work / f"adapter{number}"
            kit.make_adapter(adapter, base, rank=RANK, seed=number)
            pictures = []
            for index, (design, pack) in enumerate(DESIGNS.items()):
                user = pack(work / design, number + 100 * index, adapter)
                server.draw(neighbour, **ONE_STEP)  # a base that was idle has cold caches
                costs[design].append(cost_of(server, user))
                pictures.append(server.draw(user, **ONE_STEP).picture)
                # Else every next one gets memory that nobody used yet, and on a virtual machine
                # its price (14 us a page here, 2 us for a page used before) hides the designs'.
                server.unload(user)
            worst = max(worst, int(np.abs(pictures[0] - pictures[1]).max()))
    middle = [
        Cost(*(statistics.median(column) for column in zip(*costs[design], strict=True)))
        for design in DESIGNS
    ]
    return worst, middle[0], middle[1]


def cost_of(server: kit.Server, user: kit.User) -> Cost:
    """Load a model, draw with it, and say what that took."""
    before = parts.total_megabytes(server)
    load = parts.seconds(partial(parts.load_model, server, user))
    megabytes = parts.total_megabytes(server) - before
    first = parts.seconds(partial(server.draw, user, **ONE_STEP))
    again = parts.median_seconds(partial(server.draw, user, **ONE_STEP), 3)
    return Cost(load, load + max(0.0, first - again), megabytes)


def told(reference: Cost, ours: Cost) -> list[Figure]:
    """Return both designs' costs, and how many times better ours is."""
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
    """Compare switching to a resident adapter, and drawing with one.

    ``loading`` is what the reference does instead: load a user's model, in seconds.
    """
    generator = Generator(base, torch.device("cpu"))
    gc.collect()
    gc.freeze()  # as the server does
    reader = AdapterReader(
        generator.card.sha256, generator.layers, generator.device, generator.dtype
    )
    cache = AdapterCache(reader.read, GIGABYTE)
    cold = parts.seconds(lambda: cache.find(adapter))

    def activate() -> None:
        with active(generator.layers, [((cache.find(adapter), 1.0),)]):
            pass

    warm = parts.median_seconds(activate, 20)
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
            LARGEST_OVERHEAD,
            "less",
        ),
    ]


def measure_hotswap(base: Path, adapter: Path) -> float:
    """Return how long diffusers takes to put another adapter into a prepared slot."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(base)
    pipeline.enable_lora_hotswap(target_rank=RANK)
    pipeline.load_lora_weights(adapter, adapter_name="slot")
    return parts.median_seconds(
        lambda: pipeline.load_lora_weights(adapter, adapter_name="slot", hotswap=True), 3
    )


def measure_overhead(
    generator: Generator, cache: AdapterCache, adapter: Path
) -> tuple[float, float]:
    """Return the processor's time for a picture without and with an adapter, taken in turn."""
    key = PassKey(2, 64, 64, generator.card.inference.scheduler, True, False)
    bare = Row("a photo", None, 0, 4.0)
    own = Row("a photo", None, 0, 4.0, ((cache.find(adapter), 1.0),))
    generator.draw(key, [own])  # what is allocated once
    times = [
        tuple(parts.processor_seconds(partial(generator.draw, key, [row])) for row in (bare, own))
        for _ in range(8)
    ]
    without, with_lora = zip(*times, strict=True)
    return min(without), min(with_lora)


def packing() -> list[Figure]:
    """Compare packing an archive of an adapter's size; weights are noise to a packer."""
    random = torch.randn(PACKED_BYTES // 4, generator=torch.Generator().manual_seed(0))
    files = {PACKAGE_WEIGHTS: random.numpy().tobytes()}
    theirs = parts.seconds(lambda: parts.deflated(files))
    ours = parts.median_seconds(lambda: archive(files), 3)
    return [
        Figure("reference: pack 31 MB by tarfile w:gz", theirs, "s"),
        Figure("ours: pack 31 MB", ours, "s"),
        Figure("packing, times sooner", theirs / ours, "times", 20),
    ]
