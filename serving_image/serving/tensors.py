"""What a request means: bytes in, a PictureRequest out, or a PictureError in our own words."""

import base64
import binascii
import io
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, get_args

from PIL import Image, ImageOps
from pydantic import ValidationError

from contracts.base import BaseCard
from contracts.documents.picture import (
    DEFAULT_STRENGTH,
    ERROR_PREFIX,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_PROMPT_CHARACTERS,
    PictureArguments,
    PictureCode,
    Scheduler,
)
from contracts.shared.styles import apply_style

MAX_ARGUMENTS_BYTES = 4096


class PictureError(Exception):
    """Ends one request. ``text`` is ours: a user's text never gets into an error or a log."""

    def __init__(self, code: PictureCode, text: str) -> None:
        super().__init__(f"{ERROR_PREFIX}{code}: {text}")


class PassKey(NamedTuple):
    """Requests that agree in this can be drawn in one pass."""

    num_inference_steps: int
    height: int
    width: int
    scheduler: str
    guided: bool
    has_negative_prompt: bool
    strength: float | None = None
    """None: drawn from nothing."""


@dataclass(frozen=True)
class StartImage:
    """What to start from instead of noise alone."""

    pixels: Image.Image
    """RGB, in the size of the picture."""
    sha256: str
    """Of the file."""


@dataclass(frozen=True)
class PictureRequest:
    """A request with every default filled in."""

    prompt: str
    negative_prompt: str | None
    num_inference_steps: int
    guidance_scale: float
    seeds: tuple[int, ...]
    """One for each picture."""
    height: int
    width: int
    lora_scale: float
    scheduler: str
    arguments: PictureArguments
    image: StartImage | None = None
    strength: float | None = None
    """Set if there is an image."""

    @property
    def pass_key(self) -> PassKey:
        """What it must share with others to be drawn together with them."""
        return PassKey(
            self.num_inference_steps,
            self.height,
            self.width,
            self.scheduler,
            guided=self.guidance_scale > 1,
            has_negative_prompt=self.negative_prompt is not None,
            strength=self.strength,
        )


def parse_request(
    prompt: bytes, negative_prompt: bytes, gen_args: bytes, base: BaseCard, image: bytes = b""
) -> PictureRequest:
    """Return what the inputs ask of this base.

    Raises:
        PictureError: an argument is unknown, out of range, or not text, or an image none.
    """
    arguments = parse_arguments(gen_args)
    defaults = base.inference
    height, width = arguments.height or base.resolution, arguments.width or base.resolution
    steps = arguments.num_inference_steps or defaults.num_inference_steps
    start = parse_image(image, (width, height)) if image else None
    texts = (
        parse_text(prompt, "prompt", at_least=1),
        parse_text(negative_prompt, "negative_prompt", at_least=0),
    )
    styled, avoided = apply_style(arguments.style, *texts)
    guidance = arguments.guidance_scale
    return PictureRequest(
        prompt=styled,
        negative_prompt=avoided or None,
        num_inference_steps=steps,
        guidance_scale=defaults.guidance_scale if guidance is None else guidance,
        seeds=make_seeds(arguments.seed, arguments.num_images_per_prompt),
        height=height,
        width=width,
        lora_scale=arguments.lora_scale,
        scheduler=arguments.scheduler or check_scheduler(defaults.scheduler),
        arguments=arguments,
        image=start,
        strength=check_strength(arguments.strength, start, steps),
    )


def parse_image(value: bytes, size: tuple[int, int]) -> StartImage:
    """Return the image, cut to the picture's proportions around its middle."""
    if len(value) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        raise PictureError("invalid_argument", f"image: at most {MAX_IMAGE_BYTES >> 20} MB")
    try:
        file = base64.b64decode(value, validate=True)
        with Image.open(io.BytesIO(file), formats=("PNG", "JPEG")) as image:
            check_pixels(image)
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except (binascii.Error, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        text = "image: not base64 of a whole PNG or JPEG file"
        raise PictureError("invalid_argument", text) from None
    white = Image.new("RGBA", upright.size, "white")
    pixels = Image.alpha_composite(white, upright).convert("RGB")
    fitted = ImageOps.fit(pixels, size, Image.Resampling.LANCZOS)
    return StartImage(fitted, sha256(file).hexdigest())


def check_pixels(image: Image.Image) -> None:
    """Raise before anything is decoded: a small file may hold a huge picture."""
    if image.width * image.height > MAX_IMAGE_PIXELS:
        text = f"image: at most {MAX_IMAGE_PIXELS // 1_000_000} million pixels"
        raise PictureError("invalid_argument", text)


def check_strength(wished: float | None, image: StartImage | None, steps: int) -> float | None:
    """Return how much of the image may change; None when there is none."""
    if image is None:
        if wished is not None:
            raise PictureError("invalid_argument", "strength: there is no image to change")
        return None
    strength = DEFAULT_STRENGTH if wished is None else wished
    if int(steps * strength) < 1:
        raise PictureError("invalid_argument", "strength: no step is left; ask for more steps")
    return strength


def parse_arguments(text: bytes) -> PictureArguments:
    """Return ``gen_args``; empty text means every default."""
    if len(text) > MAX_ARGUMENTS_BYTES:
        raise PictureError("invalid_argument", f"gen_args: at most {MAX_ARGUMENTS_BYTES} bytes")
    try:
        return PictureArguments.model_validate_json(text.strip() or b"{}", strict=True)
    except ValidationError as error:
        raise PictureError("invalid_argument", explain(error)) from None


def explain(error: ValidationError) -> str:
    """Return the first fault, by our own field names only: an unknown name is the user's text."""
    fault = error.errors(include_input=False, include_context=False, include_url=False)[0]
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        return f"gen_args: unknown name; known: {', '.join(PictureArguments.model_fields)}"
    if not fault["loc"]:
        return "gen_args: not a JSON object"
    return f"{fault['loc'][0]}: {fault['msg']}"


def parse_text(value: bytes, name: str, *, at_least: int) -> str:
    """Return a prompt."""
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        raise PictureError("invalid_argument", f"{name}: not UTF-8") from None
    if not at_least <= len(text) <= MAX_PROMPT_CHARACTERS:
        limits = f"{at_least} to {MAX_PROMPT_CHARACTERS} characters"
        raise PictureError("invalid_argument", f"{name}: {limits}")
    return text


def make_seeds(first: int | None, count: int) -> tuple[int, ...]:
    """Return one seed for each picture, so that each can be drawn again alone."""
    start = secrets.randbelow(2**32) if first is None else first
    return tuple((start + index) % 2**32 for index in range(count))


def check_scheduler(name: str) -> str:
    """Return a base's default scheduler."""
    if name not in get_args(Scheduler):
        raise PictureError("generation_failed", "the base names a scheduler that is not served")
    return name
