"""Intake against what people write first: ``Image.open().convert("RGB").resize()``.

Usage: python -m bench.intake
Each file of the corpus goes through a process of its own, one for each way of reading, so that
time and memory are those of this file alone. Prints the table, writes ``reports/corpus.json`` and
exits with 1 when a target is missed.
"""

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

MADE = 20_000
LEAST_KINDS, LEAST_EXACT = 150, 0.98
LONGEST_REFUSAL, LARGEST_REFUSAL = 2, 256
"""Seconds, and MB of the process."""

ROOT = Path(__file__).resolve().parents[2]
NAIVE = """
import io, sys
from PIL import Image
image = Image.open(io.BytesIO(sys.stdin.buffer.read()))
image.convert("RGB").resize((512, 512)).save(sys.stdout.buffer, "PNG")
"""


class Reading(NamedTuple):
    """What one process did with one file."""

    taken: bool
    code: str | None
    seconds: float
    megabytes: float
    """Of the process at its largest."""


@dataclass
class Score:
    """What a way of reading did with all files."""

    wrongly_taken: int = 0
    wrongly_refused: int = 0
    exact: int = 0
    slowest: float = 0
    slowest_refusal: float = 0
    largest: float = 0
    largest_refusal: float = 0

    def add(self, reading: Reading, wanted: str | None) -> None:
        """Count one file."""
        self.wrongly_taken += reading.taken and wanted is not None
        self.wrongly_refused += not reading.taken and wanted is None
        self.exact += reading.code == wanted and reading.taken == (wanted is None)
        self.slowest = max(self.slowest, reading.seconds)
        self.largest = max(self.largest, reading.megabytes)
        if not reading.taken:
            self.slowest_refusal = max(self.slowest_refusal, reading.seconds)
            self.largest_refusal = max(self.largest_refusal, reading.megabytes)


def ours(body: bytes) -> Reading:
    """Read a file as InspectPhotos does."""
    try:
        kind = format_of(body)
    except PhotoRejectedError as error:
        return Reading(taken=False, code=error.code, seconds=0, megabytes=0)
    order = json.dumps({"kind": kind, **DecodeLimits(min_side=64)._asdict()})
    run = measured(["-m", "runtime.imaging.decode", order], body)
    facts = (
        json.loads(run.out.partition(b"\n")[0]) if run.status == 0 else {"refused": "too_complex"}
    )
    code = facts.get("refused")
    return Reading(taken=code is None, code=code, seconds=run.seconds, megabytes=run.megabytes)


def naive(body: bytes) -> Reading:
    """Read a file as a first draft does."""
    run = measured(["-c", NAIVE], body)
    taken = run.status == 0
    return Reading(taken=taken, code=None, seconds=run.seconds, megabytes=run.megabytes)


class Run(NamedTuple):
    """One ended process."""

    status: int
    out: bytes
    seconds: float
    megabytes: float


def measured(words: list[str], body: bytes) -> Run:
    """Run Python on these bytes, alone, and measure it."""
    with tempfile.TemporaryFile() as given:
        given.write(body)
        given.seek(0)
        start = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, *words],
            stdin=given,
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
    """Read every photo of the corpus."""
    score = Score()
    for case in photos.cases():
        reading = read(case.make())
        score.add(reading, case.code)
        if read is ours and reading.code != case.code:
            sys.stdout.write(f"{case.name}: {reading.code} instead of {case.code}\n")
    return score


def read_papers() -> tuple[int, int]:
    """Read every request, key and archive; return how many there are, and how many are right."""
    right = [answers_as(case, case.code) for case in requests.requests()]
    right += [unpacks_as(case, case.code) for case in requests.archives()]
    right += [(find_place(key) is not None) == good for key, good in requests.places()]
    return len(right), sum(right)


def answers_as(case: requests.PaperCase, wanted: str | None) -> bool:
    """Tell whether a request is answered with the right field."""
    try:
        parse_request(case.body)
    except RequestRefusedError as error:
        return {problem.field.partition(".")[0] for problem in error.problems} == {wanted}
    return wanted is None


def unpacks_as(case: requests.PaperCase, wanted: str | None) -> bool:
    """Tell whether an archive is answered with the right code."""
    try:
        list(members_of(case.body))
    except ArchiveRefusedError as error:
        return error.facts["code"] == wanted
    return wanted is None


def read_made() -> Counter[str]:
    """Read requests made by chance; count what became of them."""
    answers: Counter[str] = Counter()

    def read(sources: RequestSources) -> None:
        answers[random_requests.answer_to(sources)] += 1

    random_requests.many(MADE, read)
    return answers


def main() -> int:
    """Read everything; print the table and write the report; return 1 when a target was missed."""
    return finish("corpus", [*figures_of_papers(), *figures_of_photos(), *figures_of_chance()])


def figures_of_photos() -> list[Figure]:
    """Return what becomes of every file, in intake and in a naive reader beside it."""
    cases = list(photos.cases())
    bad = sum(case.code is not None for case in cases)
    first, second = read_photos(ours), read_photos(naive)
    share = first.exact / len(cases)
    return [
        Figure(f"files wrongly taken, of {bad}", first.wrongly_taken, "", 0, "less"),
        Figure("  by Image.open().convert().resize()", second.wrongly_taken),
        Figure(
            f"files wrongly refused, of {len(cases) - bad}", first.wrongly_refused, "", 0, "less"
        ),
        Figure("  naive", second.wrongly_refused),
        Figure(f"exact code, of {len(cases)} files", share, "share", LEAST_EXACT),
        Figure("slowest refusal", first.slowest_refusal, "s", LONGEST_REFUSAL, "less"),
        Figure("  naive", second.slowest_refusal, "s"),
        Figure(
            "largest process that refuses", first.largest_refusal, "MB", LARGEST_REFUSAL, "less"
        ),
        Figure("  naive", second.largest_refusal, "MB"),
        Figure("slowest file", first.slowest, "s"),
        Figure("  naive", second.slowest, "s"),
        Figure("largest process", first.largest, "MB"),
        Figure("  naive", second.largest, "MB"),
    ]


def figures_of_papers() -> list[Figure]:
    """Return what becomes of every request, key and archive, and how many kinds there are."""
    count, right = read_papers()
    kinds = count + len(list(photos.cases()))
    return [
        Figure("kinds in the corpus", kinds, "", LEAST_KINDS),
        Figure(f"requests, keys and archives right, of {count}", right, "", count),
    ]


def figures_of_chance() -> list[Figure]:
    """Return what becomes of requests made by chance."""
    answers = read_made()
    return [
        Figure("requests made by chance", answers.total()),
        Figure("  accepted", answers["request"]),
        Figure("  answered with an exception", answers["unmapped"], "", 0, "less"),
    ]


if __name__ == "__main__":
    sys.exit(main())
