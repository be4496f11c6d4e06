"""Several adapters on one base, in one pass: every row of the batch with its own.

No layer of the base is replaced. While a pass runs, each layer that an adapter changes has a
forward hook that adds ``scale * x @ down.T @ up.T`` of the row's adapters.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from serving.adapters.cache import Adapter, Layers, Pair

Hook = Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]

Mix = tuple[tuple[Adapter, float], ...]
"""One row's adapters, each with its scale; empty is the bare base."""


@contextmanager
def active(layers: Layers, mixes: Sequence[Mix]) -> Iterator[None]:
    """Let row i of every pass speak with ``mixes[i]``.

    A pipeline sends a multiple of these rows through a layer (with guidance, all of them without
    the prompt, then all of them with it); the rows' order repeats.
    """
    handles = [layers[name].register_forward_hook(hook) for name, hook in make_hooks(mixes)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def make_hooks(mixes: Sequence[Mix]) -> Iterator[tuple[str, Hook]]:
    """Yield every changed layer's name and hook."""
    names = dict.fromkeys(name for mix in mixes for adapter, _ in mix for name in adapter.pairs)
    same = len({tuple((id(adapter), scale) for adapter, scale in mix) for mix in mixes}) == 1
    for name in names:
        pairs = [blend(name, mix) for mix in (mixes[:1] if same else mixes)]
        yield name, (one_for_all(pairs[0]) if same and pairs[0] else one_for_each(pairs))


def blend(name: str, mix: Mix) -> Pair | None:
    """Return what a row's adapters change in one layer, their scales folded in.

    The sum of two changes is one change: the ranks stand side by side.
    """
    parts = [(adapter.pairs[name], scale) for adapter, scale in mix if name in adapter.pairs]
    scaled = [Pair(p.down, p.up if scale == 1 else p.up * scale) for p, scale in parts]
    if len(scaled) > 1:
        return Pair(torch.cat([p.down for p in scaled]), torch.cat([p.up for p in scaled], dim=1))
    return scaled[0] if scaled else None


def one_for_all(pair: Pair) -> Hook:
    """Return the hook of a layer on which every row has the same change."""
    down, up = pair.down.T, pair.up.T

    def add(_layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        x = inputs[0].reshape(-1, down.shape[0])
        # In place: the output is the layer's own, and nobody has seen it yet.
        output.view(-1, up.shape[1]).addmm_(x @ down, up)
        return output

    return add


def one_for_each(pairs: Sequence[Pair | None]) -> Hook:
    """Return the hook of a layer on which rows differ. Lower ranks are filled up with zeros."""
    downs, ups = stack(pairs)

    def add(_layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        x = inputs[0]
        repeats = x.shape[0] // len(pairs)
        tokens = x.reshape(x.shape[0], -1, x.shape[-1])
        change = tokens @ downs.repeat(repeats, 1, 1) @ ups.repeat(repeats, 1, 1)
        return output + change.view_as(output)

    return add


def stack(pairs: Sequence[Pair | None]) -> tuple[Tensor, Tensor]:
    """Return (rows, in, rank) and (rows, rank, out)."""
    some = next(pair for pair in pairs if pair)
    rank = max(pair.down.shape[0] for pair in pairs if pair)
    downs = some.down.new_zeros(len(pairs), some.down.shape[1], rank)
    ups = some.up.new_zeros(len(pairs), rank, some.up.shape[0])
    for row, pair in enumerate(pairs):
        if pair:
            downs[row, :, : pair.down.shape[0]] = pair.down.T
            ups[row, : pair.up.shape[1]] = pair.up.T
    return downs, ups
