"""Compares serving with the reference design on one tritonserver.

    .venv/torch/bin/python -m bench.serving [PART ...] [--fresh]

The reference design loads the whole base in each user's model (seed 0). The bases are untrained, as
no figure depends on what they draw. Figures depend on the machine, so compare ratios. Prints a
table and writes a report. Each part is kept under ``reports/``, so an interrupted run can be
continued; ``--fresh`` deletes the parts. A part that is not named, and was not measured before, is
reported as not run.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "serving_image")]

import torch  # noqa: E402

from bench.report import REPORTS, Figure, finish  # noqa: E402
from bench.serving import baseline, engine, gpu, load, orders  # noqa: E402

TARGET = "bench-serving"
PARTS: dict[str, Callable[[Path, argparse.Namespace], list[Figure]]] = {
    "baseline": lambda work, options: baseline.compare(work, options.baseline_users),
    "engine": lambda work, _options: engine.figures(work),
    "packing": lambda _work, _options: baseline.packing(),
    "load": lambda work, options: load.load_many(work, options.users, options.requests),
    "churn": lambda work, options: load.churn(work, options.cycles),
    "orders": lambda work, options: orders.orders(work, options.orders),
    "gpu": lambda work, _options: gpu.figures(work),
}
"""The parts in order; about fifteen minutes on two idle cores, ten of them for ``churn``."""


def main(arguments: list[str] | None = None) -> int:
    """Measure part by part; return 1 when a target was missed."""
    options = make_parser().parse_args(arguments)
    torch.set_num_threads(1)
    kept = REPORTS / f"{TARGET}.parts"
    if options.fresh:
        shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True, exist_ok=True)
    figures = []
    for name in PARTS:
        figures += part(kept, name, options)
    return finish(TARGET, figures)


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all"
    )
    parser.add_argument("--fresh", action="store_true", help="delete the results of earlier runs")
    parser.add_argument("--baseline-users", type=int, default=3, help="users of each design")
    parser.add_argument("--users", type=int, default=300, help="models loaded at once")
    parser.add_argument("--requests", type=int, default=400, help="requests of those users")
    parser.add_argument("--cycles", type=int, default=2000, help="number of reloads")
    parser.add_argument("--orders", type=int, default=20, help="random orders of calls and deaths")
    return parser


def part(kept: Path, name: str, options: argparse.Namespace) -> list[Figure]:
    """Return a part's figures, from an earlier run of the same code or measured now."""
    file = kept / f"{name}-{key_of(options)}.json"
    if not file.exists() and options.parts and name not in options.parts:
        return [Figure(f"the part {name}", None, "not asked for")]
    if not file.exists():
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="likeness_bench_") as folder:
            figures = PARTS[name](Path(folder), options)
        file.write_text(json.dumps([asdict(figure) for figure in figures]))
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return [Figure(**line) for line in json.loads(file.read_text())]


def key_of(options: argparse.Namespace) -> str:
    """Return a hash of the options and of the code that the figures depend on."""
    folders = ("serving_image", "functions/contracts", "bench/serving/reference")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.p[by]*")]
    files += [
        *(ROOT / "bench" / "serving").glob("*.py"),
        ROOT / "functions/domain/publishing/tar_gz.py",
    ]
    texts = b"".join(file.read_bytes() for file in sorted(files) if file.suffix != ".pyc")
    counts = (
        *(options.baseline_users, options.users, options.requests, options.cycles),
        options.orders,
    )
    return hashlib.sha256(repr(counts).encode() + texts).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
