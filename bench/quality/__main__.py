"""Measures the quality of trained models on characters that were not used for tuning.

    make quality                                        (an hour of one core, half with --jobs 2)
    python -m bench.quality [--people 20] [--jobs 2]
    python -m bench.quality --floors                    (set the gate's floors by this series)

Prints a table, writes ``reports/quality.json`` and ``reports/quality.png``, and exits with 1 when a
target is missed. Finished results are kept under ``.local/quality/<base and its defaults>/``, so an
interrupted run can be continued.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

from bench.quality import floors
from bench.quality import gate as quality_gate
from bench.quality.base import base_figures
from bench.quality.people import ROOT, SCALES, LoadedBase, draw_base, make_prior
from bench.quality.picture import draw_contact_sheet
from bench.report import REPORTS, Figure, finish
from contracts.base import BaseCard
from contracts.documents.training import GateReport
from local.embedded_base import PORTRAITS
from trainer.evaluation.gate import missed_floors

FIRST = 7000
"""Seed of the first character; the defaults were tuned on the seeds 5000 to 5010."""

MAX_SECONDS = 180
RESULTS_VERSION = "2"
"""Changes when the files of the results folder change."""


def main() -> None:
    """Measure and print; exit with 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, default=PORTRAITS)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="people at once, one core each")
    parser.add_argument("--floors", action="store_true", help="set the base's floors")
    options = parser.parse_args()
    card = BaseCard.model_validate_json((options.base / "base.json").read_bytes())
    kept, seeds = results_folder(options.base, card), list(range(FIRST, FIRST + options.people))
    people = measure_people(options.base, kept, seeds, options.jobs)
    bad = quality_gate.examine_bad(options.base, kept, *seeds[:2])
    if options.floors:
        card = set_floors(options.base, kept, people, bad)
    rows = [
        *base_figures(options.base, kept),
        *rows_of_people(people),
        *rows_of_gate(card, people, bad),
        *rows_of_scale(people),
    ]
    missed = finish("quality", rows)
    write_details(people, bad, card)
    draw_contact_sheet(kept, seeds[:8], REPORTS / "quality.png")
    sys.exit(missed)


def results_folder(base: Path, card: BaseCard) -> Path:
    """Return the folder of results, which depends on the base, the judge and the defaults."""
    judge = (base / str(card.judge) / "model.safetensors").read_bytes()
    text = card.sha256 + card.training.model_dump_json() + card.inference.model_dump_json()
    text += sha256(judge).hexdigest() + RESULTS_VERSION
    return ROOT / ".local" / "quality" / sha256(text.encode()).hexdigest()[:12]


def measure_people(base: Path, kept: Path, seeds: list[int], jobs: int) -> list[dict[str, Any]]:
    """Return every person's figures; measure several people at once, and read finished ones."""
    if not (kept / "base.npz").exists():
        draw_base(LoadedBase.open(base), kept / "base.npz")
    if not (kept / "prior").exists():
        print(
            f"class images, drawn once for all people: {make_prior(base, kept):.0f} s", flush=True
        )
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda seed: measure_person(base, kept, seed), seeds))


def measure_person(base: Path, kept: Path, seed: int) -> dict[str, Any]:
    """Return one person's figures, measured in a separate process.

    Raises:
        RuntimeError: the process failed; its output is in the log.
    """
    file = kept / str(seed) / "person.json"
    if not file.exists():
        log = kept / f"{seed}.log"
        command = [sys.executable, "-m", "bench.quality.people", "--seed", str(seed)]
        with log.open("wb") as log_file:
            done = subprocess.run(
                [*command, "--base", str(base), "--kept", str(kept)],
                stdout=log_file,
                stderr=log_file,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                cwd=ROOT,
                check=False,
            )
        if done.returncode:
            message = f"character {seed} could not be measured: see {log.relative_to(ROOT)}"
            raise RuntimeError(message)
    person: dict[str, Any] = json.loads(file.read_text())
    print(line_of(person), flush=True)
    return person


def line_of(person: dict[str, Any]) -> str:
    """Return a person's figures as one line."""
    if "identity" not in person:
        return f"character {person['seed']}: {person['status']} {person['code']}"
    log_file = f"character {person['seed']}: {person['status']}"
    for name in ("identity_base", "identity", "identity_photos", "following"):
        log_file += f"  {name.replace('_', ' ')} {person[name]:.3f}"
    drift, seconds = person["class"]["drift"], person["processor_seconds"]
    return f"{log_file}  drift {drift:.3f}  {seconds:.0f} s"


def rows_of_people(people: list[dict[str, Any]]) -> list[Figure]:
    """Return the figures of the people's models."""
    made = [person for person in people if "identity" in person]
    if not made:
        return [Figure("characters with a model", 0, target=len(people))]
    alike = mean(person["identity"] for person in made)
    real = mean(person["identity_photos"] for person in made)
    alone = mean(person["identity_base"] for person in made)
    longest = max(person["processor_seconds"] for person in people)
    return [
        Figure("characters with a model", len(made), target=len(people)),
        Figure("identity of generated pictures", alike, "cosine"),
        Figure("identity of real photos", real, "cosine"),
        Figure("identity of the base alone", alone, "cosine"),
        Figure("generated / real", alike / real, "", 0.9),
        Figure("prompts followed", mean(p["following"] for p in made), "share", 0.9),
        Figure("class drift", mean(p["class"]["drift"] for p in made), "share", 0.1, "less"),
        Figure("longest training, all of it", longest, "CPU s", MAX_SECONDS, "less"),
    ]


def rows_of_gate(
    card: BaseCard, people: list[dict[str, Any]], bad: dict[str, GateReport]
) -> list[Figure]:
    """Return how often the gate is wrong with the floors of the card."""
    refused = [person["seed"] for person in people if not passes(card, person)]
    rows = [Figure("good adapters refused", len(refused), "", 0, "less")]
    for name, first in bad.items():
        is_right = quality_gate.verdict_is_right(name, judge_again(card, first))
        wanted = f"refused: {name}, {quality_gate.WANTED[name]}"
        rows.append(Figure(wanted, float(is_right), target=1))
    return rows


def passes(card: BaseCard, person: dict[str, Any]) -> bool:
    """Return whether a person's adapter passes the card's current floors."""
    gate = person.get("gate")
    return gate is not None and judge_again(card, GateReport.model_validate(gate)).passed


def judge_again(card: BaseCard, report: GateReport) -> GateReport:
    """Return a report with the verdict of the card's current floors."""
    if "gate_broken_pictures" in report.codes:
        return report
    codes = missed_floors(report, card.gate)
    return report.model_copy(update={"codes": codes, "passed": not codes})


def rows_of_scale(people: list[dict[str, Any]]) -> list[Figure]:
    """Return whether lora_scale 0 equals the base, and whether identity rises with lora_scale."""
    made = [person for person in people if "sweep" in person]
    exact = sum(person["zero_is_base"] for person in made)
    curve = [mean(person["sweep"][i] for person in made) for i in range(len(SCALES))]
    rises = sum(a < b for a, b in pairwise(curve))
    return [
        Figure("lora_scale 0 is the base, bit for bit", exact, "people", len(made)),
        Figure("identity rises from one lora_scale to the next", rises, "times", len(SCALES) - 1),
        *(
            Figure(f"  at lora_scale {scale:g}", value, "cosine")
            for scale, value in zip(SCALES, curve, strict=True)
        ),
    ]


def set_floors(
    base: Path, kept: Path, people: list[dict[str, Any]], bad: dict[str, GateReport]
) -> BaseCard:
    """Derive the floors from the series and write them; return the updated card."""
    good = [GateReport.model_validate(p["gate"]) for p in people if p.get("gate")]
    seeds = [p["seed"] for p in people if "identity" in p]
    strangers = floors.closest_strangers(kept, seeds)
    gaps = floors.find_gaps(good, bad, strangers)
    print(f"floors: {floors.write_floors(base, gaps, len(good))}")
    return BaseCard.model_validate_json((base / "base.json").read_bytes())


def write_details(people: list[dict[str, Any]], bad: dict[str, GateReport], card: BaseCard) -> None:
    """Write the details behind the table."""
    details = {
        "base": {"base_id": card.base_id, "revision": card.revision, "sha256": card.sha256},
        "people": people,
        "refused": quality_gate.summary(bad),
    }
    (REPORTS / "quality_people.json").write_text(json.dumps(details, indent=1) + "\n")


if __name__ == "__main__":
    main()
