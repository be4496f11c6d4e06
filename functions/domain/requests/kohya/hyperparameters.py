"""How kohya's scripts train: rates, resolution, seed, optimiser and its arguments."""

from contracts.shared.limits import MAX_LEARNING_RATE, SIDE_STEP
from domain.requests.kohya import settings as names
from domain.requests.kohya.arguments import is_true, optimizer_fields, pairs_of
from domain.requests.kohya.state import KohyaState
from domain.requests.request_json import printable
from domain.requests.tools.optimizers import optimizer_named

ADAFACTOR = "relative_step=False: the file's rates are used. kohya's default does not use them."
PIXELS = 'Must be pixels: 1024, or "1024,1024".'


def carry_rates(state: KohyaState) -> None:
    """Translate what is trained, and the learning rates."""
    both, unet = state.take("learning_rate"), state.take("unet_lr")
    if unet is not None:
        state.put("honoured", "unet_lr", "learning_rate", unet)
        if both is not None:
            state.report("ignored", "learning_rate", None, "unet_lr is used instead.")
    elif both is not None:
        state.put("honoured", "learning_rate", "learning_rate", both)
    if state.take("network_train_text_encoder_only"):
        state.refuse("network_train_text_encoder_only", "The UNet is always trained.")
    text_rate = rate_of_text(state)
    frozen = [
        name
        for name in ("network_train_unet_only", "cache_text_encoder_outputs")
        if state.take(name)
    ]
    if frozen or text_rate == 0 or state.only_unet:
        for name in frozen:
            state.put("mapped", name, "train_text_encoder", value=False)
        if not frozen and not state.only_unet:
            state.put("mapped", "text_encoder_lr", "train_text_encoder", value=False)
        elif text_rate is not None:
            state.report("ignored", "text_encoder_lr", None, "The text encoders are not trained.")
    elif text_rate is not None:
        state.put("honoured", "text_encoder_lr", "text_encoder_lr", text_rate)
        state.fields["train_text_encoder"] = True
    else:
        note = "kohya's default: the text encoders are trained."
        name = "network_train_unet_only"
        state.put("assumed", name, "train_text_encoder", value=True, note=note)


def rate_of_text(state: KohyaState) -> float | None:
    """Return the text encoders' learning rate; None: not given, or refused."""
    value = state.take("text_encoder_lr")
    rates = value if isinstance(value, list) else [value]
    if value is None:
        return None
    if len(set(map(str, rates))) != 1 or not names.has_kind(rates[0], "number"):
        state.refuse("text_encoder_lr", "Must be one number: the text encoders share a rate.")
        return None
    return float(rates[0])


def carry_sizes(state: KohyaState) -> None:
    """Translate resolution, seed and optimiser."""
    resolution = state.take("resolution")
    if isinstance(resolution, tuple):
        carry_resolutions(state, resolution)
    elif resolution is not None:
        carry_resolution(state, resolution)
    seed = state.take("seed")
    if seed is not None and seed < 0:
        state.report("ignored", "seed", "seed", "A random seed; here the seed is always fixed.")
    elif seed is not None:
        state.put("honoured", "seed", "seed", seed)
    optimizer = state.take("optimizer_type")
    eight_bit = state.take("use_8bit_adam")
    if optimizer is not None and eight_bit:
        state.report("ignored", "use_8bit_adam", None, "optimizer_type is used instead.")
    if optimizer is not None or eight_bit:
        name = "optimizer_type" if optimizer is not None else "use_8bit_adam"
        carry_optimizer(state, name, str(optimizer or "AdamW8bit"))


def carry_optimizer(state: KohyaState, name: str, optimizer: str) -> None:
    """Translate the optimiser."""
    found = optimizer_named(optimizer)
    if found is None:
        state.report("ignored", name, None, names.ADAMW)
    elif found.value == "adamw":
        state.report("honoured", name, None, "AdamW.")
    else:
        state.put("mapped", name, found.field, found.value, found.note)


def carry_resolutions(state: KohyaState, values: tuple[object, ...]) -> None:
    """Translate the datasets' sides: every photo is trained at each of them."""
    read = [sides_of(value) for value in values]
    if None in read:
        state.refuse("resolution", PIXELS)
        return
    sides = sorted({min(s) - min(s) % SIDE_STEP for s in read if s is not None}, reverse=True)
    note = f"Every photo is trained at each side: {', '.join(map(str, sides))}."
    state.put("mapped", "resolution", "resolution", sides[0], note)
    if len(sides) > 1:
        state.fields["resolutions"] = tuple(sides)
        state.theirs["resolutions"] = "resolution"


def carry_resolution(state: KohyaState, value: object) -> None:
    """Translate one resolution: a side in pixels, or width and height."""
    sides = sides_of(value)
    if sides is None:
        state.refuse("resolution", PIXELS)
        return
    width, height = sides
    shorter = min(width, height)
    side = shorter - shorter % SIDE_STEP
    note = "" if width == height else "Photos become squares of the shorter side."
    if side != shorter:
        note = f"{note} Sides are multiples of {SIDE_STEP}: {side}.".strip()
    kind = "honoured" if width == height == side == value else "mapped"
    state.put(kind, "resolution", "resolution", side, note)


def carry_arguments(state: KohyaState) -> None:
    """Translate the optimiser's arguments, a list of ``name=value``."""
    given = state.take("optimizer_args")
    pairs = {} if given is None else pairs_of(given)
    if pairs is None:
        state.refuse("optimizer_args", 'Must be name=value pairs: ["weight_decay=0.01"].')
    else:
        carry_optimizer_args(state, pairs, is_given=given is not None)


def carry_optimizer_args(state: KohyaState, pairs: dict[str, str], *, is_given: bool) -> None:
    """Translate the optimiser's arguments; without them kohya's defaults still count."""
    name, fields = "optimizer_args", optimizer_fields(pairs)
    if fields is None:
        state.refuse(name, "weight_decay and betas must be numbers.")
        return
    if state.fields.get("optimizer") == "adafactor":
        carry_relative_step(state, pairs)
    if not is_given:
        return
    unused = [one for one in pairs if one not in ("weight_decay", "betas")]
    note = f"Not used: {printable(', '.join(unused))}." if unused else ""
    state.fields |= fields
    state.theirs |= dict.fromkeys(fields, name)
    if fields:
        used = " and ".join(one for one in ("weight_decay", "betas") if one in pairs)
        state.report("mapped", name, next(iter(fields)), f"{used}. {note}".strip())
    else:
        state.report("ignored", name, None, note or "Not set.")


def carry_relative_step(state: KohyaState, pairs: dict[str, str]) -> None:
    """Drop the rates where kohya's Adafactor is told to find its own.

    That is kohya's default too, but a rate that is given without the argument is mostly
    meant. A rate above the largest one is not.
    """
    rates = [state.fields.get(ours) or 0 for ours in ("learning_rate", "text_encoder_lr")]
    relative = is_true(pairs, "relative_step", default=max(rates) > MAX_LEARNING_RATE)
    if not relative and not is_true(pairs, "warmup_init", default=False):
        if "relative_step" not in pairs and any(rates):
            state.report("assumed", "optimizer_args", None, ADAFACTOR)
        return
    note = "Adafactor's relative_step does not use it; the base's default is used."
    for ours in ("learning_rate", "text_encoder_lr"):
        if ours in state.fields:
            state.take_back(ours, note)


def sides_of(value: object) -> tuple[int, int] | None:
    """Return width and height in pixels; None for what is neither a side nor two."""
    sides = value if isinstance(value, list) else str(value).split(",")
    try:
        width, height = (int(str(side)) for side in (*sides, *sides[-1:])[:2])
    except ValueError:
        return None
    return (width, height) if max(width, height) <= names.MAX_NUMBER else None
