"""Measures trainer and server at real size on this machine's GPU, and reports the hardware.

    make bench-gpu                             all parts, each in a process of at most ten minutes
    make bench-gpu DIFFUSERS=CHECKOUT          also beside diffusers' DreamBooth scripts
    python -m bench.gpu --fresh                the parts that an earlier run has finished, too
    python -m bench.gpu --only NAME            one part
    python -m bench.gpu --tiny                 tiny networks on the CPU: a test of this program

Without a GPU it says so, measures nothing and ends with 2. It ends with 1 when a part fails, takes
too long or misses a target. A finished part is kept under ``reports/bench-gpu.parts/``, so a run
that was cut off goes on. The networks have real sizes and random weights: nothing is downloaded.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HERE / room) for room in ("functions", "training_image", "serving_image")]

from bench.gpu.compiled import sdxl_compiled  # noqa: E402
from bench.gpu.hardware import hardware  # noqa: E402
from bench.gpu.parts import BESIDE_SCRIPT, PARTS, How, Part  # noqa: E402
from bench.gpu.serving import SERVING  # noqa: E402
from bench.report import REPORTS, Figure, finish  # noqa: E402

PART_SECONDS = 600.0
"""Longest time of one part."""

ALL: dict[str, Part] = PARTS | SERVING | BESIDE_SCRIPT | {"sdxl-compiled": sdxl_compiled}
"""The parts in their order."""

NO_GPU, FAILED = 2, 1
Runner = Callable[[str, Path, Path], None]
"""Runs the named part with a work folder, and leaves its figures in a file.

It raises CalledProcessError or TimeoutExpired.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that have no figures yet, and write the report."""
    options = read_options(arguments)
    about = hardware(tiny=options.tiny)
    if about is None:
        print("bench-gpu: no GPU: torch finds no CUDA device here, so nothing was measured")
        return NO_GPU
    how = How(options.tiny, options.official)
    if options.part:
        write(options.figures, ALL[options.part](options.work, how))
        return 0
    target = "bench-gpu-tiny" if options.tiny else "bench-gpu"
    kept = REPORTS / f"{target}.parts"
    if options.fresh:
        shutil.rmtree(kept, ignore_errors=True)
    names = [options.only] if options.only else names_of(how)
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as work:
        figures = run_parts(names, kept, Path(work), runner(how))
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / f"{target}.hardware.json").write_text(json.dumps(about, indent=1) + "\n")
    print(*(f"{name}: {value}" for name, value in about.items()), sep="\n")
    failed = [figure.name for figure in figures if figure.value is None]
    if how.official is None and not options.only:
        figures += [Figure(name, None, "needs DIFFUSERS=CHECKOUT") for name in BESIDE_SCRIPT]
    return finish(target, figures) or (FAILED if failed else 0)


def names_of(how: How) -> list[str]:
    """Return the names of the parts that can be measured."""
    return [name for name in ALL if how.official is not None or name not in BESIDE_SCRIPT]


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--fresh", action="store_true", help="measure finished parts again")
    parser.add_argument("--only", choices=list(ALL), help="measure this part alone")
    parser.add_argument("--official", type=Path, help="a checkout of diffusers, for its scripts")
    parser.add_argument("--tiny", action="store_true", help="tiny networks on the CPU")
    parser.add_argument("--part", choices=list(ALL), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--figures", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def run_parts(names: list[str], kept: Path, work: Path, run: Runner) -> list[Figure]:
    """Return the figures of all parts; a part that fails leaves one without a value."""
    figures: list[Figure] = []
    kept.mkdir(parents=True, exist_ok=True)
    for name in names:
        file, started = kept / f"{name}.json", time.monotonic()
        if not file.exists():
            try:
                run(name, work, file)
            except subprocess.TimeoutExpired as error:
                figures.append(Figure(name, None, f"took more than {error.timeout:.0f} s"))
                continue
            except subprocess.CalledProcessError as error:
                figures.append(Figure(name, None, f"ended with {error.returncode}; see above"))
                continue
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        figures += [Figure(**one) for one in json.loads(file.read_bytes())]
    return figures


def runner(how: How) -> Runner:
    """Return what runs a part in a process of its own, whose GPU memory ends with it."""

    def run(name: str, work: Path, file: Path) -> None:
        command = [sys.executable, "-m", "bench.gpu", "--part", name, "--work", str(work)]
        command += ["--figures", str(file), *(["--tiny"] if how.tiny else [])]
        command += ["--official", str(how.official)] if how.official is not None else []
        subprocess.run(command, cwd=HERE, check=True, timeout=PART_SECONDS)

    return run


def write(file: Path, figures: list[Figure]) -> None:
    """Write a part's figures: whole, or not at all."""
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(figure) for figure in figures]))
    partial.rename(file)


if __name__ == "__main__":
    sys.exit(main())
