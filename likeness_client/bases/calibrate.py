"""``likeness base calibrate``: the gate's floors on a base, from trainings of the deployed stack.

Each folder of photos is one person (or one of whatever the base is for), and is trained once with
the base's defaults. The stack's own judge scores each adapter on held-out photos. A floor is the
middle between the worst good adapter and the best bad one:

    figure            good: each trained adapter      bad
    min_effect        its least effect                0: an adapter that changes nothing
    min_identity      its least likeness              the base's own pictures, the most alike person
    max_class_drift   its greatest drift              1: the class is lost altogether

Where good and bad overlap, no floor is written. No bad adapter is trained: an overtrained one would
lose less of the class than all of it, so max_class_drift is lenient, and min_prompt_following, of
which no bad value is known, stays as it is.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from contracts.base import BaseCard, GateFloors
from contracts.documents.training import GateReport, TrainingResult
from contracts.shared import layout
from likeness_client import bench
from likeness_client.aws_errors import CONFIG
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.exit_codes import ExitCode
from likeness_client.folder import walk
from likeness_client.printing import print_now
from likeness_client.stack import find

MIN_PEOPLE = 2
"""One person says nothing about how alike a stranger's pictures get by chance."""

ALL_OF_THE_CLASS = 1.0
REQUEST_FILE = layout.uploads.REQUEST_FILE


@dataclass(frozen=True)
class Gap:
    """The worst value of a good adapter and the best one of a bad adapter."""

    good: float
    bad: float

    @property
    def floor(self) -> float:
        """The middle."""
        return round((self.good + self.bad) / 2, 3)

    def is_open(self, name: str) -> bool:
        """Return whether good and bad are apart: above one another for a ``min_``."""
        return self.good > self.bad if name.startswith("min") else self.good < self.bad


def find_gaps(reports: Sequence[GateReport]) -> dict[str, Gap]:
    """Return the gap of each figure that was measured on every adapter."""
    gaps = {"min_effect": Gap(min(report.effect for report in reports), 0.0)}
    identities = known(report.identity for report in reports)
    bare = known(report.identity_base for report in reports)
    drifts = known(report.class_drift for report in reports)
    if len(identities) == len(bare) == len(reports):
        gaps["min_identity"] = Gap(min(identities), max(bare))
    if len(drifts) == len(reports):
        gaps["max_class_drift"] = Gap(max(drifts), ALL_OF_THE_CLASS)
    return gaps


def known(values: Any) -> list[float]:  # noqa: ANN401 - an iterable of optional numbers
    """Return the values that were measured."""
    return [value for value in values if value is not None]


def floors_of(gaps: dict[str, Gap], earlier: GateFloors) -> GateFloors:
    """Return the floors; what was not measured stays.

    Raises:
        BaseRefusedError: good and bad adapters overlap in a figure.
    """
    closed = [name for name, gap in gaps.items() if not gap.is_open(name)]
    if closed:
        words = ", ".join(
            f"{name} (worst good {gaps[name].good:.3f}, best bad {gaps[name].bad:.3f})"
            for name in closed
        )
        raise BaseRefusedError(
            f"no floor separates good from bad: {words}. Look at the pictures: the trainings learn"
            " too little, or the judge does not tell these people apart. Nothing was written"
        )
    return earlier.model_copy(update={name: gap.floor for name, gap in gaps.items()})


def calibrate(
    stack: str,
    folders: Sequence[Path],
    *,
    yes: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Train each folder on the stack's base, and write the floors into the base's card.

    Raises:
        BaseRefusedError: too few folders, or good and bad adapters overlap.
        NotMeasuredError: the operator said no, or a training was refused or failed.
    """
    if len(folders) < MIN_PEOPLE:
        raise BaseRefusedError(
            f"give --photos for at least {MIN_PEOPLE} people, a folder each; five are better"
        )
    place = bench.Place.of(find(boto3.client("cloudformation", config=CONFIG), stack))
    s3 = boto3.client("s3", config=CONFIG)
    confirm(place.base_id, len(folders), yes=yes)
    measure(s3, place, folders, sleep)
    return ExitCode.DONE


def measure(
    s3: Any,  # noqa: ANN401 - a boto3 client
    place: bench.Place,
    folders: Sequence[Path],
    sleep: Callable[[float], None],
) -> None:
    """Train each folder, and write the floors.

    Raises:
        BaseRefusedError: good and bad adapters overlap, or the base has no card.
        NotMeasuredError: a training was refused or failed.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    names = [upload(s3, place, folder, f"{stamp}-{i}") for i, folder in enumerate(folders)]
    reports = [
        report_of(s3, place, name, folder.name, sleep)
        for name, folder in zip(names, folders, strict=True)
    ]
    gaps = find_gaps(reports)
    key = layout.bases.card_key(place.base_id)
    card = bench.read(s3, place.bases, key, BaseCard)
    if card is None:
        raise BaseRefusedError(f"s3://{place.bases}/{key} is missing")
    new = card.model_copy(update={"gate": floors_of(gaps, card.gate)})
    text = new.model_dump_json(indent=2, exclude_none=True) + "\n"
    s3.put_object(Bucket=place.bases, Key=key, Body=text.encode())
    print_gaps(gaps)
    print_now(
        f"s3://{place.bases}/{key} has the floors; copy it into the base's own folder too, or the"
        " next `likeness base add` brings back the old ones"
    )


def confirm(base_id: str, count: int, *, yes: bool) -> None:
    """Say what will be paid, and ask.

    Raises:
        NotMeasuredError: the answer is not yes.
    """
    print_now(f"{count} trainings on the base {base_id} of this stack, billed by SageMaker.")
    if not yes and input("Go on? [yes/no] ").strip().lower() not in {"y", "yes"}:
        raise bench.NotMeasuredError("nothing was started")


def upload(s3: Any, place: bench.Place, folder: Path, name: str) -> str:  # noqa: ANN401
    """Put the photos and, last, the request; return ``<tenant>/<upload>``."""
    prefix = layout.uploads.upload_prefix(bench.TENANT, name)
    for file in walk(folder).files:
        if file.name != REQUEST_FILE:
            key = prefix + file.relative_to(folder).as_posix()
            s3.upload_file(str(file), place.uploads, key)
    own = folder / REQUEST_FILE
    given = json.loads(own.read_text()) if own.is_file() else dict(bench.REQUEST)
    body = json.dumps({**given, "idempotency_key": name}).encode()
    s3.put_object(Bucket=place.uploads, Key=prefix + REQUEST_FILE, Body=body)
    return f"{bench.TENANT}/{name}"


def report_of(
    s3: Any,  # noqa: ANN401 - a boto3 client
    place: bench.Place,
    name: str,
    shown: str,
    sleep: Callable[[float], None],
) -> GateReport:
    """Wait for a training and return what the gate measured.

    Raises:
        NotMeasuredError: it was refused, failed, or left no report.
    """
    record = bench.wait(place.jobs, name, shown, sleep)
    key = layout.models.result_key(record.plan_id or record.job_id, record.job_id)
    result = bench.read(s3, place.models, key, TrainingResult)
    if result is None or result.gate is None:
        raise bench.NotMeasuredError(f"{shown}: no gate report under {key} of {place.models}")
    return result.gate


def print_gaps(gaps: dict[str, Gap]) -> None:
    """Print each floor with both ends."""
    for name, gap in gaps.items():
        line = f"  {name:<16} {gap.floor:6.3f}   worst good {gap.good:.3f}, bad {gap.bad:.3f}"
        sys.stdout.write(f"{line}\n")
