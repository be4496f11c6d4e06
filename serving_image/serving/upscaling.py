"""Enlarges a picture between its two passes: its latents, or its decoded pixels.

An upscaler of another kind, a network for example, is one more entry of ENLARGERS.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PIL import Image
from PIL.Image import Resampling
from torch import Tensor
from torch.nn import functional


class Enlarger(Protocol):
    """Makes what the second pass starts from."""

    def __call__(
        self, latents: Tensor, decode: Callable[[], Image.Image], latent_side: int, size: "Size"
    ) -> "Tensor | Image.Image":
        """Return latents, or an image of the size.

        Args:
            latents: of the finished first pass, (1, channels, height, width).
            decode: returns its picture.
            latent_side: pixels of a picture for each side of a latent.
            size: of the second pass.
        """
        ...


Size = tuple[int, int]
"""Height and width in pixels."""


def enlarge_latents(  # noqa: PLR0913 (the interface's, and two of its own)
    latents: Tensor,
    decode: Callable[[], Image.Image],  # noqa: ARG001 (the picture is not needed)
    latent_side: int,
    size: Size,
    *,
    mode: str,
    antialias: bool = False,
) -> Tensor:
    """Interpolate the latents, as AUTOMATIC1111 does."""
    height, width = size
    wanted = (height // latent_side, width // latent_side)
    larger = functional.interpolate(latents.float(), size=wanted, mode=mode, antialias=antialias)
    return larger.to(latents.dtype)


def enlarge_pixels(
    latents: Tensor,  # noqa: ARG001 (the decoded picture is enlarged)
    decode: Callable[[], Image.Image],
    latent_side: int,  # noqa: ARG001
    size: Size,
    *,
    method: Resampling,
) -> Image.Image:
    """Resize the decoded picture."""
    height, width = size
    return decode().resize((width, height), method)


ENLARGERS: dict[str, Enlarger] = {
    "Latent": partial(enlarge_latents, mode="bilinear"),
    "Latent (antialiased)": partial(enlarge_latents, mode="bilinear", antialias=True),
    "Latent (bicubic)": partial(enlarge_latents, mode="bicubic"),
    "Latent (nearest)": partial(enlarge_latents, mode="nearest-exact"),
    "Lanczos": partial(enlarge_pixels, method=Resampling.LANCZOS),
    "Nearest": partial(enlarge_pixels, method=Resampling.NEAREST),
}
"""By the names of contracts.shared.pictures.upscalers."""
