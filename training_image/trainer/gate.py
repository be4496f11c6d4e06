"""The gate: pictures from fixed seeds, with and without the adapter, measured before publishing.

effect            the adapter changes pictures
health            every picture is finite and shows something
identity          pictures of the subject against photos that training has not seen
prompt following  the attributes that prompts name are there
class drift       the class prompt still gives other people
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from contracts.base import GateFloors
from contracts.training import GateReport
from trainer import lora
from trainer.base import Base
from trainer.interrupt import TimeLimit
from trainer.judge import Judge
from trainer.plan import Recipe
from trainer.sampling import Pictures, Shot, make_pictures, to_images

SEEDS = (1000, 1001, 1002, 1003)
FLAT = 0.01
"""A picture whose pixels spread less than this (0 to 1) shows nothing."""


@dataclass(frozen=True)
class Shots:
    """What the gate looks at."""

    subject: list[Shot]
    wishes: list[Shot]
    """The request's own sample prompts."""
    of_class: list[Shot]

    @property
    def all(self) -> list[Shot]:
        """Return all of them in one order."""
        return [*self.subject, *self.wishes, *self.of_class]


@dataclass(frozen=True)
class Evidence:
    """The same shots twice, (N, S, S, 3) float32 in 0 to 1, in the order of ``Shots.all``."""

    shots: Shots
    without: Pictures
    with_adapter: Pictures

    def subject(self) -> slice:
        """Return where the subject's pictures are."""
        return slice(0, len(self.shots.subject))

    def of_class(self) -> slice:
        """Return where the class's pictures are."""
        return slice(len(self.without) - len(self.shots.of_class), None)


def plan_shots(recipe: Recipe, sample_prompts: list[str]) -> Shots:
    """Choose prompts and seeds; the same for every attempt."""
    return Shots(
        subject=[Shot(recipe.instance_prompt, seed) for seed in SEEDS],
        wishes=[Shot(prompt, SEEDS[0]) for prompt in sample_prompts],
        of_class=[Shot(recipe.class_prompt, seed) for seed in SEEDS],
    )


def gather(
    base: Base, networks: lora.Networks, shots: Shots, side: int, limit: TimeLimit
) -> Evidence:
    """Make every picture with and without the adapter."""
    with lora.switched_off(networks):
        without = make_pictures(base, shots.all, side, limit)
    return Evidence(shots, without, make_pictures(base, shots.all, side, limit))


def examine(
    evidence: Evidence, photos: list[Image.Image], judge: Judge | None, floors: GateFloors
) -> GateReport:
    """Measure, and compare with the base's floors.

    ``photos`` are real ones; those that training has not seen, if there are any.
    """
    healthy = is_healthy(evidence.with_adapter)
    report = GateReport(passed=False, effect=measure_effect(evidence) if healthy else 0.0)
    if judge is not None and healthy:
        report = report.model_copy(update=measure_likeness(evidence, photos, judge))
    codes = missed_floors(report, floors) if healthy else ("gate_broken_pictures",)
    return report.model_copy(update={"passed": not codes, "codes": codes})


def is_healthy(pictures: Pictures) -> bool:
    """Return whether every picture is finite and more than one flat colour."""
    finite = bool(np.isfinite(pictures).all())
    return finite and bool((pictures.std(axis=(1, 2)).max(axis=1) > FLAT).all())


def measure_effect(evidence: Evidence) -> float:
    """Return the mean absolute change of the subject's pictures, 0 to 1."""
    where = evidence.subject()
    return float(np.abs(evidence.with_adapter[where] - evidence.without[where]).mean())


def measure_likeness(
    evidence: Evidence, photos: list[Image.Image], judge: Judge
) -> dict[str, float | None]:
    """Return what only a judge can tell, by GateReport's names."""
    real = judge.embed(photos).mean(dim=0)
    real = real / real.norm()
    made = judge.embed(to_images(evidence.with_adapter))
    base = judge.embed(to_images(evidence.without))
    subject, of_class = evidence.subject(), evidence.of_class()
    drift = 1 - torch.cosine_similarity(made[of_class], base[of_class]).mean()
    return {
        "identity": float((made[subject] @ real).mean()),
        "identity_base": float((base[subject] @ real).mean()),
        "prompt_following": measure_following(evidence, judge),
        "class_drift": max(0.0, float(drift)),
    }


def measure_following(evidence: Evidence, judge: Judge) -> float | None:
    """Return the share of named attributes that the adapter's pictures show."""
    images = to_images(evidence.with_adapter)
    pairs = zip(evidence.shots.all, images, strict=True)
    counts = [judge.follows(shot.prompt, image) for shot, image in pairs]
    named = sum(asked for _, asked in counts)
    return sum(shown for shown, _ in counts) / named if named else None


def missed_floors(report: GateReport, floors: GateFloors) -> tuple[str, ...]:
    """Return a code for each floor that the report is under; what was not measured passes."""
    missed = {
        "gate_no_effect": _below(report.effect, floors.min_effect),
        "gate_not_alike": _below(report.identity, floors.min_identity),
        "gate_ignores_prompt": _below(report.prompt_following, floors.min_prompt_following),
        "gate_class_drift": _below(floors.max_class_drift, report.class_drift),
    }
    return tuple(code for code, is_missed in missed.items() if is_missed)


def _below(value: float | None, floor: float | None) -> bool:
    return value is not None and floor is not None and value < floor
