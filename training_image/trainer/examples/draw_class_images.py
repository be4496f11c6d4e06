"""Draw a base's class images ahead of time, so that no training of that base has to.

    python -m trainer.examples.draw_class_images BASE --class-prompt "a photo of a person"

Leaves a ClassImageSet in ``BASE/priors/<key>/``. The trainer finds it in the ``base`` channel and
takes it where its recipe is the one that the set was drawn by: the same base, prompts, sampler,
count, resolution and precision.
"""

import argparse
import os
import sys
from pathlib import Path

import torch
from pydantic import ValidationError

from contracts.base import BaseCard
from contracts.documents.class_images import ClassImageOrder, ClassImageSet
from contracts.documents.upload.options import Precision
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.bases import BASE_FILE
from contracts.shared.layout.container import CLASS_IMAGES_FOLDER
from trainer.evaluation.judge import load_judge
from trainer.examples.class_images import (
    card_of,
    generate,
    prompt_variants,
    recipe_of,
    store,
)
from trainer.model.base import load_base, read_card
from trainer.process.resources import DTYPES
from trainer.process.results import TrainingError
from trainer.process.time_limit import TimeLimit

DEFAULT_COUNT: int = TrainingRequest.model_fields["num_class_images"].default


def draw(
    folder: Path, class_prompt: str, count: int, resolution: int, precision: Precision
) -> ClassImageSet:
    """Draw a set and leave it in the base's folder.

    Args:
        folder: the base, with its ``base.json``.
        class_prompt: as requests say it.
        count: pictures.
        resolution: pixels of a side; 0: the base's own.
        precision: of the frozen networks: no, bf16 or fp16.

    Raises:
        TrainingError: ``base_mismatch``; the folder is not what its card says.
    """
    try:
        claimed = BaseCard.model_validate_json((folder / BASE_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise TrainingError("base_mismatch", f"{folder} has no {BASE_FILE}") from error
    card = read_card(folder, claimed.sha256)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    base = load_base(folder, card, device, DTYPES[precision])
    prompts = prompt_variants(class_prompt, load_judge(base))
    order = ClassImageOrder(
        class_prompt=class_prompt, resolution=resolution or card.resolution, count=count
    )
    data = generate(base, order, prompts, TimeLimit())
    prior = card_of(base, order, recipe_of(base, order, prompts), data)
    store(folder / CLASS_IMAGES_FOLDER / prior.key, prior, data)
    return prior


def main() -> int:
    """Draw what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="trainer.examples.draw_class_images", description=__doc__)
    parser.add_argument("base", type=Path, help="the base model's folder")
    parser.add_argument("--class-prompt", required=True)
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--resolution", type=int, default=0, help="default: the base's own")
    parser.add_argument("--mixed-precision", choices=sorted(DTYPES), default="no")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        prior = draw(
            options.base,
            options.class_prompt,
            options.count,
            options.resolution,
            options.mixed_precision,
        )
    except (TrainingError, ValidationError) as error:
        sys.stderr.write(f"draw_class_images: {error}\n")
        return 1
    sys.stdout.write(f"{options.base / CLASS_IMAGES_FOLDER / prior.key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
