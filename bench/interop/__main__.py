"""Write adapters, let each tool load them in the environment of transformers 4, and report."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.interop.exports import make_cases
from bench.report import Figure, finish

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {"kohya": "KOHYA", "comfyui": "COMFYUI", "a1111": "A1111"}
"""The module that drives each tool, and the variable that names its checkout."""


def main() -> int:
    """Return 1 when a target was missed."""
    options = read_options()
    with tempfile.TemporaryDirectory() as scratch:
        cases = make_cases(Path(scratch))
        every = [str(case.folder) for case in cases if not case.dora]
        drawn = [str(case.folder) for case in cases if case.size == "tiny"]
        figures = run(Path(sys.executable), "libraries", *drawn)
        figures += run(options.python, "libraries", *drawn)
        for tool, variable in TOOLS.items():
            checkout: Path | None = getattr(options, tool)
            if checkout is None:
                figures.append(Figure(tool, None, f"no {variable}=checkout was given"))
                continue
            figures += run(options.python, tool, str(checkout.resolve()), *every)
    return finish("interop", figures)


def read_options() -> argparse.Namespace:
    """Return the checkouts, and the interpreter of the environment with transformers 4."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--python", type=Path, default=ROOT / ".venv" / "interop" / "bin" / "python"
    )
    for tool, variable in TOOLS.items():
        parser.add_argument(f"--{tool}", type=Path, help=f"make interop {variable}=checkout")
    return parser.parse_args()


def run(python: Path, module: str, *arguments: str) -> list[Figure]:
    """Run one driver; a driver that fails is a figure that missed its target."""
    rooms = ("functions", ".")
    done = subprocess.run(
        [str(python), "-W", "ignore", "-m", f"bench.interop.{module}", *arguments],
        env={**os.environ, "PYTHONPATH": ":".join(str(ROOT / room) for room in rooms)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{module} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return [Figure(f"{module}: failures", 1, "", 0, "less")]
    return [Figure(**line) for line in json.loads(done.stdout.splitlines()[-1])]


if __name__ == "__main__":
    sys.exit(main())
