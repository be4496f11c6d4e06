"""How long kohya's scripts train: class images, epochs, steps and warm-up."""

import math

from contracts.shared.limits import MAX_TRAIN_STEPS
from domain.requests.kohya import settings as names
from domain.requests.kohya.state import KohyaState
from domain.requests.kohya.syntax import Subject
from domain.requests.request_json import printable


def carry_prior(state: KohyaState) -> None:
    """Translate regularisation images to prior preservation; kohya's default is without."""
    asked = [name for name in ("reg_data_dir", "is_reg") if state.take(name)]
    if asked:
        note = "Class images are drawn by the base model."
        for name in asked:
            state.put("mapped", name, "with_prior_preservation", value=True, note=note)
        for name in state.file.of_class:
            if name != "is_reg":
                state.report("ignored", f"{printable(name)} (class images)", None, note)
        return
    note = "kohya's default: no regularisation images."
    state.put("assumed", "reg_data_dir", "with_prior_preservation", value=False, note=note)


def carry_steps(state: KohyaState, subject: Subject, photos: int) -> None:
    """Convert epochs to steps as kohya does; epochs go before max_train_steps."""
    epochs = state.take("max_train_epochs")
    if epochs is None:
        if "max_train_steps" not in state.fields:
            note = f"kohya's default, {names.STEPS}."
            state.put("assumed", "max_train_steps", "max_train_steps", names.STEPS, note)
        return
    if "max_train_steps" in state.fields:
        state.drop("honoured", "max_train_steps")
        state.report("ignored", "max_train_steps", None, "max_train_epochs is used instead.")
    in_a_step = positive(state.fields.get("train_batch_size"))
    in_a_step *= positive(state.fields.get("gradient_accumulation_steps"))
    of_class = 2 if state.fields["with_prior_preservation"] else 1
    draws = photos * state.file.passes * subject.repeats
    an_epoch = math.ceil(draws * of_class / in_a_step)
    note = f"{draws:g} draws of photos an epoch: {an_epoch} steps."
    state.put("mapped", "max_train_epochs", "max_train_steps", an_epoch * epochs, note)


def carry_warm_up(state: KohyaState) -> None:
    """Convert a warm-up that is a share of all steps to steps."""
    percent, steps = state.warm_up, state.fields.get("max_train_steps", names.STEPS)
    share = state.fields.get("lr_warmup_steps")
    if isinstance(share, float) and 0 < share < 1 and isinstance(steps, int):
        state.drop("honoured", "lr_warmup_steps")
        note = f"{share:g} of {steps} steps."
        warm_up = round(min(max(steps, 1), MAX_TRAIN_STEPS) * share)
        state.put("mapped", "lr_warmup_steps", "lr_warmup_steps", warm_up, note)
    if percent is None:
        return
    if percent == "":
        state.report("ignored", "lr_warmup", None, "Not set.")
    elif "lr_warmup_steps" in state.fields:
        state.report("ignored", "lr_warmup", None, "lr_warmup_steps is used instead.")
    elif state.fields.get("lr_scheduler") == "constant":
        state.report("ignored", "lr_warmup", None, "constant has no warm-up.")
    elif isinstance(percent, int | float) and isinstance(steps, int) and 0 <= percent <= 100:  # noqa: PLR2004 - per cent
        # Too few or too many steps are refused under their own name.
        steps = min(max(steps, 1), MAX_TRAIN_STEPS)
        note = f"{percent:g} % of {steps} steps."
        state.put("mapped", "lr_warmup", "lr_warmup_steps", round(steps * percent / 100), note)
    else:
        state.refuse("lr_warmup", "Must be a percentage, 0 to 100.")


def positive(value: object) -> int:
    """Return a positive whole number as it is, and 1 for all else."""
    return value if isinstance(value, int) and value > 0 else 1
