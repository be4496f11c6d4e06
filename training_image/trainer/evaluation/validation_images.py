"""Pictures every so many steps, always of the same prompts and seeds: a training to look at.

They are drawn from seeds of their own, so a training with pictures and one without are the same.
Where the base brings a judge, it says of each step how far the training has come.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from trainer.config.recipe import Recipe
from trainer.evaluation.gate import is_healthy, likeness, measure_following, recognised
from trainer.evaluation.judge import Judge
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import Pictures, SamplingRequest, make_pictures, to_images, to_png
from trainer.process.results import write_atomically
from trainer.process.time_limit import TimeLimit

FIRST_SEED, SUBJECT_IMAGES, MAX_IMAGES = 2000, 2, 4
SAMPLES_FOLDER = "samples"


@dataclass(frozen=True)
class ValidationSampler:
    """Draws one task's samples."""

    base: Base
    recipe: Recipe
    prompts: tuple[str, ...]
    """The request's own, the subject named."""
    folder: Path
    """Of the adapter: samples are delivered with it."""
    limit: TimeLimit
    judge: Judge | None = None
    photos: tuple[Image.Image, ...] = ()
    """Real ones to compare with, the same as the gate's."""

    def is_due(self, step: int) -> bool:
        """Return whether pictures are wished after so many steps."""
        every = self.recipe.validation_steps
        return every is not None and step % every == 0

    def requests(self) -> list[SamplingRequest]:
        """Return the pictures of every step: the subject plain, then the request's own prompts."""
        prompts = [self.recipe.instance_prompt] * SUBJECT_IMAGES + list(self.prompts)
        return [
            SamplingRequest(prompt, FIRST_SEED + i) for i, prompt in enumerate(prompts[:MAX_IMAGES])
        ]

    def draw(self, step: int, networks: lora.Networks) -> Pictures:
        """Draw and keep the pictures of a step; the networks go on learning after it."""
        unet = self.base.pipeline.unet
        lora.set_dropout(networks, active=False)
        unet.eval()
        try:
            pictures = make_pictures(
                self.base, self.requests(), self.recipe.resolution, self.limit, "samples"
            )
        finally:
            unet.train()
            lora.set_dropout(networks, active=True)
        for number, image in enumerate(to_images(pictures)):
            name = f"step-{step:06d}-{number:02d}.png"
            write_atomically(self.folder / SAMPLES_FOLDER / name, to_png(image))
        return pictures

    def measure(self, pictures: Pictures) -> dict[str, float]:
        """Return what the judge says of a step's pictures, by GateReport's names; {} without one.

        Of two pictures it is a rough figure; the gate's own, of eight, decides.
        """
        if self.judge is None or not is_healthy(pictures):
            return {}
        made = to_images(pictures)
        real = recognised(self.judge.identities(list(self.photos)))
        subject = self.judge.identities(made[:SUBJECT_IMAGES])
        figures = {
            "identity": likeness(subject, real) if len(real) else None,
            "prompt_following": measure_following(
                self.judge, [request.prompt for request in self.requests()], made
            ),
        }
        return {name: value for name, value in figures.items() if value is not None}
