"""Compares intake with a naive reader, ``Image.open().convert("RGB").resize()``.

Usage: python -m bench.intake
Each file of the corpus is read in separate processes, one for each reader, so that time and memory
are those of this file alone. Prints the table, writes ``reports/corpus.json`` and exits with 1 when
a target is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.intake import photos, random_requests, requests
from bench.report import Figure, finish
from contracts.errors import ArchiveRefusedError
from contracts.shared.rejection import PhotoRejectedError
from domain.intake.archives import members_of
from domain.intake.uploads import find_place
from domain.ports.decoder import DecodeLimits
from domain.requests.merge import RequestSources, parse_request
from domain.requests.request_json import RequestRefusedError
from runtime.imaging.sandbox import format_of

RANDOM_REQUESTS = 20_000
MIN_KINDS, MIN_EXACT = 150, 0.98
MAX_REFUSAL_SECONDS, MAX_REFUSAL_MEGABYTES = 2, 256
"""Limits for a refused file: time, and peak memory of the process."""

ROOT = Path(__file__).resolve().parents[2]
NAIVE = """
import io, sys
from PIL import Image
image = Image.open(io.BytesIO(sys.stdin.buffer.read()))
image.convert("RGB").resize((512, 512)).save(sys.stdout.buffer, "PNG")
"""


class Reading(NamedTuple):
    """The result of one process for one file."""

    accepted: bool
    code: str | None
    seconds: float
    megabytes: float
    """Peak memory of the process."""


@dataclass
class Score:
    """The results of one reader for all files."""

    wrongly_accepted: int = 0
    wrongly_refused: int = 0
    exact: int = 0
    slowest: float = 0
    slowest_refusal: float = 0
    largest: float = 0
    largest_refusal: float = 0

    def add(self, reading: Reading, wanted: str | None) -> None:
        """Count one file."""
        self.wrongly_accepted += reading.accepted and wanted is not None
        self.wrongly_refused += not reading.accepted and wanted is None
        self.exact += reading.code == wanted and reading.accepted == (wanted is None)
        self.slowest = max(self.slowest, reading.seconds)
        self.largest = max(self.largest, reading.megabytes)
        if not reading.accepted:
            self.slowest_refusal = max(self.slowest_refusal, reading.seconds)
            self.largest_refusal = max(self.largest_refusal, reading.megabytes)


def ours(body: bytes) -> Reading:
    """Read a file with intake's decoder, as InspectPhotos does."""
    try:
        kind = format_of(body)
    except PhotoRejectedError as error:
        return Reading(accepted=False, code=error.code, seconds=0, megabytes=0)
    request = json.dumps({"kind": kind, **DecodeLimits(min_side=64)._asdict()})
    run = run_measured(["-m", "runtime.imaging.decode", request], body)
    facts = (
        json.loads(run.out.partition(b"\n")[0]) if run.status == 0 else {"refused": "too_complex"}
    )
    code = facts.get("refused")
    return Reading(accepted=code is None, code=code, seconds=run.seconds, megabytes=run.megabytes)


def naive(body: bytes) -> Reading:
    """Read a file with the naive reader."""
    run = run_measured(["-c", NAIVE], body)
    accepted = run.status == 0
    return Reading(accepted=accepted, code=None, seconds=run.seconds, megabytes=run.megabytes)


class Run(NamedTuple):
    """The result of one process."""

    status: int
    out: bytes
    seconds: float
    megabytes: float


def run_measured(arguments: list[str], body: bytes) -> Run:
    """Run Python with these bytes as standard input, and measure the process."""
    with tempfile.TemporaryFile() as stdin_file:
        stdin_file.write(body)
        stdin_file.seek(0)
        start = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=stdin_file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": str(ROOT / "functions"), "OMP_NUM_THREADS": "1"},
        )
        out = child.stdout.read() if child.stdout is not None else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        return Run(child.returncode, out, seconds, usage.ru_maxrss / 1024)


def read_photos(read: Callable[[bytes], Reading]) -> Score:
    """Read every photo of the corpus with one reader."""
    score = Score()
    for case in photos.cases():
        reading = read(case.make())
        score.add(reading, case.code)
        if read is ours and reading.code != case.code:
            sys.stdout.write(f"{case.name}: {reading.code} instead of {case.code}\n")
    return score


def check_requests() -> tuple[int, int]:
    """Check every request, key and archive; return their number, and how many are correct."""
    correct = [is_answered_with(case, case.code) for case in requests.requests()]
    correct += [is_unpacked_as(case, case.code) for case in requests.archives()]
    correct += [(find_place(key) is not None) == good for key, good in requests.object_keys()]
    return len(correct), sum(correct)


def is_answered_with(case: requests.RequestCase, wanted: str | None) -> bool:
    """Return whether a request is answered with the expected field."""
    try:
        parse_request(case.body)
    except RequestRefusedError as error:
        return {problem.field.partition(".")[0] for problem in error.problems} == {wanted}
    return wanted is None


def is_unpacked_as(case: requests.RequestCase, wanted: str | None) -> bool:
    """Return whether an archive is answered with the expected code."""
    try:
        list(members_of(case.body))
    except ArchiveRefusedError as error:
        return error.facts["code"] == wanted
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
    parser.parse_args()
    return finish("corpus", [*request_figures(), *photo_figures(), *random_figures()])


def photo_figures() -> list[Figure]:
    """Return the figures of every file, for intake and for the naive reader."""
    cases = list(photos.cases())
    bad = sum(case.code is not None for case in cases)
    first, second = read_photos(ours), read_photos(naive)
    share = first.exact / len(cases)
    return [
        Figure(f"files wrongly accepted, of {bad}", first.wrongly_accepted, "", 0, "less"),
        Figure("  by Image.open().convert().resize()", second.wrongly_accepted),
        Figure(
            f"files wrongly refused, of {len(cases) - bad}", first.wrongly_refused, "", 0, "less"
        ),
        Figure("  naive", second.wrongly_refused),
        Figure(f"exact code, of {len(cases)} files", share, "share", MIN_EXACT),
        Figure("slowest refusal", first.slowest_refusal, "s", MAX_REFUSAL_SECONDS, "less"),
        Figure("  naive", second.slowest_refusal, "s"),
        Figure(
            "largest process that refuses",
            first.largest_refusal,
            "MB",
            MAX_REFUSAL_MEGABYTES,
            "less",
        ),
        Figure("  naive", second.largest_refusal, "MB"),
        Figure("slowest file", first.slowest, "s"),
        Figure("  naive", second.slowest, "s"),
        Figure("largest process", first.largest, "MB"),
        Figure("  naive", second.largest, "MB"),
    ]


def request_figures() -> list[Figure]:
    """Return the figures of every request, key and archive, and the number of cases."""
    count, correct = check_requests()
    kinds = count + len(list(photos.cases()))
    return [
        Figure("kinds in the corpus", kinds, "", MIN_KINDS),
        Figure(f"requests, keys and archives answered correctly, of {count}", correct, "", count),
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
