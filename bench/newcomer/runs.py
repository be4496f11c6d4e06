"""`make envs` and `make demo` of one commit in a clone of its own: wall time, disk, the gate."""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "OMP_NUM_THREADS", "VIRTUAL_ENV", "PYTHONPATH")
"""Variables of the make that started this; the clones' own makes must not see them."""

LIKENESS = re.compile(r"likeness\s+\S+ before, (-?[\d.]+) after")
PROMPTS = re.compile(r"prompts followed\s+(\d+)%")
DRIFT = re.compile(r"class drift\s+(\d+)%")


class RunError(Exception):
    """A commit's demo did not end in a picture, so there is nothing to compare."""


@dataclass(frozen=True)
class Run:
    """What one newcomer waited for."""

    commit: str
    envs_seconds: float
    demo_seconds: float
    again_seconds: float
    """Seconds of `make envs` when everything is there."""
    disk_mib: float
    """Size of the clone with its environments, builds and state, without git's own folder."""
    cache_mib: float
    """That the installers' caches hold beside."""
    likeness: float
    prompts: float
    drift: float

    @property
    def seconds(self) -> float:
        """Environments and first demo together."""
        return self.envs_seconds + self.demo_seconds


def clone(commit: str, folder: Path) -> Path:
    """Return a fresh checkout of a commit of this repository."""
    place = folder / "clone"
    _call("git", "clone", "--quiet", "--no-checkout", str(ROOT), str(place), cwd=folder)
    _call("git", "checkout", "--quiet", commit, cwd=place)
    return place


def measure(commit: str, folder: Path, port: int) -> Run:
    """Be a newcomer to one commit; everything is removed afterwards.

    Raises:
        RunError: its environments or its demo failed; the last lines say why.
    """
    place = clone(commit, folder)
    environment = newcomer_environment(folder)
    log = folder / "demo.log"
    try:
        envs_seconds = timed(["make", "envs"], place, environment, folder / "envs.log")
        again_seconds = timed(["make", "envs"], place, environment, folder / "again.log")
        demo_seconds = timed(["make", "demo", f"PORT={port}"], place, environment, log)
        text = log.read_text("utf-8", "replace")
        return Run(
            commit=commit,
            envs_seconds=envs_seconds,
            demo_seconds=demo_seconds,
            again_seconds=again_seconds,
            disk_mib=size_mib(place) - size_mib(place / ".git"),
            cache_mib=size_mib(folder / "cache"),
            likeness=read_figure(LIKENESS, text),
            prompts=read_figure(PROMPTS, text) / 100,
            drift=read_figure(DRIFT, text) / 100,
        )
    finally:
        subprocess.run(
            ["make", "down", f"PORT={port}"],
            cwd=place, env=environment, capture_output=True, check=False,
        )  # fmt: skip
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(folder / "cache", ignore_errors=True)


def newcomer_environment(folder: Path) -> dict[str, str]:
    """Return this environment with empty caches, which hold nothing of either commit."""
    own = {key: value for key, value in os.environ.items() if key not in OWN_VARIABLES}
    # The make that started this has put its own environment's folder in front.
    path = [part for part in own.get("PATH", "").split(os.pathsep) if ".venv" not in part]
    cache = folder / "cache"
    return own | {
        "PATH": os.pathsep.join(path),
        "PIP_CACHE_DIR": str(cache / "pip"),
        "UV_CACHE_DIR": str(cache / "uv"),
    }


def timed(command: list[str], place: Path, environment: dict[str, str], log: Path) -> float:
    """Return the seconds that a command takes.

    Raises:
        RunError: it failed.
    """
    began = time.monotonic()
    with log.open("w") as output:
        done = subprocess.run(
            command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-12:])
        raise RunError(f"`{' '.join(command)}` ended with {done.returncode}:\n{last}")
    return time.monotonic() - began


def read_figure(pattern: re.Pattern[str], text: str) -> float:
    """Return a figure that the demo has printed.

    >>> read_figure(DRIFT, "  class drift       6% of other people lost")
    6.0

    Raises:
        RunError: it has not; a demo without a gate's report proves nothing of its picture.
    """
    found = pattern.search(text)
    if found is None:
        raise RunError(f"the demo has not printed {pattern.pattern!r}")
    return float(found.group(1))


def size_mib(folder: Path) -> float:
    """Return the disk that a folder takes, as `du` counts it; 0 where there is none."""
    if not folder.exists():
        return 0.0
    output = subprocess.run(
        ["du", "--summarize", "--block-size=1K", str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(output.stdout.split()[0]) / 1024


def save(runs: list[Run], path: Path) -> None:
    """Keep the runs, so that a series that was cut off goes on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")


def load(path: Path) -> list[Run]:
    """Return the runs that were kept."""
    return [Run(**run) for run in json.loads(path.read_text())] if path.exists() else []


def _call(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"`{' '.join(command)}`: {done.stderr.strip()}")
