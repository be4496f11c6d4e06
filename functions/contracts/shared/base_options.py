"""Options that mean nothing on a base; AcceptRequest refuses them, and the trainer does too."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.base import BaseCard
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_ADAPTER_BYTES
from contracts.shared.weights.adapter_size import (
    MAX_VALUES,
    fitting_rank,
    is_too_large,
    size_of,
)
from contracts.shared.weights.families import FAMILIES, Family

TEXT_ENCODER_OPTIONS = ("text_encoder_lr", "text_encoder_rank", "text_encoder_alpha")

OF_DIFFUSION: Mapping[str, str] = {
    "snr_gamma": "Min-SNR weights are for noise schedules, and this base learns by flow matching",
    "noise_offset": "flow matching reaches pure noise, so no channel needs an offset",
}
"""Options that only a base with a noise schedule has, and why another one has none."""


def unfit_options(request: TrainingRequest, card: BaseCard) -> dict[str, str]:
    """Return the fields whose values cannot be used on this base, each with the reason.

    An import is not trained, so only its ``resolution`` counts.
    """
    family = FAMILIES[card.family]
    found = dict(_unfit_sides(request, family))
    if request.adapter_file is None:
        found |= dict(_unfit_networks(request, card, family))
        found |= dict(_too_large(request, card, family))
        if request.mixed_precision == "fp16" and not family.fits_float16:
            found["mixed_precision"] = "this base's values do not fit into fp16; choose bf16 or no"
        if family.is_flow:
            found |= {name: why for name, why in OF_DIFFUSION.items() if getattr(request, name)}
    return found


def _unfit_sides(request: TrainingRequest, family: Family) -> Iterator[tuple[str, str]]:
    sides: dict[str, tuple[Any, ...]] = {
        "resolution": (request.resolution or 0,),
        "resolutions": request.resolutions,
    }
    for name, values in sides.items():
        if any(side % family.side_step for side in values):
            yield name, f"a side must be a multiple of {family.side_step} pixels on this base"


def _unfit_networks(
    request: TrainingRequest, card: BaseCard, family: Family
) -> Iterator[tuple[str, str]]:
    unknown = sorted(set(request.target_modules or ()) - set(family.target_modules))
    if unknown:
        known = ", ".join(family.target_modules)
        yield "target_modules", f"this base has no layers {', '.join(unknown)}; it has {known}"
    if family.text_networks:
        return
    why = "this base's text encoder gets no adapter"
    if request.train_text_encoder or (
        request.train_text_encoder is None and card.training.train_text_encoder
    ):
        yield "train_text_encoder", why
    yield from ((name, why) for name in TEXT_ENCODER_OPTIONS if getattr(request, name) is not None)


def _too_large(
    request: TrainingRequest, card: BaseCard, family: Family
) -> Iterator[tuple[str, str]]:
    """Yield the rank of an adapter that could not be published, if the card tells its size.

    A LoKr is delivered as plain pairs of another rank, which the trainer knows.
    """
    if card.adapter_widths is None or request.adapter_type != "lora":
        return
    tried = () if request.sweep is None else request.sweep.rank or ()
    rank = max(tried, default=request.rank or card.training.rank)
    layers = request.target_modules or card.training.target_modules
    network = rank * sum(card.adapter_widths.network.get(layer, 0) for layer in layers)
    asked = request.train_text_encoder
    trains_text = card.training.train_text_encoder if asked is None else asked
    width = card.adapter_widths.text if trains_text and family.text_networks else 0
    values = network + (request.text_encoder_rank or rank) * width
    if not is_too_large(values):
        return
    field, fits = "sweep.rank" if tried else "rank", fitting_rank(rank, values)
    if request.text_encoder_rank is not None and not is_too_large(network):
        field, fits = "text_encoder_rank", (MAX_VALUES - network) // width
    elif request.text_encoder_rank is not None:
        fits = fitting_rank(rank, network)
    why = (
        f"the adapter would have {size_of(values) >> 20} MiB, and {MAX_ADAPTER_BYTES >> 20} is the"
        f" most that is published; {fits} fits with these layers"
    )
    yield field, why
