"""The rules of each family of bases: what an adapter may change, and which options mean something.

Client, functions, trainer and server ask here. How a family is loaded, trained and drawn with is
code of the trainer (trainer.model) and of the server.
"""

from dataclasses import dataclass

from contracts.base import Architecture, PredictionType
from contracts.shared.limits import SIDE_STEP

FLOW_SCHEDULER = "FlowMatchEulerDiscreteScheduler"
"""The scheduler of diffusers that says how a base by flow matching was trained and is drawn."""

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
"""Queries, keys, values and output of an attention block, in every family."""

TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")
"""The layers of a CLIP text encoder that get an adapter."""


@dataclass(frozen=True)
class Family:
    """What is the same for all bases of one family."""

    network: str
    """Component of the pipeline that denoises; the first part of its keys in adapter files."""

    network_title: str
    """What people call it."""

    text_networks: tuple[str, ...]
    """Text encoders that may have an adapter."""

    prediction_types: tuple[PredictionType, ...]
    """What the network may predict."""

    target_modules: tuple[str, ...]
    """Layers of the network that a request may name."""

    side_step: int
    """Pixels that every side of a picture must be a multiple of."""

    guidance_off: float
    """Largest guidance scale at which the pipeline draws without a second prompt.

    U-Nets add ``scale - 1`` times the difference of two predictions, Z-Image ``scale`` times."""

    fits_float16: bool
    """Whether the network's values fit into float16."""

    webui_tools: str
    """Tools that read an adapter's file for web interfaces."""

    packed: tuple[str, ...] = ()
    """Layers of the network that see the rows of a pass one behind the other, as one long row. The
    endpoint cannot change them for one row, so no adapter may."""

    @property
    def networks(self) -> tuple[str, ...]:
        """Return every network that an adapter may change."""
        return (self.network, *self.text_networks)

    @property
    def is_flow(self) -> bool:
        """Return whether the family learns by flow matching: straight lines to pure noise."""
        return self.prediction_types == ("flow_prediction",)


def _unet(*text_networks: str) -> Family:
    return Family(
        network="unet",
        network_title="UNet",
        text_networks=text_networks,
        prediction_types=("epsilon", "v_prediction"),
        target_modules=(*ATTENTION, "ff.net.0.proj", "ff.net.2"),
        side_step=SIDE_STEP,
        guidance_off=1.0,
        fits_float16=True,
        webui_tools="ComfyUI, A1111, Forge, kohya's scripts",
    )


FAMILIES: dict[Architecture, Family] = {
    "sd1": _unet("text_encoder"),
    "sd2": _unet("text_encoder"),
    "sdxl": _unet("text_encoder", "text_encoder_2"),
    "zimage": Family(
        network="transformer",
        network_title="transformer",
        text_networks=(),
        prediction_types=("flow_prediction",),
        target_modules=(*ATTENTION, "feed_forward.w1", "feed_forward.w2", "feed_forward.w3"),
        side_step=2 * SIDE_STEP,
        guidance_off=0.0,
        fits_float16=False,
        webui_tools="ComfyUI",
        packed=("all_x_embedder", "cap_embedder"),
    ),
}
