"""Read an adapter file of any tool as plain pairs of matrices, exactly, or refuse it by name.

kohya's scripts, diffusers (old and new), peft and LyCORIS name and factor the change of a layer in
different ways. These are sums and products of small matrices, so each has an equal plain pair:

- LoCon: a convolution's pair, and the core of Tucker's form multiplied into its lower half;
- LoHa: ``(A1 B1) * (A2 B2)``, entry by entry, of ranks r and s is a pair of rank ``r s``;
- LoKr: ``kron(C, A B)`` with C of n columns is a pair of rank ``n r``.

LoHa and LoKr of a convolution are the same of the matrix ``(out, in * height * width)``.

A DoRA is a pair and the length of every row of the changed weight. LyCORIS also writes a length of
every column, which neither peft nor diffusers can: that is refused. (IA)3, OFT, GLoRA, norms and
whole differences have no equal small pair and are refused.

For Z-Image, ComfyUI's own names join queries, keys and values in one layer, ``attention.qkv``. The
rows of its second matrix are theirs one behind the other, so its three pairs are exact too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, sqrt
from typing import Any

import torch
from torch import Tensor

from contracts.shared.weights import lora_names
from contracts.shared.weights.lora_kinds import refused_kind, split_key

Parts = dict[str, Tensor]
"""The tensors of one layer by what follows its name in the file."""


class UnknownFileError(ValueError):
    """A file that is no set of plain pairs; the text names the format and counts the tensors."""


@dataclass(frozen=True)
class Pair:
    """The change of one layer: ``alpha / rank * up @ down``."""

    down: Tensor
    """(rank, in), or (rank, in, height, width) of a convolution. LoHa and LoKr of a convolution do
    not say the kernel: (rank, in * height * width)."""

    up: Tensor
    """(out, rank), or (out, rank, 1, 1) of a convolution"""

    alpha: float
    """The rank where the file has no alpha, as in the tools themselves."""

    lengths: Tensor | None = None
    """(out,), the length of every row of the changed weight; None: no DoRA."""

    @property
    def rank(self) -> int:
        """Rank of the pair."""
        return len(self.down)

    @property
    def is_convolution(self) -> bool:
        """Whether the pair is written as a convolution's."""
        return len(self.up.shape) > 2  # noqa: PLR2004 (a matrix)


@dataclass(frozen=True)
class Scales:
    """What diffusers writes beside the tensors: peft's settings, under each network's name."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    alpha: float | None = None
    """What the request says of layers whose alpha the file does not say; None: nothing."""

    @classmethod
    def of_metadata(cls, metadata: Mapping[str, str]) -> "Scales":
        """Return what a file's metadata say.

        Raises:
            UnknownFileError: they cannot be read.
        """
        try:
            settings = json.loads(metadata.get(SETTINGS, "{}"))
        except (ValueError, RecursionError):
            settings = None
        if not isinstance(settings, dict):
            raise UnknownFileError(f"its metadata {SETTINGS} cannot be read")
        return cls(settings)

    def alpha_of(self, layer: str, rank: int) -> float:
        """Return the alpha of a layer: of its pattern, of its network, of the request, or the rank.

        >>> scales = Scales({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_q": 2}})
        >>> [scales.alpha_of(f"unet.{path}", 4) for path in ("a.attn1.to_q", "a.to_k")]
        [2.0, 8.0]
        >>> scales.alpha_of("text_encoder.fc1", 4)
        4.0
        """
        network, path = layer.split(".", 1)
        patterns = self.settings.get(f"{network}.alpha_pattern") or {}
        unsaid = rank if self.alpha is None else self.alpha
        alpha = self.settings.get(f"{network}.lora_alpha", unsaid)
        for pattern, own in patterns.items() if isinstance(patterns, dict) else ():
            if not _PATH.fullmatch(pattern):
                raise UnknownFileError("its metadata have a pattern of layers that is not read")
            if f".{path}".endswith(f".{pattern}"):
                alpha = own
                break
        if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not isfinite(alpha):
            raise UnknownFileError("its metadata have an alpha that is no number")
        scale = sqrt(rank) if self.settings.get(f"{network}.use_rslora") is True else 1
        return float(alpha) * scale


SETTINGS = "lora_adapter_metadata"
"""Key of the metadata in which diffusers writes peft's settings."""

_PATH = re.compile(r"[A-Za-z0-9_.]+")

PREFIXES = {
    "lora_unet": "unet",
    "lora_te": "text_encoder",
    "lora_te1": "text_encoder",
    "lora_te2": "text_encoder_2",
    "lycoris": "unet",
    "lora_transformer": "transformer",
}
"""Networks by the prefix of a joined name; ``lycoris`` is SimpleTuner's. Z-Image's transformer has
the UNet's prefix, or OneTrainer's ``lora_transformer``."""

DOTTED = PREFIXES | {
    "clip_l": "text_encoder",
    "clip_h": "text_encoder",
    "clip_g": "text_encoder_2",
}
"""Networks by the first part of a dotted name: OneTrainer's, also in the format of the Open Model
Initiative, and ComfyUI's, which writes ``text_encoders.clip_l.transformer``."""

NETWORKS = {"unet", "transformer", "text_encoder", "text_encoder_2"}

_CONVOLUTION = re.compile(r"\.(?:conv\d?|conv_in|conv_out|conv_shortcut)$")
_JOINED = re.compile(rf"({'|'.join(sorted(PREFIXES, key=len, reverse=True))})_(\w+)")
_DOTTED = re.compile(rf"(?:text_encoders\.)?({'|'.join(DOTTED)})\.(?:transformer\.)?(.+)")
_SGM_BLOCKS = (
    "input_blocks.",
    "middle_block.",
    "output_blocks.",
    "time_embed.",
    "label_emb.",
    "out.",
)
_UNET_BLOCKS = ("down_blocks.", "up_blocks.", "mid_block.", "conv_in", "conv_out")
_Z_IMAGE_EMBEDDERS = ("all_x_embedder.", "cap_embedder.", "t_embedder.", "all_final_layer.")
_FUSED = ".attention.qkv"
_SPLIT = (".attention.to_q", ".attention.to_k", ".attention.to_v")


def read_pairs(
    tensors: Mapping[str, Tensor],
    layers_per_block: int = lora_names.OFFICIAL_LAYERS_PER_BLOCK,
    scales: Scales = Scales(),
) -> dict[str, Pair]:
    """Return the pair of every layer, by ``<network>.<path>`` as diffusers names it.

    Args:
        tensors: the file.
        layers_per_block: of the UNet's configuration; it numbers the blocks of SDXL's names.
        scales: what the file's metadata say of alpha, for layers without a tensor that says it.

    Raises:
        UnknownFileError: the file is in another format, a tensor of a layer is missing, or two do
            not fit each other.
    """
    refuse_by_name(tensors)
    layers: dict[str, Parts] = {}
    odd = 0
    for key, tensor in tensors.items():
        found = split_key(key)
        if found is None:
            odd += 1
            continue
        layer = layer_name(found[0], layers_per_block)
        parts = layers.setdefault(layer, {})
        if found[1] in parts:
            raise UnknownFileError("a layer is there twice, under two names")
        parts[found[1]] = tensor.float()
    if odd or not layers:
        message = (
            f"{odd or len(tensors)} of {len(tensors)} tensors are no part of a LoRA that we know"
        )
        raise UnknownFileError(message)
    return split_fused(
        {
            layer: with_alpha(fitting_pair(parts), layer, parts, scales)
            for layer, parts in layers.items()
        }
    )


def fitting_pair(parts: Parts) -> Pair:
    """Return the plain pair of a layer; refuse tensors that do not fit each other."""
    try:
        pair = pair_of(parts)
    except UnknownFileError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        raise UnknownFileError("the tensors of a layer do not fit each other") from None
    if min(pair.down.dim(), pair.up.dim()) < 2:  # noqa: PLR2004 (a matrix)
        raise UnknownFileError("a layer has a tensor that is no matrix")
    if not pair.down.numel() or not pair.up.numel():
        raise UnknownFileError("a layer has a tensor without values")
    return pair


def with_alpha(pair: Pair, layer: str, parts: Parts, scales: Scales) -> Pair:
    """Return the pair with the alpha of the file's metadata, where no tensor says it."""
    if "alpha" in parts or not {"down", "up"} <= parts.keys():
        return pair
    return replace(pair, alpha=scales.alpha_of(layer, pair.rank))


def split_fused(pairs: Mapping[str, Pair]) -> dict[str, Pair]:
    """Return the pairs with those of joined queries, keys and values as three pairs each."""
    split: dict[str, Pair] = {}
    for layer, pair in pairs.items():
        if not layer.endswith(_FUSED):
            split[layer] = pair
            continue
        if len(pair.up) % len(_SPLIT):
            raise UnknownFileError("a joined layer of queries, keys and values has an odd size")
        ups = pair.up.chunk(len(_SPLIT))
        lengths = (None,) * len(_SPLIT) if pair.lengths is None else pair.lengths.chunk(len(_SPLIT))
        for ending, up, own in zip(_SPLIT, ups, lengths, strict=True):
            name = layer.removesuffix(_FUSED) + ending
            if name in pairs:
                raise UnknownFileError("a layer is there twice, joined with others and by itself")
            split[name] = Pair(pair.down, up.contiguous(), pair.alpha, own)
    return split


def refuse_by_name(tensors: Mapping[str, Tensor]) -> None:
    """Refuse a format that equals neither a plain pair nor a DoRA of outputs."""
    if kind := refused_kind({name: tuple(tensor.shape) for name, tensor in tensors.items()}):
        message = (
            f"{kind.tensors} of {len(tensors)} tensors are of {kind.name}, which no plain pair of"
            " matrices can express exactly; merge it into a base with its own tool, or train it"
            " anew"
        )
        raise UnknownFileError(message)


def refuse_without_kernel(pairs: Mapping[str, Pair]) -> None:
    """Refuse pairs of convolutions whose tensors do not say the kernel: LoHa's and LoKr's.

    A base would tell it; a file alone does not.
    """
    for layer, pair in pairs.items():
        if _CONVOLUTION.search(layer) and pair.down.dim() == 2:  # noqa: PLR2004 (a matrix)
            message = (
                "LoHa or LoKr of a convolution cannot be converted: its tensors do not say the"
                " kernel; train without conv_dim, use LoCon, or import it, which reads the base"
            )
            raise UnknownFileError(message)


def layer_name(name: str, layers_per_block: int) -> str:
    """Return ``<network>.<path>`` of a layer from its name in any tool's file.

    >>> layer_name("lora_te1_text_model_encoder_layers_0_mlp_fc1", 2)
    'text_encoder.text_model.encoder.layers.0.mlp.fc1'
    >>> layer_name("unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out", 2)
    'unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0'
    >>> layer_name("base_model.model.mid_block.attentions.0.proj_in", 2)
    'unet.mid_block.attentions.0.proj_in'
    >>> layer_name("diffusion_model.layers.0.attention.out", 2)
    'transformer.layers.0.attention.to_out.0'
    >>> [layer_name(name, 2) for name in ("unet.middle_block.1.proj_in", "clip_g.text_model.x")]
    ['unet.mid_block.attentions.0.proj_in', 'text_encoder_2.text_model.x']
    """
    if found := _JOINED.fullmatch(name):
        joined = found[2].removeprefix("_")  # some tools write two after lora_unet
        network, path = PREFIXES[found[1]], lora_names.layer_path(joined, layers_per_block)
        if network == "unet" and path.startswith(lora_names.Z_IMAGE_BLOCKS):
            network = "transformer"
        return z_image_name(f"{network}.{path}")
    path = name.removeprefix("base_model.model.").removeprefix("diffusion_model.")
    path = path.replace(".processor.", ".")
    if found := _DOTTED.fullmatch(path):
        path = f"{DOTTED[found[1]]}.{found[2]}"
    if path.removeprefix("unet.").startswith(_SGM_BLOCKS):
        joined = path.removeprefix("unet.").replace(".", "_")
        path = f"unet.{lora_names.layer_path(joined, layers_per_block)}"
    if path.startswith(_Z_IMAGE_EMBEDDERS):
        path = f"transformer.{path}"
    if path.startswith(_UNET_BLOCKS):
        path = f"unet.{path}"
    if path.startswith(lora_names.Z_IMAGE_BLOCKS):
        path = f"transformer.{path}"
    network = path.split(".", 1)[0]
    if network not in NETWORKS or "." not in path:
        message = (
            "a tensor does not say which network it changes; peft's file of a text encoder needs"
            " its folder's name before each key, such as text_encoder."
        )
        raise UnknownFileError(message)
    path = f"{path}.0" if path.endswith(".to_out") else path
    return z_image_name(lora_names.with_text_model(path))


def z_image_name(layer: str) -> str:
    """Return diffusers' name of a layer of Z-Image by ComfyUI's own; any other name unchanged."""
    if layer.startswith("transformer.") and layer.endswith(".attention.out"):
        return layer.removesuffix("out") + "to_out.0"
    return layer


def pair_of(parts: Parts) -> Pair:
    """Return the pair of a layer, with DoRA's lengths if it has any."""
    pair = plain_pair_of(parts)
    lengths = parts.get("lengths")
    if lengths is None:
        return pair
    if lengths.numel() != len(pair.up):
        message = "a layer of a DoRA has not one length for each of its outputs"
        raise UnknownFileError(message)
    return replace(pair, lengths=lengths.flatten())


def plain_pair_of(parts: Parts) -> Pair:
    """Return the plain pair of a layer."""
    if any(part.startswith("hada_") for part in parts):
        return loha(parts)
    if any(part.startswith("lokr_") for part in parts):
        return lokr(parts)
    down, up = part_of(parts, "down"), part_of(parts, "up")
    rank = len(down)
    if up.shape[1] != rank:
        message = "the two matrices of a layer have different ranks"
        raise UnknownFileError(message)
    if "mid" in parts:
        down = torch.einsum("mnhw,ni->mihw", parts["mid"], down.flatten(1))
    return Pair(down, up, alpha_of(parts, rank))


def loha(parts: Parts) -> Pair:
    """Return the pair of a Hadamard product: its columns are products of the factors' columns."""
    (a1, b1), (a2, b2) = (low_rank(parts, f"hada_w{n}", f"hada_t{n}") for n in (1, 2))
    up = torch.einsum("or,os->ors", a1, a2).flatten(1)
    down = torch.einsum("ri,si->rsi", b1, b2).flatten(0, 1)
    rank = len(b1)
    pair = Pair(down, up, alpha_of(parts, rank) / rank * len(down))
    return with_kernel(pair, parts.get("hada_t1"))


def lokr(parts: Parts) -> Pair:
    """Return the pair of a Kronecker product.

    ``kron(L, R)`` with ``L = La Lb`` and ``R = Ra Rb`` is ``kron(La, Ra) kron(Lb, Rb)``. A factor
    that is whole is itself times the identity, on the side where that is smaller. The kernel of a
    convolution belongs to R.
    """
    (la, lb), (ra, rb) = factors(parts, "lokr_w1"), factors(parts, "lokr_w2")
    up, down = kron(la, ra), kron(lb, rb)
    ranks = [parts[name].shape[0] for name in ("lokr_w1_b", "lokr_w2_b") if name in parts]
    # LyCORIS scales by alpha only where a factor has a rank, and takes the second one's.
    scale = alpha_of(parts, ranks[-1]) / ranks[-1] if ranks else 1.0
    kernel = parts.get("lokr_t2", parts.get("lokr_w2"))
    return with_kernel(Pair(down, up, scale * len(down)), kernel)


def kron(left: Tensor, right: Tensor) -> Tensor:
    """Return the Kronecker product of two matrices; torch's own fails for some transposed ones."""
    return torch.einsum("ab,cd->acbd", left, right).flatten(0, 1).flatten(1)


def factors(parts: Parts, name: str) -> tuple[Tensor, Tensor]:
    """Return two matrices whose product is one factor of a Kronecker product."""
    whole = parts.get(name)
    if whole is None:
        return low_rank(parts, name, name.replace("_w", "_t"))
    whole = whole.flatten(1)
    rows, columns = whole.shape
    return (torch.eye(rows), whole) if rows < columns else (whole, torch.eye(columns))


def low_rank(parts: Parts, name: str, core: str) -> tuple[Tensor, Tensor]:
    """Return two matrices whose product is a matrix of low rank.

    In Tucker's form of a convolution, both halves have the rank as their first side, and the
    core is (rank, rank, height, width).
    """
    up, down = part_of(parts, f"{name}_a"), part_of(parts, f"{name}_b")
    if core not in parts:
        return up, down
    return up.T, torch.einsum("ijhw,jc->ichw", parts[core], down).flatten(1)


def with_kernel(pair: Pair, kernel: Tensor | None) -> Pair:
    """Return a pair of matrices as a convolution's, if a tensor of (.., .., height, width) says so.

    ``down`` is (rank, in * height * width) before, and (rank, in, height, width) after.
    """
    if kernel is None or kernel.dim() == 2:  # noqa: PLR2004 (a matrix)
        return pair
    down = pair.down.unflatten(1, (-1, *kernel.shape[2:]))
    return replace(pair, down=down, up=pair.up[..., None, None])


def part_of(parts: Parts, name: str) -> Tensor:
    """Return one tensor of a layer; refuse the file if it is missing."""
    try:
        return parts[name]
    except KeyError:
        message = f"a layer has a tensor missing: {name}, beside {', '.join(sorted(parts))}"
        raise UnknownFileError(message) from None


def alpha_of(parts: Parts, rank: int) -> float:
    """Return a layer's alpha, or its rank where the file has none."""
    return float(parts["alpha"]) if "alpha" in parts else float(rank)
