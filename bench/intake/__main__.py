"""Compares intake with a naive reader, ``Image.open().convert("RGB").resize()``.

Usage: python -m bench.intake [--jobs 2] [--no-naive]
Each file of the corpus is read by a process of its own with as much memory as the Lambda function
has, through the same classes as there; the naive reader has a process of its own as well. Prints
the table, writes ``reports/corpus.json`` and exits with 1 when a target is missed.

Seconds are processor seconds of all processes for one file: on a machine that does other work the
time on a clock says nothing about the file. It is printed without a target.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from bench.intake import archives, photos, random_requests, requests
from bench.report import Figure, finish
from contracts.codes import CODES
from domain.intake.uploads import find_place
from domain.requests.merge import RequestSources, parse_request
from domain.requests.request_json import RequestRefusedError

RANDOM_REQUESTS = 20_000
MIN_KINDS = 350
MAX_REFUSAL_SECONDS, MAX_REFUSAL_MEGABYTES = 2, 256
MAX_ACCEPTANCE_SECONDS, MAX_ACCEPTANCE_MEGABYTES = 6, 600
MAX_PHOTO_MEGABYTES = 400
"""Limits for one file: processor seconds, and peak memory of the largest process."""

ROOT = Path(__file__).resolve().parents[2]
Kind = Literal["photo", "archive", "naive"]
Case = photos.PhotoCase | archives.ArchiveCase


class Reading(NamedTuple):
    """The result of reading one file."""

    accepted: bool
    code: str | None
    seconds: float
    """Processor seconds."""
    clock: float
    """Seconds on a clock."""
    megabytes: float
    """Peak memory of the largest process."""


@dataclass
class Worst:
    """The largest figures, and the files that had them."""

    seconds: tuple[float, str] = (0, "")
    clock: tuple[float, str] = (0, "")
    megabytes: tuple[float, str] = (0, "")

    def add(self, reading: Reading, name: str) -> None:
        """Count one file."""
        self.seconds = max(self.seconds, (reading.seconds, name))
        self.clock = max(self.clock, (reading.clock, name))
        self.megabytes = max(self.megabytes, (reading.megabytes, name))


@dataclass
class Score:
    """The results of one reader for many files."""

    wrongly_accepted: int = 0
    wrongly_refused: int = 0
    inexact: int = 0
    unmapped: int = 0
    """Files that were answered with something that is no code of intake."""
    accepted: Worst = field(default_factory=Worst)
    refused: Worst = field(default_factory=Worst)

    def add(self, reading: Reading, name: str, wanted: str | None) -> None:
        """Count one file."""
        self.wrongly_accepted += reading.accepted and wanted is not None
        self.wrongly_refused += not reading.accepted and wanted is None
        self.inexact += reading.code != wanted
        self.unmapped += not reading.accepted and reading.code not in CODES
        (self.accepted if reading.accepted else self.refused).add(reading, name)


def read(body: bytes, kind: Kind) -> Reading:
    """Read a file in a process of its own."""
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.seek(0)
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "bench.intake.measured", kind],
            stdin=file,
            capture_output=True,
            check=False,
            env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", "OMP_NUM_THREADS": "1"},
        )
        clock = time.monotonic() - start
    if done.returncode:
        return Reading(False, f"status {done.returncode}", 0, clock, 0)
    found = json.loads(done.stdout)
    code = found["code"]
    return Reading(code is None, code, found["seconds"], clock, found["megabytes"])


def read_all(cases: Sequence[Case], kind: Kind, jobs: int) -> Score:
    """Read every file; say which of them intake answers with another code than it should."""
    score = Score()
    with ThreadPoolExecutor(jobs) as pool:
        readings = list(pool.map(lambda case: read(case.make(), kind), cases))
    for case, reading in zip(cases, readings, strict=True):
        score.add(reading, case.name, case.code)
        if kind != "naive" and reading.code != case.code:
            print(f"{case.name}: {reading.code} instead of {case.code}")
    return score


def check_requests() -> tuple[int, int]:
    """Check every request and key; return their number, and how many are correct."""
    correct = [is_answered_with(case, case.code) for case in requests.requests()]
    correct += [(find_place(key) is not None) == good for key, good in requests.object_keys()]
    return len(correct), sum(correct)


def is_answered_with(case: requests.RequestCase, wanted: str | None) -> bool:
    """Return whether a request is answered with the expected field."""
    try:
        parse_request(case.body)
    except RequestRefusedError as error:
        return {problem.field.partition(".")[0] for problem in error.problems} == {wanted}
    return wanted is None


def check_random_requests() -> Counter[str]:
    """Read random requests; count the answers by kind."""
    answers: Counter[str] = Counter()

    def read(sources: RequestSources) -> None:
        answers[random_requests.answer_to(sources)] += 1

    random_requests.run_random_requests(RANDOM_REQUESTS, read)
    return answers


def main() -> int:
    """Measure, print the table and write the report; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description="Read the corpus with intake and a naive reader.")
    parser.add_argument("--jobs", type=int, default=2, help="files that are read at once")
    parser.add_argument("--no-naive", action="store_true", help="without the naive reader")
    given = parser.parse_args()
    of_photos, of_archives = list(photos.cases()), list(archives.cases())
    count, correct = check_requests()
    kinds = len(of_photos) + len(of_archives) + count
    figures = [
        Figure("kinds in the corpus", kinds, "", MIN_KINDS),
        Figure(f"requests and keys answered correctly, of {count}", correct, "", count),
        *figures_of(
            "photos", read_all(of_photos, "photo", given.jobs), of_photos, MAX_PHOTO_MEGABYTES
        ),
        *figures_of(
            "archives",
            read_all(of_archives, "archive", given.jobs),
            of_archives,
            MAX_ACCEPTANCE_MEGABYTES,
        ),
        *([] if given.no_naive else naive_figures(read_all(of_photos, "naive", given.jobs))),
        *random_figures(),
    ]
    return finish("corpus", figures)


def figures_of(
    name: str,
    score: Score,
    cases: Sequence[Case],
    max_megabytes: float,
) -> list[Figure]:
    """Return the figures of intake for one kind of file; the limit is that of an acceptance."""
    bad = sum(case.code is not None for case in cases)
    return [
        Figure(f"{name} wrongly accepted, of {bad}", score.wrongly_accepted, "", 0, "less"),
        Figure(
            f"{name} wrongly refused, of {len(cases) - bad}", score.wrongly_refused, "", 0, "less"
        ),
        Figure(f"{name} with another code, of {len(cases)}", score.inexact, "", 0, "less"),
        Figure(f"{name} without a code of intake", score.unmapped, "", 0, "less"),
        *worst_figures("refusal", score.refused, MAX_REFUSAL_SECONDS, MAX_REFUSAL_MEGABYTES),
        *worst_figures("acceptance", score.accepted, MAX_ACCEPTANCE_SECONDS, max_megabytes),
    ]


def worst_figures(what: str, worst: Worst, seconds: float, megabytes: float) -> list[Figure]:
    """Return the figures of the slowest and the largest file."""
    return [
        Figure(f"  slowest {what} ({worst.seconds[1]})", worst.seconds[0], "s", seconds, "less"),
        Figure(f"    on a clock ({worst.clock[1]})", worst.clock[0], "s"),
        Figure(
            f"  largest {what} ({worst.megabytes[1]})", worst.megabytes[0], "MB", megabytes, "less"
        ),
    ]


def naive_figures(score: Score) -> list[Figure]:
    """Return the figures of the naive reader, which has no codes."""
    slowest = max(score.accepted.seconds, score.refused.seconds)
    largest = max(score.accepted.megabytes, score.refused.megabytes)
    return [
        Figure("Image.open().convert().resize(): wrongly accepted", score.wrongly_accepted),
        Figure("  wrongly refused", score.wrongly_refused),
        Figure(f"  slowest ({slowest[1]})", slowest[0], "s"),
        Figure(f"  largest ({largest[1]})", largest[0], "MB"),
    ]


def random_figures() -> list[Figure]:
    """Return the figures of random requests."""
    answers = check_random_requests()
    return [
        Figure("random requests", answers.total()),
        Figure("  accepted", answers["request"]),
        Figure("  answered with an exception", answers["unmapped"], "", 0, "less"),
    ]


if __name__ == "__main__":
    sys.exit(main())
