"""Makes ``base.json`` of what is known about a base."""

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.base import (
    Architecture,
    BaseCard,
    GateFloors,
    InferenceDefaults,
    PredictionType,
    TrainingDefaults,
    hash_of_files,
)
from contracts.shared.layout.bases import BASE_FILE
from contracts.shared.weights.families import FAMILIES, FLOW_SCHEDULER
from likeness_client.bases.errors import BaseRefusedError

SAMPLER = "DPMSolverMultistepScheduler"
GUIDANCE: dict[Architecture, float] = {"sd1": 7.5, "sd2": 7.5, "sdxl": 5.0, "zimage": 4.0}
"""The defaults of diffusers' pipelines; of Z-Image, what its authors advise."""

STEPS = 30
DISTILLED_STEPS = 8
"""Steps of Z-Image-Turbo, which takes no guidance."""

ONE_GRAY_LEVEL = 0.004
"""A change of one of 255 levels: an adapter below it changes nothing. Replaced by calibrate."""

TRAINING = TrainingDefaults(
    learning_rate=1e-4,
    train_batch_size=1,
    rank=16,
    steps_per_photo=80,
    min_train_steps=400,
    max_train_steps=2000,
)
"""A start for real bases, near diffusers' DreamBooth examples; measured on no real base here."""

CLEAR_EPSILON, CLEAR_V = 0.7, 0.3
"""Correlation of the prediction with pure noise: about 1 for epsilon, about 0.07 for v."""


def default_card(family: Architecture, *, is_distilled: bool = False) -> dict[str, Any]:
    """Return the defaults of a family; a distilled base draws in few steps, without guidance."""
    rules = FAMILIES[family]
    inference = InferenceDefaults(
        num_inference_steps=DISTILLED_STEPS if is_distilled else STEPS,
        guidance_scale=0.0 if is_distilled else GUIDANCE[family],
        scheduler=FLOW_SCHEDULER if rules.is_flow else SAMPLER,
        torch_dtype=None if rules.fits_float16 else "bfloat16",
    )
    return {
        "training": TRAINING,
        "inference": inference,
        "gate": GateFloors(min_effect=ONE_GRAY_LEVEL),
    }


def earlier_card(folder: Path) -> BaseCard | None:
    """Return the card that is in a folder; None: there is none.

    Raises:
        BaseRefusedError: it is no card.
    """
    try:
        return BaseCard.model_validate_json((folder / BASE_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise BaseRefusedError(
            f"{folder / BASE_FILE} is no base card: {first_problem(error)}. Remove or correct it"
        ) from error


def make_card(
    facts: dict[str, Any],
    files: dict[str, str],
    earlier: BaseCard | None,
    *,
    is_distilled: bool = False,
) -> BaseCard:
    """Return the card of a base.

    Args:
        facts: base_id, family, prediction_type, resolution, and what else was asked for; None is
            left to the earlier card.
        files: path and SHA-256 of every file.
        earlier: its defaults, floors, judge and licence stay.
        is_distilled: whether the base draws in few steps, without guidance.

    Raises:
        BaseRefusedError: a field is out of range.
    """
    digest = hash_of_files(files)
    kept = {} if earlier is None else dict(earlier)
    same = earlier is not None and earlier.sha256 == digest
    chosen = {name: value for name, value in facts.items() if value is not None}
    values = {
        **default_card(facts["family"], is_distilled=is_distilled),
        **kept,
        **chosen,
        "files": files,
        "sha256": digest,
        "revision": earlier.revision if earlier is not None and same else digest[:12],
    }
    try:
        return BaseCard.model_validate(values)
    except ValidationError as error:
        raise BaseRefusedError(f"base.json cannot be written: {first_problem(error)}") from error


def write_card(folder: Path, card: BaseCard) -> None:
    """Write ``base.json`` beside the pipeline.

    Raises:
        BaseRefusedError: the folder cannot be written.
    """
    text = card.model_dump_json(indent=2, exclude_none=True) + "\n"
    partial = folder / f".{BASE_FILE}.partial"
    try:
        partial.write_text(text)
        partial.replace(folder / BASE_FILE)
    except OSError as error:
        raise BaseRefusedError(f"{folder / BASE_FILE}: {error.strerror}") from error


def first_problem(error: Exception) -> str:
    """Return the first problem of a document, without its values."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"


def license_of(folder: Path) -> str | None:
    """Return the licence in the front matter of the folder's README.md, as model hubs have it."""
    try:
        text = (folder / "README.md").read_text(errors="replace")
    except OSError:
        return None
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = head and re.search(r"^license:\s*[\"']?([\w.+-]{1,64})", head[1], re.MULTILINE)
    return found[1] if found else None


def id_of(name: str) -> str:
    """Return an id for a file's or folder's name.

    >>> id_of("My Model_v1.0 (pruned)")
    'my-model_v1-0-pruned'
    """
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:64] or "base"


def prediction_seen(correlation: float) -> PredictionType | None:
    """Return what a correlation shows; None between the two.

    >>> prediction_seen(0.99), prediction_seen(0.5), prediction_seen(0.07)
    ('epsilon', None, 'v_prediction')
    """
    if correlation >= CLEAR_EPSILON:
        return "epsilon"
    return "v_prediction" if correlation <= CLEAR_V else None
