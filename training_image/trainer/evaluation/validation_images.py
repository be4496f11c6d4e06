"""Validation images: images of the same prompts and seeds every few steps.

They are sampled from seeds of their own, so training with and without them gives the same weights.
A judge measures them, if the base has one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from contracts.shared import layout
from contracts.shared.pictures.safety_stages import Checker
from contracts.shared.steps import MAX_VALIDATION_PICTURES, validation_subjects
from trainer.config.recipe import Recipe
from trainer.evaluation.gate import is_healthy, likeness, measure_following, recognised
from trainer.evaluation.judge import Judge
from trainer.evaluation.marked_pictures import PictureEncoder
from trainer.evaluation.safety import show, to_pictures
from trainer.evaluation.subjects import images_of
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import Pictures, SamplingRequest, make_pictures, to_images, to_png
from trainer.photos.photos import Photo
from trainer.process.results import write_atomically
from trainer.process.time_limit import TimeLimit

FIRST_SEED = 2000


class DrawnSet(NamedTuple):
    """The validation images of one step."""

    pictures: Pictures
    """As they were drawn; the judge measures these."""
    shown: Pictures
    """As people may see them."""


@dataclass(frozen=True)
class ValidationSampler:
    """Samples one task's validation images."""

    base: Base
    recipe: Recipe
    prompts: tuple[str, ...]
    """The request's sample prompts, with the placeholders replaced."""
    folder: Path
    """The adapter's folder: the images are delivered with the adapter."""
    limit: TimeLimit
    judge: Judge | None = None
    photos: tuple[Photo, ...] = ()
    """The photos that likeness is measured against, the same as the gate's."""
    encode: PictureEncoder = to_png
    """Returns the file of an image, with its marks."""
    checker: Checker | None = None
    """The stages that look at images before people do; None: there are none."""

    def is_due(self, step: int) -> bool:
        """Return whether images are requested after this step."""
        every = self.recipe.validation_steps
        return every is not None and step % every == 0

    def requests(self) -> list[SamplingRequest]:
        """Return the images of every set: the instance prompts, then the sample prompts."""
        subjects = validation_subjects(len(self.recipe.subjects))
        prompts = [self.recipe.subjects[number].instance_prompt for number in subjects]
        prompts += self.prompts
        return [
            SamplingRequest(prompt, FIRST_SEED + i, self.base.syntax)
            for i, prompt in enumerate(prompts[:MAX_VALIDATION_PICTURES])
        ]

    def draw(self, step: int, networks: lora.Networks) -> DrawnSet:
        """Sample and save the images of a step, without dropout."""
        network = self.base.network
        lora.set_dropout(networks, active=False)
        network.eval()
        try:
            pictures = make_pictures(
                self.base, self.requests(), self.recipe.resolution, self.limit, "samples"
            )
        finally:
            network.train()
            lora.set_dropout(networks, active=True)
        shown = show(to_images(pictures), self.checker).images
        for number, image in enumerate(shown):
            path = (
                self.folder
                / layout.container.SAMPLES_FOLDER
                / layout.models.sample_file(step, number)
            )
            write_atomically(path, self.encode(image))
        return DrawnSet(pictures, pictures if self.checker is None else to_pictures(shown))

    def measure(self, pictures: Pictures) -> dict[str, float]:
        """Return the judge's metrics of a set of images, by GateReport's names.

        Empty without a judge. They are rough metrics of two images; the gate decides by eight. Of
        several subjects, the least alike one counts.
        """
        if self.judge is None or not is_healthy(pictures):
            return {}
        images = to_images(pictures)
        figures = {
            "identity": min(self.likenesses(self.judge, images), default=None),
            "prompt_following": measure_following(
                self.judge, [request.words for request in self.requests()], images
            ),
        }
        return {name: value for name, value in figures.items() if value is not None}

    def likenesses(self, judge: Judge, images: list[Image.Image]) -> Iterator[float]:
        """Yield how alike each subject is; nothing for one that is recognised on no photo."""
        drawn = validation_subjects(len(self.recipe.subjects))
        for number in sorted(set(drawn)):
            photos = images_of(self.photos, number)
            real = recognised(judge.identities(photos)) if photos else None
            own = [image for image, shown in zip(images, drawn, strict=False) if shown == number]
            if real is not None and len(real):
                yield likeness(judge.identities(own), real)
