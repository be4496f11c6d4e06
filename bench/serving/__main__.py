"""Serving against the reference design, on one tritonserver: a table, and a report in reports/.

    .venv/torch/bin/python -m bench.serving [PART ...] [--fresh]

The reference loads the whole base in each user's model (seed 0). The bases are untrained: nothing
here depends on what they draw. Every figure is of this machine; compare ratios. Each part is kept
under ``reports/``, so a run that was cut off goes on; ``--fresh`` forgets them. A part that is not
named, and was not measured before, is reported as not run.
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
from bench.serving import baseline, gpu, load  # noqa: E402

TARGET = "bench-serving"
PARTS: dict[str, Callable[[Path, argparse.Namespace], list[Figure]]] = {
    "pairs": lambda work, options: baseline.compare(work, options.pairs),
    "packing": lambda _work, _options: baseline.packing(),
    "crowd": lambda work, options: load.crowd(work, options.users, options.requests),
    "churn": lambda work, options: load.churn(work, options.cycles),
    "gpu": lambda work, _options: gpu.figures(work),
}
"""In this order. Together about fifteen minutes on two quiet cores, ten of them the churn."""


def main(words: list[str] | None = None) -> int:
    """Measure part by part; return 1 when a target was missed."""
    options = make_parser().parse_args(words)
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
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; or all")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--pairs", type=int, default=3, help="users of each design")
    parser.add_argument("--users", type=int, default=200, help="models loaded at once")
    parser.add_argument("--requests", type=int, default=400, help="of those users")
    parser.add_argument("--cycles", type=int, default=2000, help="unload and load again")
    return parser


def part(kept: Path, name: str, options: argparse.Namespace) -> list[Figure]:
    """Return a part's figures: those of an earlier run of the same code, or measured now."""
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
    """Return what tells these options and this code from any other."""
    rooms = ("serving_image", "functions/contracts", "bench/serving/reference")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.p[by]*")]
    files += [
        *(ROOT / "bench" / "serving").glob("*.py"),
        ROOT / "functions/domain/publishing/tar_gz.py",
    ]
    texts = b"".join(file.read_bytes() for file in sorted(files) if file.suffix != ".pyc")
    counts = (options.pairs, options.users, options.requests, options.cycles)
    return hashlib.sha256(repr(counts).encode() + texts).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
