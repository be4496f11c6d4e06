"""The tags of a training job: its parameters, so that people find and compare runs in SageMaker.

A tag has 256 characters at most, of letters, digits, spaces and ``_.:/=+-@``; a job has at most 50
tags (SageMaker's API reference, Tag). Nothing here is a user's text: prompts and triggers stay out.
"""

from collections.abc import Iterable
from typing import Any

from contracts.documents.training import TrainingPlan
from contracts.documents.upload.request import TrainingRequest

PARAMETERS = (
    "rank",
    "lora_alpha",
    "learning_rate",
    "lr_scheduler",
    "optimizer",
    "max_train_steps",
    "num_train_epochs",
    "train_batch_size",
    "gradient_accumulation_steps",
    "resolution",
    "train_text_encoder",
    "mixed_precision",
    "with_prior_preservation",
    "snr_gamma",
    "adapter_type",
    "use_dora",
    "use_rslora",
    "loraplus_lr_ratio",
    "use_ema",
    "seed",
    "preset",
)
"""Fields of a request that become tags, under diffusers' names."""

BASE_DEFAULT = "base-default"
"""Value of a parameter that the request leaves to the base."""

DIFFERENT = "several"
"""Value of a parameter on which the users of a training job do not agree."""


def job_tags(plan: TrainingPlan, base_id: str) -> list[dict[str, str]]:
    """Return CreateTrainingJob's ``Tags``: the plan, the base, the users, and the parameters."""
    requests = [task.request for task in plan.tasks]
    tags = {
        "application": "likeness",
        "plan": plan.plan_id,
        "base": base_id,
        "users": str(len(requests)),
    }
    if plan.captions_only:
        tags |= {"work": "captions", "job": plan.tasks[0].job_id}
    elif requests:
        tags |= {name: common_value(name, requests) for name in PARAMETERS}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def common_value(name: str, requests: Iterable[TrainingRequest]) -> str:
    """Return the value of a parameter as a tag's text.

    >>> one = TrainingRequest(instance_prompt="a photo of sks", class_prompt="a photo", rank=8)
    >>> common_value("rank", [one, one])
    '8'
    >>> common_value("rank", [one, one.model_copy(update={"rank": 4})])
    'several'
    >>> common_value("learning_rate", [one])
    'base-default'
    """
    values = {as_text(getattr(request, name)) for request in requests}
    return values.pop() if len(values) == 1 else DIFFERENT


def as_text(value: Any) -> str:  # noqa: ANN401 - a number, a flag or one of a few words
    """Return a parameter as people write it: ``8``, ``0.0001``, ``true``, ``adamw``."""
    if value is None:
        return BASE_DEFAULT
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
