"""Applies a different mix of adapters to each row of one batch.

No layer of the base is replaced. While hooks are set, each layer that an adapter changes has a
forward hook, which adds ``scale * x @ down.T @ up.T`` for the row's adapters; of a convolution it
adds two convolutions one behind the other. A DoRA also multiplies the layer's own output, without
its bias, by ``1 + scale * gain``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from serving.adapters.reader import Adapter, Layer, Layers, Pair

Hook = Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]

Change = Callable[[Layer, Tensor, Tensor], None]
"""Adds a pair's change to the output of a layer for an input: ``change(layer, input, output)``.

Adding in place is safe: the layer made the output, and nothing else refers to it yet."""

Mix = tuple[tuple[Adapter, float], ...]
"""The adapters of one row, each with its scale; an empty mix is the base alone."""


class Span(NamedTuple):
    """Neighbouring rows of a batch that have the same mix."""

    start: int
    stop: int
    mix: Mix


class AdapterHooks:
    """The hooks of one base. They stay from pass to pass while the rows' mixes stay the same."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.handles: list[Any] = []
        self.used: tuple[list[Mix], torch.dtype | None] | None = None

    def use(self, mixes: Sequence[Mix], dtype: torch.dtype | None = None) -> None:
        """Apply ``mixes[i]`` to batch row i from now on, in the type of the layers.

        A batch may be a multiple of the mixes, whose order repeats. So rows that are all alike are
        one mix: the hooks of one user's rows stay, however many rows a pass has.
        """
        alike = all(mix == mixes[0] for mix in mixes[1:])
        mixes = list(mixes[:1] if alike else mixes)
        if self.used == (wanted := (mixes, dtype)):
            return
        self.clear()
        for name, hook in make_hooks(mixes, dtype):
            self.handles.append(self.layers[name].register_forward_hook(hook))
        self.used = wanted

    def clear(self) -> None:
        """Take all hooks away; the adapters' memory may be freed."""
        for handle in self.handles:
            handle.remove()
        self.handles, self.used = [], None


@contextmanager
def active(
    layers: Layers, mixes: Sequence[Mix], dtype: torch.dtype | None = None
) -> Iterator[None]:
    """Apply ``mixes[i]`` to batch row i while the block runs; see AdapterHooks.use."""
    hooks = AdapterHooks(layers)
    hooks.use(mixes, dtype)
    try:
        yield
    finally:
        hooks.clear()


def make_hooks(
    mixes: Sequence[Mix], dtype: torch.dtype | None = None
) -> Iterator[tuple[str, Hook]]:
    """Yield the name and the hook of every layer that an adapter changes."""
    spans = find_spans(mixes)
    names = dict.fromkeys(name for span in spans for one, _ in span.mix for name in one.pairs)
    for name in names:
        pairs = [(span, blend(name, span.mix, dtype)) for span in spans]
        changed = [(span, pair) for span, pair in pairs if pair]
        if len(spans) == 1:
            yield name, shared_hook(changed[0][1])
        else:
            yield name, span_hook(changed, len(mixes))


def find_spans(mixes: Sequence[Mix]) -> list[Span]:
    """Return the runs of equal mixes."""
    spans, start = [], 0
    for mix, run in groupby(mixes):
        stop = start + len(list(run))
        spans.append(Span(start, stop, mix))
        start = stop
    return spans


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
    change = change_of(pair)

    def add(layer: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor:  # noqa: ANN401
        change(layer, inputs[0], output)
        return output

    return add


def span_hook(pairs: Sequence[tuple[Span, Pair]], rows: int) -> Hook:
    """Return the hook of a layer where rows differ: each run of equal rows gets its own pair.

    A batch may be a multiple of ``rows``, whose order repeats.
    """
    parts = [(span.start, span.stop, change_of(pair)) for span, pair in pairs]

    def add(layer: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor:  # noqa: ANN401
        for first in range(0, len(output), rows):
            for start, stop, change in parts:
                own = slice(first + start, first + stop)
                change(layer, inputs[0][own], output[own])
        return output

    return add


def change_of(pair: Pair) -> Change:
    """Return what adds a pair's change to a layer's output."""
    return convolution_change(pair) if pair.is_convolution else linear_change(pair)


def linear_change(pair: Pair) -> Change:
    """Return the change of a linear layer by a pair of matrices."""
    down, up, gain = pair.down.T, pair.up.T, pair.gain

    def change(layer: Layer, x: Tensor, output: Tensor) -> None:
        if gain is not None:
            output.add_(without_bias(layer, output) * gain)
        output.view(-1, up.shape[1]).addmm_(x.reshape(-1, down.shape[0]) @ down, up)

    return change


def convolution_change(pair: Pair) -> Change:
    """Return the change of a convolution by a pair: ``down`` has the layer's kernel and steps."""
    down, up, gain = pair

    def change(layer: Any, x: Tensor, output: Tensor) -> None:  # noqa: ANN401
        if gain is not None:
            output.add_(without_bias(layer, output) * gain)
        inner = functional.conv2d(x, down, None, layer.stride, layer.padding, layer.dilation)
        output.add_(functional.conv2d(inner, up))

    return change


def without_bias(layer: Layer, output: Tensor) -> Tensor:
    """Return a layer's output without its bias."""
    if layer.bias is None:
        return output
    return output - (layer.bias[:, None, None] if isinstance(layer, nn.Conv2d) else layer.bias)
