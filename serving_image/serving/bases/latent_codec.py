"""Decodes latents with an autoencoder: scaling, shift, type and tiles."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from serving.output.truth import Pixels


class LatentCodec:
    """The autoencoder of one pipeline, which decodes as the pipeline does."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 (diffusers ships no types)
        unscale: Callable[[Tensor, Any], Tensor],
        *,
        upcast: bool = False,
    ) -> None:
        """Make a codec.

        Args:
            pipeline: any pipeline with an AutoencoderKL.
            unscale: returns latents in the decoder's own range; it takes them and its config.
            upcast: whether float32 decodes where the autoencoder overflows float16.
        """
        self.pipeline, self.unscale, self.upcast = pipeline, unscale, upcast

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Pixels:
        """Return the picture of latents, (1, channels, height, width)."""
        vae = self.pipeline.vae
        with torch.inference_mode(), self.decoder_dtype(), tiles(vae, tiled=tiled):
            unscaled = self.unscale(latents.to(vae.dtype), vae.config)
            image = vae.decode(unscaled, return_dict=False)[0]
            pixels: Pixels = self.pipeline.image_processor.postprocess(image, output_type="np")[0]
        return pixels

    @contextmanager
    def decoder_dtype(self) -> Iterator[None]:
        """Decode in float32 while the block runs, where the base's decoder overflows float16."""
        vae = self.pipeline.vae
        upcast = self.upcast and vae.dtype is torch.float16 and vae.config.force_upcast
        if upcast:
            vae.to(dtype=torch.float32)
        try:
            yield
        finally:
            if upcast:
                vae.to(dtype=torch.float16)


@contextmanager
def tiles(vae: Any, *, tiled: bool) -> Iterator[None]:  # noqa: ANN401 (diffusers ships no types)
    """Decode in tiles while the block runs, if so asked."""
    if tiled:
        vae.enable_tiling()
    try:
        yield
    finally:
        if tiled:
            vae.disable_tiling()
