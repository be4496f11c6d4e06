"""Serving against the reference design, in one run on the same tritonserver: prints a table.

    .venv/serving/bin/python -m bench.serving

The reference loads the whole base in each user's model (seed 0). The base is untrained: nothing
here depends on what it draws. Every figure is of this machine; compare ratios.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "serving_image")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import StableDiffusionXLPipeline  # noqa: E402

from bench import serving_parts as parts  # noqa: E402
from bench.serving_parts import Gate  # noqa: E402
from contracts.package import PACKAGE_WEIGHTS  # noqa: E402
from domain.archive import archive  # noqa: E402
from serving.adapters import AdapterCache, AdapterReader  # noqa: E402
from serving.generator import Generator, Row  # noqa: E402
from serving.lora import active  # noqa: E402
from serving.tensors import PassKey  # noqa: E402
from tests.smoke import serving_kit as kit  # noqa: E402

RANK = 16
ONE_STEP: dict[str, Any] = {"num_inference_steps": 1, "guidance_scale": 1.0}
RESIDENT = 20
LANES = 16
MEGABYTE = 1 << 20


def main() -> int:
    """Measure, print, and return 1 when a gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3, help="users of each design")
    parser.add_argument("--users", type=int, default=200, help="models loaded at once")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--cycles", type=int, default=2000, help="load and unload")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| what | reference | ours | value | gate | |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="likeness_bench_") as folder:
        gates = []
        for gate in chain(
            compare(Path(folder, "large"), options.pairs),
            crowd(Path(folder, "crowd"), options.users, options.requests, options.cycles),
        ):
            print(gate.line(), flush=True)
            gates.append(gate)
    return int(not all(gate.passed for gate in gates))


# --- side by side, on a base of 200 M parameters ----------------------------------------------


def compare(work: Path, pairs: int) -> Iterator[Gate]:
    """Load users of both designs in turn on one server."""
    base = work / "base"
    parts.make_large_base(base)
    adapters = [work / f"adapter{number}" for number in range(pairs)]
    for number, adapter in enumerate(adapters):
        kit.make_adapter(adapter, base, rank=RANK, seed=number)
    load = side_by_side(work, base, adapters)
    yield from load
    yield from in_process(base, adapters[0], load[1].reference)
    yield packing((adapters[0] / "pytorch_lora_weights.safetensors").read_bytes())


def side_by_side(work: Path, base: Path, adapters: list[Path]) -> list[Gate]:
    """Return what a user's model costs in both designs."""
    figures: dict[str, list[tuple[float, float, float]]] = {"reference": [], "ours": []}
    worst = 0
    with kit.serving(str(base), work, LIKENESS_ANSWER_MEGABYTES="0") as server:
        for number, adapter in enumerate(adapters):
            pictures = []
            for design, pack in (("reference", parts.pack_reference), ("ours", kit.pack_user)):
                user = pack(work / design, number + 100 * (design == "ours"), adapter)
                before = parts.total_megabytes(server)
                load = parts.seconds(partial(load_model, server, user))
                megabytes = parts.total_megabytes(server) - before
                start = time.perf_counter()
                pictures.append(server.draw(user, **ONE_STEP).picture)
                first = time.perf_counter() - start
                again = parts.median_seconds(partial(server.draw, user, **ONE_STEP), 3)
                figures[design].append((load, megabytes, load + max(0.0, first - again)))
            worst = max(worst, int(np.abs(pictures[0] - pictures[1]).max()))
    middle = {
        design: [statistics.median(column) for column in zip(*rows, strict=True)]
        for design, rows in figures.items()
    }
    (load_r, mb_r, ready_r), (load_o, mb_o, ready_o) = middle["reference"], middle["ours"]
    return [
        Gate("pictures differ, of 255", "", "", worst, 1, at_least=False),
        Gate("load a user's model", f"{load_r:.2f} s", f"{load_o:.3f} s", load_r / load_o, 25),
        Gate("cold model ready", f"{ready_r:.2f} s", f"{ready_o:.3f} s", ready_r / ready_o, 25),
        Gate("memory per user", f"{mb_r:.0f} MB", f"{mb_o:.1f} MB", mb_r / mb_o, 40),
    ]


def load_model(server: kit.Server, user: kit.User) -> None:
    """Stop at the first model that does not load."""
    reply = server.load(user)
    if reply.status != 200:  # noqa: PLR2004 (HTTP)
        raise RuntimeError(reply.body)


def in_process(base: Path, adapter: Path, load_text: str) -> Iterator[Gate]:
    """Compare switching to a resident adapter, and drawing with one."""
    generator = Generator(base, torch.device("cpu"))
    reader = AdapterReader(
        generator.card.sha256, generator.layers, generator.device, generator.dtype
    )
    cache = AdapterCache(reader.read, MEGABYTE << 10)
    cold = parts.seconds(lambda: cache.find(adapter))

    def activate() -> None:
        with active(generator.layers, [((cache.find(adapter), 1.0),)]):
            pass

    warm = parts.median_seconds(activate, 20)
    load = float(load_text.split(maxsplit=1)[0])
    hotswap = measure_hotswap(base, adapter)
    ours = f"{warm * 1e3:.2f} ms (from disk {cold * 1e3:.0f} ms)"
    yield Gate("activate, against loading a model", load_text, ours, load / warm, 100)
    yield Gate("activate, against hotswap", f"{hotswap * 1e3:.0f} ms", ours, hotswap / warm, 15)
    bare, with_lora = measure_overhead(generator, cache, adapter)
    overhead = 100 * (with_lora / bare - 1)
    texts = f"{bare:.3f} s bare", f"{with_lora:.3f} s"
    yield Gate("LoRA overhead, %", *texts, overhead, 8, at_least=False)


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
        for _ in range(7)
    ]
    without, with_lora = zip(*times, strict=True)
    return min(without), min(with_lora)


def packing(weights: bytes) -> Gate:
    """Compare packing an archive."""
    files = {PACKAGE_WEIGHTS: weights}
    theirs = parts.seconds(lambda: parts.deflated(files))
    ours = parts.median_seconds(lambda: archive(files), 3)
    texts = f"{theirs:.2f} s", f"{ours:.3f} s"
    return Gate(f"packing {len(weights) >> 20} MB", *texts, theirs / ours, 20)


# --- many users -------------------------------------------------------------------------------


def crowd(work: Path, users: int, requests: int, cycles: int) -> Iterator[Gate]:
    """Load many users' models on one server, and let them ask by Zipf's law."""
    base = work / "base"
    kit.make_base(base, "sdxl")
    pipeline = StableDiffusionXLPipeline.from_pretrained(base)
    packed = []
    for number in range(users):
        adapter = work / f"adapter{number}"
        kit.write_adapter(adapter, pipeline, ("unet",), 20, number)
        kit.write_manifest(adapter, base, 20)
        packed.append(kit.pack_user(work, number, adapter))
    room = RESIDENT * (packed[0].adapter / "pytorch_lora_weights.safetensors").stat().st_size
    settings = {
        "LIKENESS_ADAPTER_MEGABYTES": str(-(-room // MEGABYTE)),
        "LIKENESS_ANSWER_MEGABYTES": "0",  # each picture is drawn, none is remembered
    }
    with kit.serving(str(base), work, **settings) as server:
        before = parts.total_megabytes(server)
        took = [parts.seconds(partial(load_model, server, user)) for user in packed]
        each = (parts.total_megabytes(server) - before) / users
        load = f"{statistics.median(took) * 1e3:.0f} ms a load"
        yield Gate(f"{users} loaded, MB each", "", load, each, 20, at_least=False)
        yield from ask_by_zipf(server, packed, requests)
        yield churn(server, packed, cycles)


def ask_by_zipf(server: kit.Server, users: list[kit.User], requests: int) -> Iterator[Gate]:
    """Four at a time; every picture is compared with the one its user gets alone."""
    alone = [server.draw(user).picture for user in users]
    skip = len(server.metrics())
    took: list[float] = []

    def ask(number: int) -> bool:
        start = time.perf_counter()
        picture = server.draw(users[number]).picture
        took.append(time.perf_counter() - start)
        return bool(np.abs(picture - alone[number]).max() > 1)

    with ThreadPoolExecutor(4) as pool:
        wrong = sum(pool.map(ask, parts.zipf(requests, len(users), 1.1)))
    lines = server.metrics()[skip:]
    hits = sum(line["AdapterHits"] for line in lines)
    resident = max(line["AdaptersResident"] for line in lines)
    p95 = statistics.quantiles(took, n=20)[-1]
    note = f"p95 {p95 * 1e3:.0f} ms, {resident} resident, batches of {requests / len(lines):.1f}"
    yield Gate("wrong faces", "", note, wrong, 0, at_least=False)
    yield Gate("hit rate, % (quoted)", "", note, 100 * hits / requests, 0)


def churn(server: kit.Server, users: list[kit.User], cycles: int) -> Gate:
    """Unload and load again, LANES users at a time, and watch the server's own memory.

    Unloading takes two seconds, in which Triton sleeps: with many lanes the processor has work.
    """

    def reload(mine: list[kit.User], times: int) -> None:
        for turn in range(times):
            server.unload(mine[turn % len(mine)])
            load_model(server, mine[turn % len(mine)])

    lanes = [users[lane::LANES] for lane in range(LANES)]
    own = server_pid(server)
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(reload, lanes, [5] * LANES))  # what is allocated once
        before = parts.process_megabytes(own)
        list(pool.map(reload, lanes, [cycles // LANES] * LANES))
    after = parts.process_megabytes(own)
    text = f"{before:.1f} to {after:.1f} MB"
    growth = 100 * (after / before - 1)
    return Gate(f"server's growth in {cycles} reloads, %", "", text, growth, 5, at_least=False)


def server_pid(server: kit.Server) -> int:
    """Return tritonserver's process id: the only child of ``serve``."""
    task = Path("/proc", str(server.process.pid), "task", str(server.process.pid), "children")
    return int(task.read_text().split()[0])


if __name__ == "__main__":
    sys.exit(main())
