"""Parses a request's tensors into a PictureRequest; a bad request raises PictureError."""

import secrets

from contracts.base import BaseCard
from contracts.documents.picture import DEFAULT_HR_STRENGTH, DEFAULT_STRENGTH, PictureArguments
from contracts.shared.pictures.abilities import ABILITIES, syntax_of
from contracts.shared.pictures.picture_rules import TOO_LARGE, argument_problems, is_too_large
from contracts.shared.pictures.sampler_names import KNOWN
from contracts.shared.pictures.upscalers import DEFAULT_UPSCALER
from contracts.shared.weights.families import FAMILIES
from contracts.shared.words.picture_texts import read_text, text_problem
from contracts.shared.words.styles import apply_style
from serving.arguments import list_arguments, parse_arguments
from serving.picture_error import PictureError
from serving.picture_request import PictureRequest, Sampling, SecondPass
from serving.start_image import FindImage, find_nothing, parse_image

MANY_SAMPLERS = 20
"""More of them do not fit into an error's 300 characters."""


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
    arguments = parse_arguments(gen_args, has_image=bool(image))
    check_abilities(arguments, base)
    check_together(arguments, base, has_image=bool(image))
    first, second = plan_passes(arguments, base, has_image=bool(image))
    styled, avoided = parse_texts(prompt, negative_prompt, arguments)
    guidance, size = arguments.guidance_scale, (first.width, first.height)
    start = None  # decoded last, as it takes longest
    if image:
        start = parse_image(image, arguments.mask_image, size, find_image)
    return PictureRequest(
        prompt=styled,
        negative_prompt=avoided or None,
        guidance_scale=base.inference.guidance_scale if guidance is None else guidance,
        seeds=make_seeds(arguments.seed, arguments.num_images_per_prompt),
        lora_scale=arguments.lora_scale,
        arguments=arguments,
        image=start,
        second_pass=second,
        syntax=syntax_of(base.family, prompt_weights=arguments.prompt_weights),
        **first._asdict(),
    )


def plan_passes(
    arguments: PictureArguments, base: BaseCard, *, has_image: bool
) -> tuple[Sampling, SecondPass | None]:
    """Return how the picture is drawn, and how a second time; None: it is drawn once.

    Raises:
        PictureError: the base cannot draw it so.
    """
    height, width = arguments.height or base.resolution, arguments.width or base.resolution
    check_sides((height, width), FAMILIES[base.family].side_step)
    steps = arguments.num_inference_steps or base.inference.num_inference_steps
    second = plan_second_pass(arguments, steps, (height, width), base)
    strength = check_strength(arguments.strength, steps, base) if has_image else None
    most = max(steps, second.num_inference_steps if second else 0)
    scheduler = check_scheduler(arguments.scheduler, base.inference.scheduler, most, base)
    return Sampling(steps, height, width, scheduler, strength), second


def parse_texts(prompt: bytes, negative: bytes, arguments: PictureArguments) -> tuple[str, str]:
    """Return prompt and negative prompt with the words of the style around them."""
    return apply_style(
        arguments.style,
        parse_text(prompt, "prompt", at_least=1),
        parse_text(pick_negative(negative, arguments), "negative_prompt", at_least=0),
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
    if not arguments.negative_prompt:  # forms have an empty one where nothing was written
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
