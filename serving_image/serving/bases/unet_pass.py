"""One pass of several rows through a UNet, that of a base or of its refiner."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from serving.rows import Drawing, Row


class UNetConditions(NamedTuple):
    """What the UNet knows of one row; with guidance twice, first without the prompt.

    E is 2 with guidance, otherwise 1.
    """

    text: Tensor
    """(E, tokens, width)"""
    pooled: Tensor | None
    """(E, width), SDXL's."""
    time_ids: Tensor | None
    """(E, 6): sizes and crop, SDXL's."""
    guidance_embedding: Tensor | None
    """(E, width), of bases that were distilled with their guidance."""

    @property
    def entries(self) -> int:
        """Number of the row's entries in a batch."""
        return len(self.text)


def predict(unet: Any, drawings: Sequence[Drawing]) -> Tensor:  # noqa: ANN401
    """Return the UNet's predictions, (entries, channels, height, width)."""
    samples, times = [], []
    for drawing in drawings:
        time_now = drawing.timesteps[drawing.index]
        scaled = drawing.scheduler.scale_model_input(drawing.latents, time_now)
        samples += [scaled] * drawing.entries
        times += [time_now.to(torch.float32)] * drawing.entries
    conditions = [cast("UNetConditions", drawing.conditions) for drawing in drawings]
    more = None
    if conditions[0].pooled is not None:
        more = {
            "text_embeds": torch.cat([one.pooled for one in conditions]),
            "time_ids": torch.cat([one.time_ids for one in conditions]),
        }
    embedding = None
    if conditions[0].guidance_embedding is not None:
        embedding = torch.cat([one.guidance_embedding for one in conditions])
    prediction: Tensor = unet(
        torch.cat(samples),
        torch.stack(times),
        encoder_hidden_states=torch.cat([one.text for one in conditions]),
        timestep_cond=embedding,
        added_cond_kwargs=more,
        return_dict=False,
    )[0]
    return prediction


def guide(row: Row, prediction: Tensor) -> Tensor:
    """Return one prediction of a row's entries: that without the prompt comes first."""
    if len(prediction) == 1:
        return prediction
    plain, prompted = prediction.chunk(2)
    return plain + row.guidance_scale * (prompted - plain)
