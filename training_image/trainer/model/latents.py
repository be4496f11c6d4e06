"""How the autoencoder's latents become those of the denoising network, and back."""

from typing import Any, NamedTuple

from torch import Tensor


class LatentCodec(NamedTuple):
    """A family's shift and scale of latents."""

    scale: float
    """``scaling_factor`` of the autoencoder."""
    shift: float = 0.0
    """``shift_factor`` of the autoencoder; SD's has none."""

    @classmethod
    def of(cls, autoencoder: Any) -> "LatentCodec":  # noqa: ANN401 - mypy runs without diffusers
        """Return what the autoencoder's configuration says."""
        return cls(autoencoder.config.scaling_factor, autoencoder.config.shift_factor or 0.0)

    def to_network(self, latents: Tensor) -> Tensor:
        """Return latents of the autoencoder as the denoising network takes them."""
        return (latents - self.shift) * self.scale

    def to_autoencoder(self, latents: Tensor) -> Tensor:
        """Return latents of the denoising network as the autoencoder decodes them."""
        return latents / self.scale + self.shift
