"""Numbers of a request that change nothing: their training would be paid for in vain.

The contract takes these numbers, because stored documents may have them.
"""

from collections.abc import Iterator, Mapping

from contracts.documents.upload.request import TrainingRequest

MIN_RATE = 1e-9
"""AdamW moves a weight by about its rate in each step: in 20,000 steps by 0.00002 at this rate."""

MIN_FACTOR = 1e-6
"""Smallest factor of what is learnt that can show in a picture, whose pixels have 255 levels."""

MIN_VALUES: Mapping[str, float] = {
    "learning_rate": MIN_RATE,
    "text_encoder_lr": MIN_RATE,
    "lora_alpha": MIN_FACTOR,
    "text_encoder_alpha": MIN_FACTOR,
    "loraplus_lr_ratio": MIN_FACTOR,
    "max_grad_norm": MIN_FACTOR,
    "snr_gamma": MIN_FACTOR,
}
"""Field -> the smallest number that changes anything; 0, where it may be given, switches it off."""


def numbers_without_effect(request: TrainingRequest) -> dict[str, str]:
    """Return the fields whose number changes nothing, each with the sentence for its owner.

    >>> def asked(**more):
    ...     prompts = {"instance_prompt": "TOK", "class_prompt": "a dog"}
    ...     return list(numbers_without_effect(TrainingRequest(**prompts, **more)))
    >>> asked(learning_rate=1e-320), asked(learning_rate=1e-6, snr_gamma=0), asked(lora_alpha=1e-9)
    (['learning_rate'], [], ['lora_alpha'])
    """
    found = {
        name: f"Is too small to change anything. The smallest number with an effect is {least:g}."
        for name, value, least in _numbers(request)
        if 0 < value < least
    }
    if request.with_prior_preservation and request.prior_loss_weight == 0:
        found["prior_loss_weight"] = (
            "With 0, class images are drawn and nothing is learnt from them. Set"
            " with_prior_preservation to false instead."
        )
    return found


def _numbers(request: TrainingRequest) -> Iterator[tuple[str, float, float]]:
    """Yield the path, the value, and the smallest number of each field that has one."""
    for name, least in MIN_VALUES.items():
        value = getattr(request, name)
        if value is not None:
            yield name, value, least
    rates = () if request.sweep is None else request.sweep.learning_rate or ()
    for place, rate in enumerate(rates):
        yield f"sweep.learning_rate.{place}", rate, MIN_RATE


def endless_warm_up(request: TrainingRequest) -> str | None:
    """Return why the learning rate never reaches its peak; None if it does.

    >>> prompts = {"instance_prompt": "TOK", "class_prompt": "a dog"}
    >>> endless_warm_up(TrainingRequest(**prompts, max_train_steps=100, lr_warmup_steps=500))[:37]
    'Is above max_train_steps, so the lear'
    """
    tried = () if request.sweep is None else request.sweep.max_train_steps or ()
    steps = min(tried, default=request.max_train_steps)
    if steps is None or request.lr_warmup_steps is None or request.lr_warmup_steps <= steps:
        return None
    return (
        "Is above max_train_steps, so the learning rate never reaches its peak. Give fewer steps of"
        " warm-up, or leave them out: they are then a twentieth of all."
    )
