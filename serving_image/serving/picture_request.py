"""PictureRequest: a parsed request with every default filled in, and the parts of it."""

from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from contracts.documents.picture import PictureArguments
from contracts.shared.words.prompt_weights import Syntax


class Sampling(NamedTuple):
    """How a picture is sampled, apart from its prompts, seed, guidance and adapters."""

    num_inference_steps: int
    height: int
    width: int
    scheduler: str
    """A name of contracts.shared.pictures.samplers."""
    strength: float | None = None
    """None when the picture starts from noise alone."""


class SecondPass(NamedTuple):
    """How a finished picture is enlarged and drawn again."""

    upscaler: str
    """A name of contracts.shared.pictures.upscalers."""
    num_inference_steps: int
    height: int
    width: int
    strength: float


@dataclass(frozen=True)
class StartImage:
    """The caller's image, from which a picture starts instead of noise alone."""

    pixels: Image.Image
    """RGB pixels in the size of the picture."""
    sha256: str
    """Hash of the image's file."""
    mask: Image.Image | None = None
    """White where the image may change, otherwise black, in the size of the picture."""
    mask_sha256: str | None = None
    """Hash of the mask's file."""


@dataclass(frozen=True)
class PictureRequest:
    """A request with every default filled in."""

    prompt: str
    negative_prompt: str | None
    num_inference_steps: int
    guidance_scale: float
    seeds: tuple[int, ...]
    """One seed for each picture."""
    height: int
    width: int
    lora_scale: float
    scheduler: str
    arguments: PictureArguments
    image: StartImage | None = None
    strength: float | None = None
    """Share of the image that may change; None without an image."""
    second_pass: SecondPass | None = None
    syntax: Syntax = "literal"
    """How the prompts are read."""

    @property
    def refiner_switch_at(self) -> float | None:
        """Share of the noise schedule that the base draws; None: it draws all."""
        return self.arguments.refiner_switch_at

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the answer's pictures."""
        last = self.second_pass or self
        return last.height, last.width

    @property
    def sampling(self) -> Sampling:
        """How each picture of this request is sampled."""
        return Sampling(
            self.num_inference_steps, self.height, self.width, self.scheduler, self.strength
        )

    @property
    def work(self) -> float:
        """Pixels x steps x pictures, in millions: megapixel steps."""
        steps = self.num_inference_steps
        if self.strength is not None:
            steps = int(steps * self.strength)
        pixels = self.height * self.width * steps
        if (second := self.second_pass) is not None:
            steps = int(second.num_inference_steps * second.strength)
            pixels += second.height * second.width * steps
        return pixels * len(self.seeds) / 1e6
