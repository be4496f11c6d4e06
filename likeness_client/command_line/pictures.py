"""Commands that draw; their options have PictureArguments' names."""

import argparse
import os
from typing import get_args

from pydantic_core import PydanticCustomError

from contracts.documents.picture import OutputFormat
from contracts.shared.pictures.sampler_names import find_sampler
from contracts.shared.pictures.upscalers import UPSCALERS, find_upscaler
from contracts.shared.words.styles import Style
from likeness_client.command_line.common import (
    Commands,
    add_api,
    add_command,
    add_out,
    file_or_address,
)


def add_pictures(commands: Commands) -> None:
    """Add ``likeness pictures``."""
    pictures = add_command(commands, "pictures", "Draw pictures over the HTTP API")
    pictures.add_argument("model", metavar="MODEL", help="the model's id, or an alias")
    pictures.add_argument(
        "prompt", metavar="PROMPT", help="name the subject by its trigger word, or <<TOK>>"
    )
    pictures.add_argument("--negative-prompt", metavar="TEXT", help="what to avoid")
    add_out(pictures)
    for name, words in WHOLE_NUMBERS.items():
        pictures.add_argument(f"--{name}", type=int, metavar="N", help=words)
    for name, words in BROKEN_NUMBERS.items():
        pictures.add_argument(f"--{name}", type=float, metavar="X", help=words)
    pictures.add_argument(
        "--user", metavar="ID", help="with an alias: whose version is drawn with; an opaque id"
    )
    add_words(pictures)
    add_start(pictures)
    add_api(pictures)


def add_generate(commands: Commands) -> None:
    """Add ``likeness generate``."""
    generate = add_command(commands, "generate", "Draw pictures with a trained model")
    generate.add_argument("model", metavar="MODEL", help="the target model of the notice")
    generate.add_argument(
        "prompt", metavar="PROMPT", help="name the subject by its trigger word, or <<TOK>>"
    )
    generate.add_argument("--negative-prompt", metavar="TEXT", help="what to avoid")
    generate.add_argument(
        "--endpoint",
        default=os.environ.get("LIKENESS_ENDPOINT"),
        help="the endpoint's name, also $LIKENESS_ENDPOINT",
    )
    add_out(generate)
    generate.add_argument(
        "--store", metavar="s3://BUCKET/tenants/TENANT", help="keep a copy of all in S3"
    )
    add_picture_arguments(generate)


WHOLE_NUMBERS = {
    "num-inference-steps": "1 to 150",
    "seed": "of the first picture; the next has the next seed",
    "height": "pixels, a multiple of 8",
    "width": "pixels, a multiple of 8",
    "num-images-per-prompt": "1 to 4",
    "hr-second-pass-steps": "with --hr-scale: of its second pass, 0 (as the first) to 150",
    "clip-skip": "of the text encoders, as diffusers counts; A1111's and kohya's 2 is 1",
}


BROKEN_NUMBERS = {
    "guidance-scale": "0 to 30",
    "lora-scale": "weight of the adapter, 0 (the bare base) to 2",
    "strength": "with --image or --hr-scale: how much of it may change, above 0 up to 1",
    "refiner-switch-at": "share of the noise that the base draws; SDXL's refiner draws the rest",
    "hr-scale": "draw, enlarge by this factor, and draw again from that: above 1 up to 4",
}
"""Fields of an order of pictures, over either door."""


def add_start(command: argparse.ArgumentParser) -> None:
    """Add a picture to start from, and how prompts are read."""
    command.add_argument(
        "--image",
        type=file_or_address,
        metavar="FILE",
        help="a PNG or JPEG to start from; or the s3:// address of a picture of your own",
    )
    command.add_argument(
        "--mask",
        dest="mask_image",
        type=file_or_address,
        metavar="FILE",
        help="with --image: white where it may change",
    )
    command.add_argument(
        "--no-prompt-weights",
        dest="prompt_weights",
        action="store_const",
        const=False,
        help="(word:1.2), (word) and [word] are text, not weights",
    )


def add_words(command: argparse.ArgumentParser) -> None:
    """Add the sampler and the style."""
    command.add_argument(
        "--scheduler",
        type=read_sampler,
        metavar="NAME",
        help="a sampler by A1111's or ComfyUI's name, or a diffusers class",
    )
    command.add_argument(
        "--hr-upscaler",
        type=read_upscaler,
        metavar="NAME",
        help=f"with --hr-scale: {', '.join(UPSCALERS)}",
    )
    command.add_argument("--style", choices=get_args(Style), help="words around both prompts")


def add_picture_arguments(generate: argparse.ArgumentParser) -> None:
    """Add PictureArguments; what is not given is left to the base model."""
    whole = WHOLE_NUMBERS | {"quality": "of a JPEG or WebP, 1 to 100"}
    for name, words in whole.items():
        generate.add_argument(f"--{name}", type=int, metavar="N", help=words)
    for name, words in BROKEN_NUMBERS.items():
        generate.add_argument(f"--{name}", type=float, metavar="X", help=words)
    add_words(generate)
    add_start(generate)
    generate.add_argument("--output-format", choices=get_args(OutputFormat), help="of the files")
    generate.add_argument(
        "--adapter",
        dest="adapters",
        action="append",
        type=read_adapter,
        metavar="MODEL=WEIGHT",
        help="mix in another model of the same tenant; up to three times",
    )
    generate.add_argument(
        "--no-cache",
        dest="use_cache",
        action="store_const",
        const=False,
        help="draw anew what was drawn before",
    )


def read_sampler(text: str) -> str:
    """Return our name of a sampler.

    Raises:
        ArgumentTypeError: no sampler has the name.
    """
    try:
        return find_sampler(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_upscaler(text: str) -> str:
    """Return our spelling of an upscaler's name.

    Raises:
        ArgumentTypeError: no upscaler has the name.
    """
    try:
        return find_upscaler(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_adapter(text: str) -> dict[str, object]:
    """Return one of the adapters to mix in.

    >>> read_adapter("model.tar.gz=0.5")
    {'model': 'model.tar.gz', 'weight': 0.5}

    Raises:
        ArgumentTypeError: the weight is no number.
    """
    model, _, weight = text.partition("=")
    try:
        return {"model": model, "weight": float(weight or 1)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"the weight of {text!r} is no number") from None
