"""Fused LoRA layers for training: fewer operations than peft, equal up to rounding.

peft computes a layer and its adapter in eight operations that autograd tracks one by one, and
attention computes query, key and value one after another. Here a layer and its adapter are one
autograd function, and query, key and value are one layer. The frozen layers' keys and values of a
frozen prompt are computed once for the whole training. Adapters stay float32 and are cast to the
type of the input.

K users, N rows for each, P layers (query, key, value) side by side, R the rank.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from peft.tuners.lora import Linear
from torch import Tensor, nn

from trainer.model import lora
from trainer.model.text import EncodedPrompts
from trainer.process import memory

MAX_CACHED_PROMPTS = 16
"""The number of prompts whose keys and values are cached; each takes 25 MB for SDXL in bf16."""


Context: TypeAlias = Any
"""What autograd passes from the forward to the backward pass."""


class LoraLayer(Protocol):
    """A frozen linear layer with adapters."""

    def lora_parts(self) -> tuple[nn.Linear, Tensor, Tensor, Tensor]:
        """Return the layer, A (K, R, in), B (K, out, R) and alpha / rank (K, 1, 1)."""
        ...


@dataclass(frozen=True)
class PeftLinear:
    """peft's layer with one user's adapter."""

    layer: Linear
    scales: Tensor

    def lora_parts(self) -> tuple[nn.Linear, Tensor, Tensor, Tensor]:
        """Return the parts of the adapter of K = 1 users."""
        down = self.layer.lora_A[lora.ADAPTER].weight
        up = self.layer.lora_B[lora.ADAPTER].weight
        return self.layer.base_layer, down[None], up[None], self.scales


def fused_linear(rows: Tensor, layers: Sequence[LoraLayer], cached: Tensor | None = None) -> Tensor:
    """Return the outputs of P layers with their adapters for ``rows`` (..., in), side by side.

    Row block k goes through adapter k. ``cached`` is the layers' output without adapters, if it is
    known: its memory is overwritten with the result, and ``rows`` get no gradient.
    """
    parts = [layer.lora_parts() for layer in layers]
    weight, bias = _pack_weights([part[0] for part in parts])
    adapters = [tensor for _, down, up, _ in parts for tensor in (down, up)]
    answer: Tensor = _FusedLinear.apply(rows, weight, bias, [cached], parts[0][3], *adapters)
    return answer


class _FusedLinear(torch.autograd.Function):  # type: ignore[misc] # mypy runs without torch
    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Context,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        cached: list[Tensor | None],
        scales: Tensor,
        *adapters: Tensor,
    ) -> Tensor:
        flat, users = rows.reshape(-1, rows.shape[-1]), len(scales)
        downs = _cast(adapters[::2], flat.dtype)
        grouped = flat.view(users, -1, flat.shape[1])
        # Scaling after A is the cheapest place: these tensors are the smallest.
        lows = torch.bmm(grouped, downs.mT).mul_(scales.to(flat.dtype))
        ups = [up.to(flat.dtype) for up in adapters[1::2]]
        answer = cached[0] if cached[0] is not None else nn.functional.linear(flat, weight, bias)
        outputs = answer.view(users, -1, weight.shape[0]).tensor_split(len(ups), dim=2)
        for output, low, up in zip(outputs, lows.tensor_split(len(ups), dim=2), ups, strict=True):
            output.baddbmm_(low, up.mT)
        ctx.save_for_backward(grouped, lows, downs, scales, weight, *ups)
        ctx.shape = rows.shape
        return answer.view(*rows.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor | None, ...]:
        grouped, lows, downs, scales, weight, *ups = ctx.saved_tensors
        flat = gradient.reshape(-1, gradient.shape[-1])
        grad_outputs = flat.view(len(scales), -1, flat.shape[1])
        outputs = grad_outputs.tensor_split(len(ups), dim=2)
        grad_lows = torch.cat([torch.bmm(s, up) for s, up in zip(outputs, ups, strict=True)], dim=2)
        grad_lows.mul_(scales.to(grad_lows.dtype))
        grad_downs = torch.bmm(grad_lows.mT, grouped).float().tensor_split(len(ups), dim=1)
        each = zip(outputs, lows.tensor_split(len(ups), dim=2), strict=True)
        grad_ups = [torch.bmm(output.mT, low).float() for output, low in each]
        grad_rows = None
        if ctx.needs_input_grad[0]:
            grad_rows = torch.mm(flat, weight).view_as(grouped).baddbmm_(grad_lows, downs)
            grad_rows = grad_rows.view(ctx.shape)
        grad_adapters = [g for pair in zip(grad_downs, grad_ups, strict=True) for g in pair]
        return grad_rows, None, None, None, None, *grad_adapters


def _cast(downs: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Return the A matrices of all layers stacked, (K, P x R, in)."""
    return (downs[0] if len(downs) == 1 else torch.cat(list(downs), dim=1)).to(dtype)


def _pack_weights(layers: list[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Return the layers' weights stacked; afterwards the layers share that memory."""
    first = layers[0]
    if len(layers) == 1:
        return first.weight, first.bias
    width = first.out_features
    packed = getattr(first, "packed", None)
    if packed is None or packed.data_ptr() != first.weight.data_ptr():
        weights = [layer.weight.data for layer in layers]
        packed = torch.cat(weights)
        for number, layer in enumerate(layers):
            layer.weight.data = packed[number * width : (number + 1) * width]
        memory.release_pages(weights)
        first.packed = packed
    return packed, None


@contextmanager
def fused_lora_layers(
    network: nn.Module, texts: list[EncodedPrompts], *, checkpointing: bool
) -> Iterator[list[EncodedPrompts]]:
    """Replace the forward pass of the network's LoRA layers by the fused one.

    The original forward passes are restored at the end. Yields ``texts`` with their rows in the
    cache of keys and values. Nothing is cached with ``checkpointing``.
    """
    changed: list[nn.Module] = []
    lora_layers = _lora_layers(network)
    hidden = None
    if (
        texts
        and not checkpointing
        and sum(len(text.hidden) for text in texts) <= MAX_CACHED_PROMPTS
    ):
        hidden = EncodedPrompts.join(texts).hidden
        texts = _with_cache_rows(texts)
    try:
        for layer, own in lora_layers.items():
            if isinstance(layer, Linear):
                layer.forward = partial(_linear, layer, own)
                changed.append(layer)
        for attention in network.modules():
            if isinstance(attention, Attention) and _is_plain(attention, lora_layers):
                attention.forward = partial(
                    _attend, attention, _fuse_attention(attention, lora_layers, hidden)
                )
                changed.append(attention)
        yield texts
    finally:
        for module in changed:
            del module.forward


def _with_cache_rows(texts: list[EncodedPrompts]) -> list[EncodedPrompts]:
    """Return the texts with their rows in the cache, where they follow one another."""
    numbered, first = [], 0
    for text in texts:
        cache_rows = torch.arange(first, first + len(text.hidden), device=text.hidden.device)
        numbered.append(replace(text, cache_rows=cache_rows))
        first += len(text.hidden)
    return numbered


def _lora_layers(network: nn.Module) -> dict[nn.Module, LoraLayer]:
    """Return the layers that have nothing but A and B beside them."""
    found: dict[nn.Module, LoraLayer] = {}
    for module in network.modules():
        if isinstance(module, Linear) and _is_plain_lora(module):
            scale = module.scaling[lora.ADAPTER]
            scales = torch.full((1, 1, 1), scale, device=module.base_layer.weight.device)
            found[module] = PeftLinear(module, scales)
        elif hasattr(module, "lora_parts"):
            found[module] = module
    return found


def _is_plain_lora(layer: Linear) -> bool:
    return (
        type(layer.base_layer) is nn.Linear
        and layer.active_adapters == [lora.ADAPTER]
        and isinstance(layer.lora_dropout[lora.ADAPTER], nn.Identity)
        and not layer.lora_variant
        and not layer.lora_bias[lora.ADAPTER]
    )


def _linear(
    layer: Linear, lora_layers: LoraLayer, rows: Tensor, *_: object, **__: object
) -> Tensor:
    if layer.disable_adapters:
        plain: Tensor = layer.base_layer(rows)
        return plain
    return fused_linear(rows, [lora_layers])


def _is_plain(attention: Attention, lora_layers: dict[nn.Module, LoraLayer]) -> bool:
    """Return whether this is plain softmax attention with adapters on query, key and value."""
    layers = (attention.to_q, attention.to_k, attention.to_v)
    if any(layer not in lora_layers for layer in layers):
        return False
    three = [lora_layers[layer].lora_parts() for layer in layers]
    return (
        type(attention.processor) is AttnProcessor2_0
        and all(layer.bias is None for layer, *_ in three)
        and len({(layer.out_features, down.shape[1]) for layer, down, *_ in three}) == 1
        and not attention.residual_connection
        and attention.rescale_output_factor == 1.0
        and all(
            getattr(attention, part, None) is None
            for part in ("spatial_norm", "group_norm", "norm_q", "norm_k", "norm_cross")
        )
    )


@dataclass(frozen=True)
class _FusedAttention:
    """The layers of one attention block."""

    query: list[LoraLayer]
    key_value: list[LoraLayer]
    cached: Tensor | None
    """(prompts, T, 2 x width), the keys and values of every prompt without the adapters."""


def _fuse_attention(
    attention: Attention, lora_layers: dict[nn.Module, LoraLayer], hidden: Tensor | None
) -> _FusedAttention:
    query, key, value = (
        lora_layers[layer] for layer in (attention.to_q, attention.to_k, attention.to_v)
    )
    if not attention.is_cross_attention:
        return _FusedAttention([query, key, value], [], None)
    cached = None
    if hidden is not None:
        weight, _ = _pack_weights([key.lora_parts()[0], value.lora_parts()[0]])
        with torch.no_grad():
            cached = nn.functional.linear(hidden.to(weight.dtype), weight)
    return _FusedAttention([query], [key, value], cached)


def _attend(  # noqa: PLR0917 (diffusers' signature)
    attention: Attention,
    fused: _FusedAttention,
    hidden_states: Tensor,
    encoder_hidden_states: Tensor | None = None,
    attention_mask: Tensor | None = None,
    cache_rows: Tensor | None = None,
    **more: object,
) -> Tensor:
    """Replace ``Attention.forward``."""
    answer: Tensor
    if attention_mask is not None or getattr(attention.to_q, "disable_adapters", False):
        answer = Attention.forward(
            attention, hidden_states, encoder_hidden_states, attention_mask, **more
        )
        return answer
    if encoder_hidden_states is None or not fused.key_value:
        query, key, value = fused_linear(hidden_states, fused.query).chunk(3, dim=-1)
    else:
        cached = None if fused.cached is None or cache_rows is None else fused.cached[cache_rows]
        query = fused_linear(hidden_states, fused.query)
        key, value = fused_linear(encoder_hidden_states, fused.key_value, cached).chunk(2, dim=-1)
    heads = (attention.heads, -1)
    attended = nn.functional.scaled_dot_product_attention(
        *(states.unflatten(-1, heads).transpose(1, 2) for states in (query, key, value))
    )
    answer = attention.to_out[0](attended.transpose(1, 2).flatten(2))
    return answer
