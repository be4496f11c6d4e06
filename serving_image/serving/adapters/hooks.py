"""Applies a different mix of adapters to each row of one batch.

No layer of the base is replaced. While a pass runs, each layer that an adapter changes has a
forward hook, which adds ``scale * x @ down.T @ up.T`` for the row's adapters. A DoRA also
multiplies the layer's own output, without its bias, by ``1 + scale * gain``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from serving.adapters.reader import Adapter, Layers, Pair

Hook = Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]

Mix = tuple[tuple[Adapter, float], ...]
"""The adapters of one row, each with its scale; an empty mix is the base alone."""


@contextmanager
def active(
    layers: Layers, mixes: Sequence[Mix], dtype: torch.dtype | None = None
) -> Iterator[None]:
    """Apply ``mixes[i]`` to batch row i while the block runs, in the type of the layers.

    A pipeline sends a multiple of the rows through a layer, and their order repeats: with guidance
    all rows come without the prompt first, then all rows with it.
    """
    handles = [layers[name].register_forward_hook(hook) for name, hook in make_hooks(mixes, dtype)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def make_hooks(
    mixes: Sequence[Mix], dtype: torch.dtype | None = None
) -> Iterator[tuple[str, Hook]]:
    """Yield the name and the hook of every layer that an adapter changes."""
    names = dict.fromkeys(name for mix in mixes for adapter, _ in mix for name in adapter.pairs)
    same = len({tuple((id(adapter), scale) for adapter, scale in mix) for mix in mixes}) == 1
    for name in names:
        pairs = [blend(name, mix, dtype) for mix in (mixes[:1] if same else mixes)]
        yield name, (shared_hook(pairs[0]) if same and pairs[0] else per_row_hook(pairs))


def blend(name: str, mix: Mix, dtype: torch.dtype | None = None) -> Pair | None:
    """Return one LoRA pair for a row's adapters in one layer, with the scales folded in.

    The sum of two LoRA changes is one LoRA change whose ranks are concatenated. Adapters are kept
    in one type; a pass in another ``dtype`` gets them converted.
    """
    parts = [
        (converted(adapter.pairs[name], dtype), scale)
        for adapter, scale in mix
        if name in adapter.pairs
    ]
    scaled = [pair if scale == 1 else times(pair, scale) for pair, scale in parts]
    if len(scaled) > 1:
        down, up = torch.cat([p.down for p in scaled]), torch.cat([p.up for p in scaled], dim=1)
        gains = [pair.gain for pair in scaled if pair.gain is not None]
        return Pair(down, up, torch.stack(gains).sum(0) if gains else None)
    return scaled[0] if scaled else None


def times(pair: Pair, scale: float) -> Pair:
    """Return a pair whose change of the layer is ``scale`` times as large."""
    return Pair(pair.down, pair.up * scale, None if pair.gain is None else pair.gain * scale)


def converted(pair: Pair, dtype: torch.dtype | None) -> Pair:
    """Return the pair in a type; the same pair where it has that type already."""
    if dtype is None or dtype == pair.down.dtype:
        return pair
    gain = None if pair.gain is None else pair.gain.to(dtype)
    return Pair(pair.down.to(dtype), pair.up.to(dtype), gain)


def shared_hook(pair: Pair) -> Hook:
    """Return the hook of a layer where every row has the same adapters."""
    down, up, gain = pair.down.T, pair.up.T, pair.gain

    def add(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        x = inputs[0].reshape(-1, down.shape[0])
        if gain is not None:
            output.add_(without_bias(layer, output) * gain)
        # Adding in place is safe: the layer made this tensor, and nothing else refers to it yet.
        output.view(-1, up.shape[1]).addmm_(x @ down, up)
        return output

    return add


def per_row_hook(pairs: Sequence[Pair | None]) -> Hook:
    """Return the hook of a layer where rows differ; lower ranks are padded with zeros."""
    downs, ups = stack(pairs)
    gains = stack_gains(pairs, ups)

    def add(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        x = inputs[0]
        repeats = x.shape[0] // len(pairs)
        tokens = x.reshape(x.shape[0], -1, x.shape[-1])
        change = tokens @ downs.repeat(repeats, 1, 1) @ ups.repeat(repeats, 1, 1)
        change = change.view_as(output)
        if gains is not None:
            own = gains.repeat(repeats, 1).view(len(x), *[1] * (output.ndim - 2), -1)
            change = change + without_bias(layer, output) * own
        return output + change

    return add


def without_bias(layer: nn.Module, output: Tensor) -> Tensor:
    """Return a linear layer's output without its bias."""
    return output if layer.bias is None else output - layer.bias


def stack_gains(pairs: Sequence[Pair | None], ups: Tensor) -> Tensor | None:
    """Return each row's gain, (rows, out), zero for a plain LoRA; None when no row has one."""
    gains = [None if pair is None else pair.gain for pair in pairs]
    if all(gain is None for gain in gains):
        return None
    zero = ups.new_zeros(ups.shape[2])
    return torch.stack([zero if gain is None else gain for gain in gains])


def stack(pairs: Sequence[Pair | None]) -> tuple[Tensor, Tensor]:
    """Return the batched matrices, (rows, in, rank) and (rows, rank, out)."""
    first = next(pair for pair in pairs if pair)
    rank = max(pair.down.shape[0] for pair in pairs if pair)
    downs = first.down.new_zeros(len(pairs), first.down.shape[1], rank)
    ups = first.up.new_zeros(len(pairs), rank, first.up.shape[0])
    for row, pair in enumerate(pairs):
        if pair:
            downs[row, :, : pair.down.shape[0]] = pair.down.T
            ups[row, : pair.up.shape[1]] = pair.up.T
    return downs, ups
