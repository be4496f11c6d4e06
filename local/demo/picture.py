"""Asking the model for pictures, and the sheet that shows what training changed."""

import base64
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from contracts.documents.picture import GEN_ARGS, GENERATED_IMAGE, INFO, PROMPT, WIRE_SHAPE
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.people.faces import names_a_person
from contracts.shared.words.prompts import name_subject
from local.cloud.server import Cloud

OF_PEOPLE = (
    "smiling, white shirt, blue background",
    "surprised, red shirt, beach background",
    "neutral, yellow shirt, night background",
)
OF_OTHERS = ("in a garden", "on a beach", "at night")
"""What the pictures vary beside the subject."""

SEED = 11
CELL, GAP, LINE = 192, 12, 26
INK, PAPER, QUIET = (28, 28, 34), (250, 250, 248), (110, 110, 118)


def generate(
    cloud: Cloud, endpoint: str, target_model: str, prompt: str, **gen_args: Any
) -> Image.Image:
    """Ask the endpoint for one picture.

    Raises:
        botocore.exceptions.ClientError: as SageMaker's runtime answers.
    """
    inputs = {PROMPT: prompt, GEN_ARGS: json.dumps(gen_args)}
    body = {
        "inputs": [
            {"name": name, "datatype": "BYTES", "shape": list(WIRE_SHAPE), "data": [text]}
            for name, text in inputs.items()
        ],
        "outputs": [{"name": GENERATED_IMAGE}, {"name": INFO}],
    }
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint,
        TargetModel=target_model,
        ContentType="application/json",
        Body=json.dumps(body).encode(),
    )
    outputs = {out["name"]: out["data"] for out in json.loads(answer["Body"].read())["outputs"]}
    return Image.open(io.BytesIO(base64.b64decode(outputs[GENERATED_IMAGE][0]))).convert("RGB")


def prompts_about(request: TrainingRequest) -> list[str]:
    """Return three prompts about the subject of a request."""
    subject = name_subject(request.instance_prompt, request.trigger_word)
    varied = OF_PEOPLE if names_a_person(request.class_prompt) else OF_OTHERS
    return [f"{subject}, {words}" for words in varied]


def answers(
    cloud: Cloud, endpoint: str, target_model: str, prompts: list[str], lora_scale: float
) -> list[Image.Image]:
    """Return one picture for each prompt; the same seeds whatever the scale."""
    return [
        generate(cloud, endpoint, target_model, prompt, seed=SEED + n, lora_scale=lora_scale)
        for n, prompt in enumerate(prompts)
    ]


def contact_sheet(
    photos: list[Image.Image],
    before: list[Image.Image],
    after: list[Image.Image],
    prompts: list[str],
) -> Image.Image:
    """Lay out photos | the base's answers | the personal model's answers."""
    shown = [squared(photo) for photo in photos[: 2 * len(prompts)]]
    columns = [shown[0::2], shown[1::2], before, after]
    width = 4 * (CELL + GAP) + 3 * GAP
    height = 2 * LINE + len(prompts) * (CELL + LINE + GAP) + GAP
    page = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(page)
    lefts = [GAP, GAP + CELL + 4, 3 * GAP + 2 * (CELL + 4), 4 * GAP + 3 * CELL + 8]
    for left, title in zip((lefts[0], *lefts[2:]), ("the photos", "base", "personal"), strict=True):
        pen.text((left, GAP), title, INK, font=_font(18))
    for left, pictures in zip(lefts, columns, strict=True):
        _column(page, left, pictures)
    for row, prompt in enumerate(prompts):
        top = 2 * LINE + row * (CELL + LINE + GAP) + CELL + 4
        pen.text((lefts[2], top), prompt, QUIET, font=_font(12))
    return page


def squared(photo: Image.Image) -> Image.Image:
    """Return the middle of a photo, as wide as high; of a portrait rather its upper part."""
    side = min(photo.size)
    return ImageOps.fit(photo, (side, side), centering=(0.5, 0.3))


def save(page: Image.Image, path: Path) -> Path:
    """Write the sheet as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)
    return path


def _column(page: Image.Image, left: int, pictures: list[Image.Image]) -> None:
    for row, picture in enumerate(pictures):
        top = 2 * LINE + row * (CELL + LINE + GAP)
        page.paste(picture.resize((CELL, CELL), Image.Resampling.LANCZOS), (left, top))


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
