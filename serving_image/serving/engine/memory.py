"""The memory plan: how many entries fit one pass, and which pictures are decoded in tiles.

The networks are traced on torch's meta device, which computes shapes and allocates nothing. The sum
of the tensors that live at once is what a pass needs, apart from weights. It grows with the number
of entries and of pixels, so one trace of each network is enough.
"""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MARGIN = 1.25
"""What a real device takes beyond the trace: workspaces, and blocks that are cut too large."""

RESERVED = 0.06
"""Share of the device's memory that is not ours: CUDA's context, other processes."""

FLOAT32_BYTES = 4


class LiveBytes(TorchDispatchMode):  # type: ignore[misc]
    """Counts the bytes of the tensors that live at once while the mode is on."""

    live: int
    peak: int

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self.known: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(
        self,
        function: Callable[..., Any],
        types: Any,  # noqa: ANN401 (torch's signature)
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run one operation, and count what it allocated."""
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.count(leaf.untyped_storage())
        return result

    def count(self, storage: Any) -> None:  # noqa: ANN401 (torch ships no types)
        """Count a tensor's memory until nothing refers to it."""
        if storage in self.known:
            return
        size = self.known[storage] = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self.release, size)

    def release(self, size: int) -> None:
        """Count memory as free."""
        self.live -= size


@dataclass(frozen=True)
class Needs:
    """Bytes that one base needs, beside its weights."""

    entry_bytes_per_pixel: float
    """Bytes of one entry of a pass for each pixel of the picture, in the base's own type. With a
    refiner those of the larger network."""
    decode_bytes_per_pixel: float
    """Bytes of decoding one picture, for each of its pixels."""
    dtype_bytes: int
    """Bytes of one number in the base's own type."""
    weights: int
    """Bytes of all weights, in the base's own type."""
    entry_bytes: float = 0.0
    """Bytes of one entry of a pass that do not depend on the picture's size: its prompt's."""


@dataclass(frozen=True)
class MemoryPlan:
    """What fits into a device's memory."""

    needs: Needs
    device_bytes: int
    """Memory of the device."""
    adapter_bytes: int
    """Memory that is kept for adapters."""

    def entries(self, pixels: int, *, wide: bool = False) -> int:
        """Return how many entries of this size fit one pass; at least 1.

        Args:
            pixels: width x height of the picture.
            wide: whether the base computes in float32 for this pass.
        """
        return max(1, int(self.room(wide=wide) / self._entry(pixels, wide=wide)))

    def fits(self, entries: int, pixels: int, *, wide: bool = False) -> bool:
        """Return whether a pass of that many entries, and decoding one picture of it, fit."""
        each = self._entry(pixels, wide=wide)
        decoded = self.tiled(pixels, wide=wide) or self._decode(pixels) <= self.room(wide=wide)
        return entries * each <= self.room(wide=wide) and decoded

    @property
    def holds_wide(self) -> bool:
        """Whether the base's weights fit the device in float32 too."""
        return self.room(wide=True) > 0

    def shrunk(self, entries: int, pixels: int) -> "MemoryPlan":
        """Return the plan after a device held only ``entries`` entries of this size."""
        each = self.room() / ((entries + 0.5) * pixels * MARGIN)  # whole entries, rounded down
        needs = replace(self.needs, entry_bytes_per_pixel=each, entry_bytes=0.0)
        return replace(self, needs=needs)

    def tiled(self, pixels: int, *, wide: bool = False) -> bool:
        """Return whether a picture of this size must be decoded in tiles."""
        return self._decode(pixels) > self.room(wide=wide)

    def room(self, *, wide: bool = False) -> float:
        """Return the bytes that are left for computing."""
        weights = self.needs.weights * self._factor(wide=wide)
        return self.device_bytes * (1 - RESERVED) - self.adapter_bytes - weights

    def _entry(self, pixels: int, *, wide: bool) -> float:
        each = self.needs.entry_bytes_per_pixel * pixels + self.needs.entry_bytes
        return each * MARGIN * self._factor(wide=wide)

    def _decode(self, pixels: int) -> float:
        return self.needs.decode_bytes_per_pixel * pixels * MARGIN

    def _factor(self, *, wide: bool) -> float:
        return FLOAT32_BYTES / self.needs.dtype_bytes if wide else 1.0


Trace = Callable[[Any, tuple[int, ...]], int]
"""Returns the bytes of one entry's pass through a network on the meta device; it takes the network
and the shape of a latent."""


def trace_needs(  # noqa: PLR0913 (networks, how they are called, and what a base says of itself)
    networks: Sequence[Any],
    vae: Any,  # noqa: ANN401 (diffusers ships no types)
    trace: Trace,
    *,
    side: int,
    weights: int,
    upcast_decoder: bool,
    has_tokens: bool = False,
) -> Needs:
    """Trace a base's networks and decoder; only configurations and the networks' type are read.

    Args:
        networks: the denoiser on any device, and the refiner's where there is one.
        vae: an AutoencoderKL on any device.
        trace: calls a network.
        side: side in pixels of the traced picture.
        weights: bytes of the base's weights.
        upcast_decoder: whether the decoder computes in float32 though the denoiser does not.
        has_tokens: whether a prompt's tokens are beside the picture's, so that a part of a pass
            does not depend on the picture's size.
    """
    dtype = networks[0].dtype
    with torch.device("meta"):
        networks = [type(one).from_config(one.config).to(dtype) for one in networks]
        vae = type(vae).from_config(vae.config).to(torch.float32 if upcast_decoder else dtype)
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    latent = (vae.config.latent_channels, side // factor, side // factor)
    decode = peak_bytes(lambda: vae.decode(torch.empty(1, *latent, dtype=vae.dtype)))
    whole = max(trace(one, latent) for one in networks)
    fixed = 0.0
    if has_tokens:
        half = (latent[0], latent[1] // 2, latent[2] // 2)
        # A quarter of the pixels: what is left of three quarters beyond is no part of them.
        fixed = max(0.0, (4 * max(trace(one, half) for one in networks) - whole) / 3)
    return Needs(
        entry_bytes_per_pixel=(whole - fixed) / side**2,
        entry_bytes=fixed,
        decode_bytes_per_pixel=decode / side**2,
        dtype_bytes=dtype.itemsize,
        weights=weights,
    )


def trace_unet(unet: Any, latent: tuple[int, ...]) -> int:  # noqa: ANN401
    """Return the bytes of one entry's pass through a UNet."""
    config, dtype = unet.config, unet.dtype
    more = None
    if config.addition_embed_type == "text_time":
        ids = 6  # a refiner has 5 and a wider text; the layer behind sees only the sum
        pooled = config.projection_class_embeddings_input_dim - ids * config.addition_time_embed_dim
        with torch.device("meta"):
            more = {
                "text_embeds": torch.empty(1, pooled, dtype=dtype),
                "time_ids": torch.empty(1, ids, dtype=dtype),
            }
    return peak_bytes(
        lambda: unet(
            torch.empty(1, *latent, dtype=dtype),
            torch.empty(1),
            encoder_hidden_states=torch.empty(1, 77, config.cross_attention_dim, dtype=dtype),
            added_cond_kwargs=more,
        )
    )


def peak_bytes(run: Callable[[], Any]) -> int:
    """Return the most bytes that live at once while a function runs on the meta device."""
    with torch.inference_mode(), torch.device("meta"), LiveBytes() as bytes_:
        run()
    peak: int = bytes_.peak
    return peak


def weight_bytes(network: nn.Module) -> int:
    """Return the bytes of a network's weights."""
    total: int = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    return total


def device_bytes(device: torch.device) -> int:
    """Return the memory of the device."""
    if device.type == "cuda":
        total: int = torch.cuda.get_device_properties(device).total_memory
        return total
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    host = int(lines["MemTotal"].split()[0]) * 1024
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return host if text == "max" else min(host, int(text))
