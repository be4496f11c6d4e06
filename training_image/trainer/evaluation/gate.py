"""The gate: images from fixed seeds, with and without the adapter, measured before publishing.

effect            the adapter changes images
health            every image is finite and shows something
identity          images of the subject are like photos that training has not seen
prompt following  the attributes that prompts name are shown
class drift       the class prompt still shows other people, and still follows its prompt
copies            no picture is one of the photos again
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from contracts.base import GateFloors
from contracts.documents.training import GateReport
from contracts.shared.steps import GATE_PICTURES
from contracts.shared.words.prompt_weights import Syntax
from trainer.config.recipe import Recipe
from trainer.evaluation.judge import Judge
from trainer.evaluation.ranking import rank
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import Pictures, SamplingRequest, make_pictures, to_images
from trainer.process.time_limit import TimeLimit

FIRST_SEED = 1000
"""The seed of the first image of each prompt."""

PICTURES = GATE_PICTURES
"""Images of each subject and of each class; a benchmark draws fewer."""

MIN_CONTRAST = 0.01
"""An image whose pixels (0 to 1) have a smaller standard deviation shows nothing."""


@dataclass(frozen=True)
class SamplingRequests:
    """The images that the gate samples."""

    subject: list[SamplingRequest]
    """As many of each subject, one subject after another."""
    sample_prompts: list[SamplingRequest]
    """The request's own sample prompts."""
    of_class: list[SamplingRequest]
    """As many of each class, one class after another."""

    @property
    def all(self) -> list[SamplingRequest]:
        """Return all requests in one fixed order."""
        return [*self.subject, *self.sample_prompts, *self.of_class]


@dataclass(frozen=True)
class Evidence:
    """The images of every request without and with the adapter.

    Each is (N, S, S, 3) float32 in 0 to 1, in the order of ``SamplingRequests.all``.
    """

    requests: SamplingRequests
    without: Pictures
    with_adapter: Pictures

    def subject(self) -> slice:
        """Return the rows of the subject's images."""
        return slice(0, len(self.requests.subject))

    def sample_prompts(self) -> slice:
        """Return the rows of the sample prompts' images."""
        return slice(len(self.requests.subject), self.of_class().start)

    def of_class(self) -> slice:
        """Return the rows of the class's images."""
        return slice(len(self.without) - len(self.requests.of_class), None)


def make_sampling_requests(
    recipe: Recipe, sample_prompts: list[str], judge: Judge | None, syntax: Syntax
) -> SamplingRequests:
    """Return the gate's prompts and seeds; they are the same for every attempt.

    A judge that knows circumstances gets the subject and the class in each of them. Otherwise the
    images vary by seed alone. ``syntax`` is how the endpoint reads the prompts.
    """
    subject: list[SamplingRequest] = []
    for one in recipe.subjects:
        subject += _requests(_varied(one.instance_prompt, one.class_prompt, judge), syntax)
    of_class: list[SamplingRequest] = []
    for prompt in recipe.class_prompts:
        of_class += _requests(_varied(prompt, prompt, judge), syntax)
    return SamplingRequests(subject, _requests(sample_prompts, syntax), of_class)


def _varied(prompt: str, class_prompt: str, judge: Judge | None) -> list[str]:
    """Return the prompt for each picture, in the circumstances that the judge knows of a class."""
    known = () if judge is None else judge.circumstances(class_prompt)
    suffixes = [f", {words}" for words in known] or [""]
    return [prompt + suffixes[i % len(suffixes)] for i in range(PICTURES)]


def _requests(prompts: list[str], syntax: Syntax) -> list[SamplingRequest]:
    return [SamplingRequest(prompt, FIRST_SEED + i, syntax) for i, prompt in enumerate(prompts)]


def draw_evidence(
    base: Base, networks: lora.Networks, requests: SamplingRequests, side: int, limit: TimeLimit
) -> Evidence:
    """Sample every image without and with the adapter."""
    with lora.disabled(networks):
        without = make_pictures(base, requests.all, side, limit, "pictures of the base")
    with_adapter = make_pictures(base, requests.all, side, limit, "pictures of the subject")
    return Evidence(requests, without, with_adapter)


class Identities(NamedTuple):
    """What the judge recognises: D numbers of unit length for each image."""

    real: Tensor
    """(M, D), of the photos on which somebody is recognised."""
    drawn: Tensor
    """(N, D), of the images of the subject and of the sample prompts; zeros for nobody."""


def examine(
    evidence: Evidence,
    photos: list[Image.Image],
    judge: Judge | None,
    floors: GateFloors,
    learnt: Sequence[Image.Image] = (),
) -> GateReport:
    """Measure the images and compare the metrics with the base's floors.

    Args:
        evidence: the images.
        photos: those that likeness is measured against: held-out ones where possible.
        judge: what measures likeness and prompt following; None measures neither.
        floors: the base's.
        learnt: the photos of the training, of which no image may be a copy.
    """
    healthy = is_healthy(evidence.with_adapter)
    report = GateReport(passed=False, effect=measure_effect(evidence) if healthy else 0.0)
    if healthy:
        found = None if judge is None else identities_of(evidence, photos, judge)
        report = report.model_copy(update=compare_with_photos(evidence, found, learnt))
        if judge is not None and found is not None:
            report = report.model_copy(update=measure_likeness(evidence, found, judge))
    floors = floors_for(judge, floors)
    codes = missed_floors(report, floors) if healthy else ("gate_broken_pictures",)
    return report.model_copy(update={"passed": not codes, "codes": codes})


def floors_for(judge: Judge | None, floors: GateFloors) -> GateFloors:
    """Return the base's floors; where it sets none, the judge's own measured ones."""
    own = {name: getattr(judge, name, None) for name in ("min_identity", "max_photo_similarity")}
    missing = {name: value for name, value in own.items() if getattr(floors, name) is None}
    return floors.model_copy(update=missing)


def identities_of(evidence: Evidence, photos: list[Image.Image], judge: Judge) -> Identities:
    """Return what the judge recognises on the photos and on the adapter's images."""
    images = to_images(evidence.with_adapter[: evidence.of_class().start])
    drawn = judge.identities(images)
    real = recognised(judge.identities(photos)) if photos else drawn[:0]
    return Identities(real, drawn)


def compare_with_photos(
    evidence: Evidence, found: Identities | None, learnt: Sequence[Image.Image]
) -> dict[str, object]:
    """Return the ranking of the images and their similarity to photos, by GateReport's names."""
    drawn = to_images(evidence.with_adapter[: evidence.of_class().start])
    alike = None
    if found is not None and len(found.real):
        alike = (found.drawn @ found.real.T).mean(dim=1)
    ranking = rank(drawn, alike, learnt, of_subject=len(evidence.requests.subject))
    known = [one.photo_similarity for one in ranking if one.photo_similarity is not None]
    return {"ranking": ranking, "photo_similarity": max(known, default=None)}


def is_healthy(pictures: Pictures) -> bool:
    """Return whether every image is finite and is not of one colour."""
    finite = bool(np.isfinite(pictures).all())
    return finite and bool((pictures.std(axis=(1, 2)).max(axis=1) > MIN_CONTRAST).all())


def measure_effect(evidence: Evidence) -> float:
    """Return the mean absolute change of the subject's images, 0 to 1."""
    where = evidence.subject()
    return float(np.abs(evidence.with_adapter[where] - evidence.without[where]).mean())


def measure_likeness(
    evidence: Evidence, found: Identities, judge: Judge
) -> dict[str, float | None]:
    """Return the metrics that need a judge, by GateReport's names.

    A subject that the judge cannot recognise on any photo, such as a dog to a face judge, has no
    identity metric; nor has one without photos, as an import is.
    """
    images, base = to_images(evidence.with_adapter), to_images(evidence.without)
    subject, of_class = evidence.subject(), evidence.of_class()
    real = found.real
    subject_prompts = [request.words for request in evidence.requests.all[: of_class.start]]
    class_prompts = [request.words for request in evidence.requests.of_class]
    forgotten = share_forgotten(
        measure_following(judge, class_prompts, base[of_class]),
        measure_following(judge, class_prompts, images[of_class]),
    )
    following = measure_following(judge, subject_prompts, images[: of_class.start])
    if not len(real):
        return {"prompt_following": following, "class_drift": forgotten}
    pulled = share_pulled(
        likeness(judge.identities(base[of_class]), real),
        likeness(judge.identities(images[of_class]), real),
    )
    return {
        "identity": likeness(found.drawn[subject], real),
        "identity_base": likeness(judge.identities(base[subject]), real),
        "identity_photos": likeness_within(real),
        "prompt_following": following,
        "class_drift": max(pulled, forgotten),
    }


def recognised(identities: Tensor) -> Tensor:
    """Return the rows of recognised people, (M, D); the others are zero."""
    return identities[identities.any(dim=1)]


def likeness(images: Tensor, real: Tensor) -> float:
    """Return the mean cosine similarity of two sets of identities, (N, D) and (M, D)."""
    return float((images @ real.T).mean())


def likeness_within(real: Tensor) -> float | None:
    """Return the mean cosine similarity within a set of photos; None for a single photo."""
    count = len(real)
    if count == 1:
        return None
    return float(((real @ real.T).sum() - count) / (count * (count - 1)))


def share_pulled(before: float, after: float) -> float:
    """Return how far the class moved from its own likeness (0) to the subject's (1).

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
    """Return the share of the attributes in prompts that the images show; None without any."""
    counts = [judge.follows(p, image) for p, image in zip(prompts, images, strict=True)]
    named = sum(asked for _, asked in counts)
    return sum(shown for shown, _ in counts) / named if named else None


def missed_floors(report: GateReport, floors: GateFloors) -> tuple[str, ...]:
    """Return a code for each floor that is missed; a metric that was not measured passes."""
    missed = {
        "gate_no_effect": _below(report.effect, floors.min_effect),
        "gate_not_alike": _below(report.identity, floors.min_identity),
        "gate_ignores_prompt": _below(report.prompt_following, floors.min_prompt_following),
        "gate_class_drift": _below(floors.max_class_drift, report.class_drift),
        "gate_copies_photo": _below(floors.max_photo_similarity, report.photo_similarity),
    }
    return tuple(code for code, is_missed in missed.items() if is_missed)


def _below(value: float | None, floor: float | None) -> bool:
    return value is not None and floor is not None and value < floor
