"""Parses a request's tensors into a PictureRequest; a bad request raises PictureError."""

import binascii
import io
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from contracts.base import BaseCard
from contracts.documents.picture import (
    DEFAULT_HR_STRENGTH,
    DEFAULT_STRENGTH,
    ERROR_PREFIX,
    MAX_IMAGE_BYTES,
    MAX_MASK_BYTES,
    MAX_MASK_CHARACTERS,
    PictureArguments,
    PictureCode,
)
from contracts.shared.limits import MAX_START_IMAGE_PIXELS
from contracts.shared.pictures.abilities import ABILITIES, syntax_of
from contracts.shared.pictures.colour import to_srgb
from contracts.shared.pictures.picture_rules import (
    TOO_LARGE,
    argument_problems,
    is_too_large,
)
from contracts.shared.pictures.sampler_names import KNOWN, rename_arguments
from contracts.shared.pictures.sent_image import base64_of, decode_sent
from contracts.shared.pictures.upright import turn_upright
from contracts.shared.pictures.upscalers import DEFAULT_UPSCALER
from contracts.shared.weights.families import FAMILIES
from contracts.shared.words.picture_texts import read_text, text_problem
from contracts.shared.words.prompt_weights import Syntax
from contracts.shared.words.styles import apply_style
from serving.output.pictures_bucket import NoPictureError

MANY_SAMPLERS = 20
"""More of them do not fit into an error's 300 characters."""

MAX_ARGUMENTS_BYTES = 4096
"""Largest size of ``gen_args`` without a mask."""


S3, MAX_ADDRESS = b"s3://", 400
"""How the address of an image in S3 begins, and its largest length: own_place takes no longer."""

OPAQUE = 255
"""Alpha of a pixel that is not transparent at all."""

WHITE = 128
"""Smallest grey value of a mask at which the image may change."""


class PictureError(Exception):
    """Ends one request. ``text`` never repeats the user's text, as errors are logged."""

    def __init__(self, code: PictureCode, text: str) -> None:
        super().__init__(f"{ERROR_PREFIX}{code}: {text}")
        self.code = code


def erased_error() -> PictureError:
    """Return the error that requests of an erased or disabled model end with."""
    return PictureError("adapter_invalid", "the model was erased, or is disabled")


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


FindImage = Callable[[str, int], bytes]
"""Takes an address in S3 and a number of bytes; returns the file, of at most that many bytes, or
raises NoPictureError."""


def find_nothing(_uri: str, _limit: int) -> bytes:
    """Stand for S3 where a request may name no image there."""
    raise NoPictureError


def parse_request(  # noqa: PLR0913 (the tensors, and what the server knows)
    prompt: bytes,
    negative_prompt: bytes,
    gen_args: bytes,
    base: BaseCard,
    image: bytes = b"",
    *,
    find_image: FindImage = find_nothing,
) -> PictureRequest:
    """Parse the inputs; fill in the defaults of the base.

    Raises:
        PictureError: an argument is unknown or out of range, or a text or image is not valid.
    """
    arguments = parse_arguments(gen_args)
    check_abilities(arguments, base)
    check_together(arguments, base, has_image=bool(image))
    defaults = base.inference
    height, width = arguments.height or base.resolution, arguments.width or base.resolution
    check_sides((height, width), FAMILIES[base.family].side_step)
    steps = arguments.num_inference_steps or defaults.num_inference_steps
    second_pass = plan_second_pass(arguments, steps, (height, width), base)
    strength = check_strength(arguments.strength, steps, base) if image else None
    texts = (
        parse_text(prompt, "prompt", at_least=1),
        parse_text(pick_negative(negative_prompt, arguments), "negative_prompt", at_least=0),
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
        scheduler=check_scheduler(
            arguments.scheduler,
            defaults.scheduler,
            max(steps, second_pass.num_inference_steps if second_pass else 0),
            base,
        ),
        arguments=arguments,
        # Last, as it takes longest.
        image=parse_image(image, arguments.mask_image, (width, height), find_image)
        if image
        else None,
        strength=strength,
        second_pass=second_pass,
        syntax=syntax_of(base.family, prompt_weights=arguments.prompt_weights),
    )


def check_abilities(arguments: PictureArguments, base: BaseCard) -> None:
    """Raise if a request has an argument that the base's family does not have."""
    lacks = ABILITIES[base.family].lacks
    for name in lacks:
        if getattr(arguments, name) is not None:
            takes = [one for one in list_arguments() if one not in lacks]
            text = f"{name}: not with this endpoint's base; it takes {', '.join(takes)}, hr_..."
            raise PictureError("invalid_argument", text)


def check_sides(size: tuple[int, int], step: int) -> None:
    """Raise if the base cannot draw a picture of this height and width."""
    if any(side % step for side in size):
        text = f"height, width: multiples of {step} with this endpoint's base"
        raise PictureError("invalid_argument", text)


def check_together(arguments: PictureArguments, base: BaseCard, *, has_image: bool) -> None:
    """Raise if an argument has no effect beside the others, or on a base without a refiner."""
    if arguments.refiner_switch_at is not None and base.refiner is None:
        text = "refiner_switch_at: this endpoint's base has no refiner (docs/bases.md)"
        raise PictureError("invalid_argument", text)
    for problem in argument_problems(arguments, has_image=has_image):
        raise PictureError("invalid_argument", f"{problem.name}: {problem.text}")


def plan_second_pass(
    arguments: PictureArguments, steps: int, size: tuple[int, int], base: BaseCard
) -> SecondPass | None:
    """Return how the picture is drawn a second time; None: it is not.

    Args:
        arguments: the request's.
        steps: those of the first pass.
        size: height and width of the first pass.
        base: draws it.

    Raises:
        PictureError: the picture would be too large, or ``strength`` leaves no step.
    """
    scale = arguments.hr_scale
    if scale is None:
        return None
    side_step = FAMILIES[base.family].side_step
    if any(is_too_large(side, scale, side_step) for side in size):
        raise PictureError("invalid_argument", f"hr_scale: {TOO_LARGE}")
    height, width = (int(side * scale) // side_step * side_step for side in size)
    again = arguments.hr_second_pass_steps or steps
    strength = check_strength(arguments.strength, again, base, default=DEFAULT_HR_STRENGTH)
    return SecondPass(arguments.hr_upscaler or DEFAULT_UPSCALER, again, height, width, strength)


def parse_image(
    value: bytes, mask: str | None, size: tuple[int, int], find_image: FindImage
) -> StartImage:
    """Decode the image and its mask; crop both around their middle to the picture's proportions."""
    file, image = decode_image(value, "image", MAX_IMAGE_BYTES, find_image)
    changing, mask_sha256 = None, None
    if mask is not None:
        given = mask.encode()
        mask_file, shown = decode_image(given, "mask_image", MAX_MASK_BYTES, find_image)
        changing, mask_sha256 = fit_mask(shown, image.size, size), sha256(mask_file).hexdigest()
    fitted = ImageOps.fit(put_on_white(image), size, Image.Resampling.LANCZOS)
    return StartImage(fitted, sha256(file).hexdigest(), changing, mask_sha256)


def decode_image(
    value: bytes, name: str, limit: int, find_image: FindImage
) -> tuple[bytes, Image.Image]:
    """Return a file and its picture, upright and in sRGB."""
    size = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit >> 10} KB"
    try:
        file = read_image(value, limit, find_image)
        with Image.open(io.BytesIO(file), formats=("PNG", "JPEG")) as image:
            check_pixels(image, name)
            upright = of_8_bits(turn_upright(image))
            return file, to_srgb(upright, image.info.get("icc_profile"))
    except NoPictureError:
        text = f"{name}: not an address of a picture of this tenant's, or it has more than {size}"
        raise PictureError("invalid_argument", text) from None
    except OverflowError:
        raise PictureError("invalid_argument", f"{name}: at most {size}") from None
    except (binascii.Error, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        text = f"{name}: not the base64 of a complete PNG or JPEG file"
        raise PictureError("invalid_argument", text) from None


def of_8_bits(image: Image.Image) -> Image.Image:
    """Return an image whose grey values of 16 bits are scaled, where Pillow would clip them."""
    if not image.mode.startswith("I"):
        return image
    grey = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    clear = grey.info.pop("transparency", None)  # a value of 16 bits
    if clear is not None:
        grey.putalpha(Image.fromarray(np.where(np.asarray(image) == clear, 0, OPAQUE).astype("u1")))
    return grey


def is_opaque(image: Image.Image) -> bool:
    """Return whether no pixel is transparent, though the file may have a channel for that."""
    return image.convert("RGBA").getchannel("A").getextrema() == (OPAQUE, OPAQUE)


def read_image(value: bytes, limit: int, find_image: FindImage) -> bytes:
    """Return the file that was sent, or named by its address in S3.

    Raises:
        OverflowError: what was sent is too long.
    """
    value = value.translate(None, b"\r\n")
    if value.startswith(S3):
        return find_image(value[: MAX_ADDRESS + 1].decode(errors="replace"), limit)
    if len(base64_of(value)) > limit * 4 // 3 + 4:
        raise OverflowError
    return decode_sent(value)


def fit_mask(mask: Image.Image, image_size: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Return a mask of black and white in the size of the picture."""
    if mask.has_transparency_data and not is_opaque(mask):
        text = "mask_image: it is transparent; make it white where the image may change, else black"
        raise PictureError("invalid_argument", text)
    if mask.size != image_size:
        raise PictureError("invalid_argument", "mask_image: its size is not the image's")
    grey = ImageOps.fit(mask.convert("RGB").convert("L"), size, Image.Resampling.LANCZOS)
    fitted = grey.point(lambda value: 255 if value >= WHITE else 0)
    if fitted.getextrema() == (0, 0):
        raise PictureError("invalid_argument", "mask_image: nothing in it is white")
    return fitted


def put_on_white(image: Image.Image) -> Image.Image:
    """Return RGB pixels; transparent ones become white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def check_pixels(image: Image.Image, name: str) -> None:
    """Raise before pixels are decoded, as a small file can hold a huge picture."""
    if image.width * image.height > MAX_START_IMAGE_PIXELS:
        text = f"{name}: at most {MAX_START_IMAGE_PIXELS // 1_000_000} million pixels"
        raise PictureError("invalid_argument", text)


def check_strength(
    requested: float | None, steps: int, base: BaseCard, default: float = DEFAULT_STRENGTH
) -> float:
    """Return the share of an image that may change.

    Raises:
        PictureError: it leaves no step.
    """
    strength = default if requested is None else requested
    if int(steps * strength) < 1 and not ABILITIES[base.family].rounds_steps_up:
        raise PictureError("invalid_argument", "strength: it leaves no step; ask for more steps")
    return strength


def parse_arguments(text: bytes) -> PictureArguments:
    """Parse ``gen_args``; an empty text stands for the defaults."""
    limit = MAX_ARGUMENTS_BYTES + (MAX_MASK_CHARACTERS if b'"mask' in text else 0)
    if len(text) > limit:
        raise PictureError("invalid_argument", f"gen_args: at most {limit} bytes")
    try:
        plain = text.decode("utf-8-sig").strip()
        given = json.loads(plain or "{}", object_pairs_hook=make_object)
        ours = rename_arguments(given) if isinstance(given, dict) else given
        return PictureArguments.model_validate_json(json.dumps(ours), strict=True)
    except ValidationError as error:
        raise PictureError("invalid_argument", explain(error)) from None
    except PydanticCustomError as error:
        raise PictureError("invalid_argument", f"gen_args: {error}") from None
    except (ValueError, RecursionError):
        raise PictureError("invalid_argument", "gen_args: not a JSON object") from None


def make_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; refuse a name that is given twice, as it may mean either value."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise PydanticCustomError("given_twice", "a name is given twice; give it once")
    return made


def explain(error: ValidationError) -> str:
    """Describe the first error by our own field names; unknown names are the user's text."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return f"gen_args: unknown name; known are {', '.join(list_arguments())}, hr_..."
    if not first["loc"]:
        return "gen_args: not a JSON object"
    return f"{first['loc'][0]}: {first['msg']}"


def list_arguments() -> list[str]:
    """Return the names of arguments for an error's text; those of the second pass are left out."""
    return [name for name in PictureArguments.model_fields if not name.startswith("hr_")]


def parse_text(value: bytes, name: str, *, at_least: int) -> str:
    """Decode a prompt, and check that it is a text and how long it is."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise PictureError("invalid_argument", f"{name}: the text is not UTF-8") from None
    problem = text_problem(text, at_least=at_least)
    if problem is not None:
        raise PictureError("invalid_argument", f"{name}: {problem}")
    return read_text(text)


def make_seeds(first: int | None, count: int) -> tuple[int, ...]:
    """Return one seed for each picture, so that each picture can be drawn again alone."""
    start = secrets.randbelow(2**32) if first is None else first
    return tuple((start + index) % 2**32 for index in range(count))


def pick_negative(tensor: bytes, arguments: PictureArguments) -> bytes:
    """Return the negative prompt of the tensor or of the arguments."""
    if arguments.negative_prompt is None:
        return tensor
    if tensor:
        text = "negative_prompt: given as an input and in gen_args; give one of them"
        raise PictureError("invalid_argument", text)
    return arguments.negative_prompt.encode()


def check_scheduler(requested: str | None, default: str, steps: int, base: BaseCard) -> str:
    """Return the name of the request's sampler, or of the base's."""
    name, samplers = requested or default, ABILITIES[base.family].samplers
    if requested is not None and requested not in samplers:
        takes = ", ".join(samplers) if len(samplers) < MANY_SAMPLERS else KNOWN
        text = f"scheduler: not with this endpoint's base; it takes {takes}"
        raise PictureError("invalid_argument", text)
    if name not in samplers:
        raise PictureError(
            "generation_failed", "the base card names a scheduler that this server does not support"
        )
    most = samplers[name].max_steps
    if most is not None and steps > most:
        raise PictureError(
            "invalid_argument", f"num_inference_steps: at most {most} with this scheduler"
        )
    return name
