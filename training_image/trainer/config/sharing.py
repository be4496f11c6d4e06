"""Whose recipes can share a step: the users of a multi-user step are alike in all that shapes it.

The planner predicts it from requests (domain/training/step_sharing.py); a contract test compares
the two. This module does not import torch.
"""

from dataclasses import asdict

from trainer.config.recipe import Recipe

PER_USER_FIELDS = {
    "job_id",
    "seed",
    "alpha",
    "class_images",
    "subjects",
    "prior_loss_weight",
    "checkpointing_steps",
    "text_encoder_rank",
    "text_encoder_alpha",
    "use_rslora",
    "resolutions",
}
"""The options of a recipe that may differ between the users of one step."""


def can_share_step(one: Recipe, other: Recipe) -> bool:
    """Return whether two users can be trained in one step."""
    return is_groupable(one) and is_groupable(other) and _shape(one) == _shape(other)


def is_groupable(recipe: Recipe) -> bool:
    """Return whether a user can share a step at all; other users are trained alone.

    Text encoders, dropout, 8-bit moments, DoRA, LoKr and the average of the weights are not
    implemented for stacked adapters. Optimizers that look at all weights would couple the users.
    Batches of different sizes cannot be stacked. A user with several subjects has several sets of
    class images.
    """
    return (
        recipe.text_encoder_lr is None
        and len(recipe.subjects) == 1
        and recipe.optimizer == "adamw"
        and not recipe.use_8bit_adam
        and recipe.lora_dropout == 0
        and recipe.adapter_type == "lora"
        and not recipe.use_dora
        and not recipe.use_ema
        and recipe.gradient_accumulation_steps == 1
        and recipe.mixed_precision != "fp16"
        and not recipe.enable_bucket
        and not recipe.resolutions
        and recipe.validation_steps is None
    )


def _shape(recipe: Recipe) -> dict[str, object]:
    shared = {key: value for key, value in asdict(recipe).items() if key not in PER_USER_FIELDS}
    return shared | {"with classes": recipe.class_images > 0}
