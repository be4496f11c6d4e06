"""Several adapters on one base, in one pass: every row of the batch with its own.

No layer of the base is replaced. While a pass runs, each layer that an adapter changes has a
forward hook that adds ``scale * x @ down.T @ up.T`` of the row's adapter.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from serving.adapters import Adapter, Layers, Pair

Hook = Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]


@contextmanager
def active(
    layers: Layers, adapters: Sequence[Adapter | None], scales: Sequence[float]
) -> Iterator[None]:
    """Let row i of every pass speak with ``adapters[i]`` at ``scales[i]``; None is the bare base.

    A pipeline sends a multiple of these rows through a layer (with guidance, all of them without
    the prompt, then all of them with it); the rows' order repeats.
    """
    handles = [
        layers[name].register_forward_hook(hook) for name, hook in make_hooks(adapters, scales)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def make_hooks(
    adapters: Sequence[Adapter | None], scales: Sequence[float]
) -> Iterator[tuple[str, Hook]]:
    """Yield every changed layer's name and hook."""
    names = dict.fromkeys(name for adapter in adapters if adapter for name in adapter.pairs)
    first = adapters[0]
    if first and all(other is first for other in adapters) and len(set(scales)) == 1:
        yield from ((name, one_for_all(first.pairs[name], scales[0])) for name in names)
        return
    for name in names:
        pairs = [adapter.pairs.get(name) if adapter else None for adapter in adapters]
        yield name, one_for_each(pairs, scales)


def one_for_all(pair: Pair, scale: float) -> Hook:
    """Return the hook of a layer on which every row has the same adapter."""
    down, up = pair.down.T, pair.up.T if scale == 1 else pair.up.T * scale

    def add(_layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        x = inputs[0].reshape(-1, down.shape[0])
        return torch.addmm(output.reshape(-1, up.shape[1]), x @ down, up).view_as(output)

    return add


def one_for_each(pairs: Sequence[Pair | None], scales: Sequence[float]) -> Hook:
    """Return the hook of a layer on which rows differ. Lower ranks are filled up with zeros."""
    downs, ups = stack(pairs, scales)

    def add(_layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        x = inputs[0]
        repeats = x.shape[0] // len(pairs)
        tokens = x.reshape(x.shape[0], -1, x.shape[-1])
        change = tokens @ downs.repeat(repeats, 1, 1) @ ups.repeat(repeats, 1, 1)
        return output + change.view_as(output)

    return add


def stack(pairs: Sequence[Pair | None], scales: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Return (rows, in, rank) and (rows, rank, out), the scales folded into the latter."""
    some = next(pair for pair in pairs if pair)
    rank = max(pair.down.shape[0] for pair in pairs if pair)
    downs = some.down.new_zeros(len(pairs), some.down.shape[1], rank)
    ups = some.up.new_zeros(len(pairs), rank, some.up.shape[0])
    for row, (pair, scale) in enumerate(zip(pairs, scales, strict=True)):
        if pair:
            downs[row, :, : pair.down.shape[0]] = pair.down.T
            torch.mul(pair.up.T, scale, out=ups[row, : pair.up.shape[1]])
    return downs, ups
