"""The gate for several subjects: each is measured by itself, and the lowest score decides.

Beside what the gate measures of one subject, each one's pictures must be more like its own photos
than like another subject's: an adapter of several subjects may mix them up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from contracts.base import GateFloors
from contracts.documents.training import GateReport, RankedPicture, Scores, SubjectScores
from contracts.shared.words.prompts import names_subject
from trainer.config.recipe import Recipe
from trainer.evaluation.gate import (
    Evidence,
    SamplingRequests,
    examine,
    likeness,
    recognised,
)
from trainer.evaluation.judge import Judge
from trainer.evaluation.ranking import by_likeness, file_of
from trainer.model.sampling import to_images
from trainer.photos.photos import Photo

MIXED = "gate_subjects_mixed"


@dataclass(frozen=True)
class Shown:
    """The photos of a task, all of its subjects'."""

    reference: Sequence[Photo]
    """The photos that likeness is measured against."""
    learnt: Sequence[Photo]

    def of(self, subject: int) -> tuple[list[Image.Image], list[Image.Image]]:
        """Return one subject's images, those to measure against and those that were learnt."""
        return images_of(self.reference, subject), images_of(self.learnt, subject)


def images_of(photos: Sequence[Photo], subject: int) -> list[Image.Image]:
    """Return the images of one subject's photos."""
    return [photo.image for photo in photos if photo.subject == subject]


def examine_subjects(
    evidence: Evidence, recipe: Recipe, shown: Shown, judge: Judge | None, floors: GateFloors
) -> GateReport:
    """Measure every subject and return the worst scores; of one subject, those of ``examine``."""
    parts = [part_of(evidence.requests, recipe, number) for number in range(len(recipe.subjects))]
    reports = []
    for number, part in enumerate(parts):
        photos, learnt = shown.of(number)
        report = examine(part.cut(evidence), photos, judge, floors, learnt)
        reports.append(report.model_copy(update={"ranking": part.placed(report.ranking)}))
    if len(reports) == 1:
        return reports[0]
    scores = [
        scores_of(
            one.trigger_word, report, likeness_to_others(number, evidence, parts, shown, judge)
        )
        for number, (one, report) in enumerate(zip(recipe.subjects, reports, strict=True))
    ]
    return worst_of(reports, scores)


@dataclass(frozen=True)
class Part:
    """The pictures of one subject among those of all."""

    requests: SamplingRequests
    rows: list[int]
    """Row of each picture in the whole evidence."""
    subjects: int
    """Number of pictures of all subjects, which come first in the whole evidence."""

    def cut(self, evidence: Evidence) -> Evidence:
        """Return the evidence of this subject alone."""
        return Evidence(
            self.requests, evidence.without[self.rows], evidence.with_adapter[self.rows]
        )

    def placed(self, ranking: Sequence[RankedPicture]) -> tuple[RankedPicture, ...]:
        """Return a ranking of these pictures with their rows and files among all pictures."""
        return tuple(one.model_copy(update=self._place(one)) for one in ranking)

    def _place(self, one: RankedPicture) -> dict[str, object]:
        row = self.rows[one.row - 1]
        file = None if one.file is None else file_of(row - self.subjects)
        return {"row": row + 1, "file": file}


def part_of(requests: SamplingRequests, recipe: Recipe, number: int) -> Part:
    """Return the part of one subject.

    A sample prompt belongs to the first subject that it names; intake refuses one that names none.
    """
    each = len(requests.subject) // len(recipe.subjects)
    of_class = len(requests.of_class) // len(recipe.class_prompts)
    subject = range(each * number, each * (number + 1))
    first_sample = len(requests.subject)
    samples = [
        first_sample + place
        for place, one in enumerate(requests.sample_prompts)
        if owner_of(one.words, recipe) == number
    ]
    first_class = first_sample + len(requests.sample_prompts) + of_class * recipe.class_of(number)
    classes = range(first_class, first_class + of_class)
    whole = requests.all
    own = SamplingRequests(*([whole[row] for row in rows] for rows in (subject, samples, classes)))
    return Part(own, [*subject, *samples, *classes], first_sample)


def owner_of(prompt: str, recipe: Recipe) -> int:
    """Return the first subject that a prompt names; the first of all where it names none."""
    words = [subject.trigger_word for subject in recipe.subjects]
    named = (number for number, word in enumerate(words) if names_subject(prompt, word))
    return next(named, 0)


def likeness_to_others(
    number: int, evidence: Evidence, parts: Sequence[Part], shown: Shown, judge: Judge | None
) -> float | None:
    """Return how alike a subject's pictures are to the other subject that they are most like.

    None where nobody can be compared: without a judge, or where it recognises nobody.
    """
    if judge is None:
        return None
    own = parts[number].cut(evidence)
    if not np.isfinite(own.with_adapter).all():
        return None
    drawn = judge.identities(to_images(own.with_adapter[own.subject()]))
    found = []
    for other in range(len(parts)):
        photos, _ = shown.of(other)
        real = recognised(judge.identities(photos)) if photos and other != number else drawn[:0]
        found += [likeness(drawn, real)] if len(real) else []
    return max(found, default=None)


def scores_of(trigger_word: str, report: GateReport, other: float | None) -> SubjectScores:
    """Return one subject's scores."""
    own = {name: getattr(report, name) for name in Scores.model_fields}
    mixed = report.identity is not None and other is not None and other >= report.identity
    codes = (*report.codes, *((MIXED,) if mixed else ()))
    changed = {"passed": not codes, "codes": codes}
    return SubjectScores(trigger_word=trigger_word, identity_other=other, **(own | changed))


def worst_of(reports: Sequence[GateReport], scores: Sequence[SubjectScores]) -> GateReport:
    """Return the report of an adapter: of each score the worst one, and the codes of all."""
    known = [report for report in reports if report.identity is not None]
    least = min(known, key=lambda report: report.identity or 0.0, default=reports[0])
    codes = tuple(dict.fromkeys(code for one in scores for code in one.codes))
    ranking = (picture for report in reports for picture in report.ranking)
    return least.model_copy(
        update={
            "passed": not codes,
            "codes": codes,
            "effect": min(report.effect for report in reports),
            "prompt_following": min(measured(reports, "prompt_following"), default=None),
            "class_drift": max(measured(reports, "class_drift"), default=None),
            "photo_similarity": max(measured(reports, "photo_similarity"), default=None),
            "ranking": by_likeness(ranking),
            "subjects": tuple(scores),
        }
    )


def measured(reports: Sequence[GateReport], name: str) -> list[float]:
    """Return a score of every subject of which it was measured."""
    return [score for report in reports if (score := getattr(report, name)) is not None]
