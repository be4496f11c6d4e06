"""The gate: pictures from fixed seeds, with and without the adapter, measured before publishing.

effect            the adapter changes pictures
health            every picture is finite and shows something
identity          pictures of the subject against photos that training has not seen
prompt following  the attributes that prompts name are there
class drift       the class prompt still gives other people, as it is told to
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from contracts.base import GateFloors
from contracts.documents.training import GateReport
from trainer.config.recipe import Recipe
from trainer.evaluation.judge import Judge
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import Pictures, Shot, make_pictures, to_images
from trainer.process.time_limit import TimeLimit

FIRST_SEED, PICTURES = 1000, 8
"""Pictures of the subject, and as many of its class."""

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

    def wishes(self) -> slice:
        """Return where the request's own pictures are."""
        return slice(len(self.shots.subject), self.of_class().start)

    def of_class(self) -> slice:
        """Return where the class's pictures are."""
        return slice(len(self.without) - len(self.shots.of_class), None)


def plan_shots(recipe: Recipe, sample_prompts: list[str], judge: Judge | None) -> Shots:
    """Choose prompts and seeds; the same for every attempt.

    A judge that knows circumstances sees subject and class in those; others get variety from
    the seeds alone.
    """
    added = [f", {words}" for words in judge.circumstances()] if judge is not None else []
    suffixes = [added[i % len(added)] if added else "" for i in range(PICTURES)]
    return Shots(
        subject=_shots([recipe.instance_prompt + suffix for suffix in suffixes]),
        wishes=_shots(sample_prompts),
        of_class=_shots([recipe.class_prompt + suffix for suffix in suffixes]),
    )


def _shots(prompts: list[str]) -> list[Shot]:
    return [Shot(prompt, FIRST_SEED + i) for i, prompt in enumerate(prompts)]


def gather(
    base: Base, networks: lora.Networks, shots: Shots, side: int, limit: TimeLimit
) -> Evidence:
    """Make every picture with and without the adapter."""
    with lora.switched_off(networks):
        without = make_pictures(base, shots.all, side, limit, "pictures of the base")
    with_adapter = make_pictures(base, shots.all, side, limit, "pictures of the subject")
    return Evidence(shots, without, with_adapter)


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
    """Return what only a judge can tell, by GateReport's names.

    A subject that no photo shows anybody of, such as a dog to a judge of faces, has no likeness.
    """
    made, base = to_images(evidence.with_adapter), to_images(evidence.without)
    subject, of_class = evidence.subject(), evidence.of_class()
    real = known(judge.identities(photos))
    subject_prompts = [shot.prompt for shot in evidence.shots.all[: of_class.start]]
    class_prompts = [shot.prompt for shot in evidence.shots.of_class]
    forgotten = share_forgotten(
        measure_following(judge, class_prompts, base[of_class]),
        measure_following(judge, class_prompts, made[of_class]),
    )
    following = measure_following(judge, subject_prompts, made[: of_class.start])
    if not len(real):
        return {"prompt_following": following, "class_drift": forgotten}
    pulled = share_pulled(
        likeness(judge.identities(base[of_class]), real),
        likeness(judge.identities(made[of_class]), real),
    )
    return {
        "identity": likeness(judge.identities(made[subject]), real),
        "identity_base": likeness(judge.identities(base[subject]), real),
        "identity_photos": likeness_within(real),
        "prompt_following": following,
        "class_drift": max(pulled, forgotten),
    }


def known(identities: Tensor) -> Tensor:
    """Return the rows that are somebody, (M, D): a photo without a face tells nothing."""
    return identities[identities.any(dim=1)]


def likeness(made: Tensor, real: Tensor) -> float:
    """Return the mean cosine of two sets of identities, (N, D) and (M, D)."""
    return float((made @ real.T).mean())


def likeness_within(real: Tensor) -> float | None:
    """Return the mean cosine of different photos of one set; None for a single one."""
    count = len(real)
    if count == 1:
        return None
    return float(((real @ real.T).sum() - count) / (count * (count - 1)))


def share_pulled(before: float, after: float) -> float:
    """Return how far of the way the class went from its own looks (0) to the subject's (1).

    >>> share_pulled(0.2, 0.2), share_pulled(0.5, 0.75)
    (0.0, 0.5)
    """
    return max(0.0, (after - before) / max(1e-6, 1 - before))


def share_forgotten(before: float | None, after: float | None) -> float:
    """Return the share of the class prompts' attributes that were shown before and are lost.

    >>> share_forgotten(0.9, 0.45), share_forgotten(None, None)
    (0.5, 0.0)
    """
    if before is None or after is None or before == 0:
        return 0.0
    return max(0.0, 1 - after / before)


def measure_following(judge: Judge, prompts: list[str], images: list[Image.Image]) -> float | None:
    """Return the share of the attributes named in prompts that the pictures show."""
    counts = [judge.follows(p, image) for p, image in zip(prompts, images, strict=True)]
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
