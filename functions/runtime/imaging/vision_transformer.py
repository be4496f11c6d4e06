"""A vision transformer for classification, in numpy: Lambda has no PyTorch.

It computes what transformers' ViTForImageClassification computes, from the same folder;
tests/smoke/test_serving_safety_stages.py compares the two. N tokens: one for each patch, and one
more.

Source: Dosovitskiy et al. 2020, arXiv 2010.11929.
"""

import mmap
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.shared.pictures.classifier import (
    WEIGHTS,
    ClassifierError,
    Preprocessor,
    ViT,
    read_folder,
)
from contracts.shared.weights.safetensors import TensorEntry, WeightsError, read_layout

Array: TypeAlias = NDArray[np.float32]

ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
"""Coefficients of formula 7.1.26 of Abramowitz and Stegun; its error is below 1.5e-7."""


class VisionTransformer(NamedTuple):
    """A network with its weights."""

    config: ViT
    preprocessor: Preprocessor
    weights: dict[str, Array]

    def probabilities(self, image: Image.Image) -> Array:
        """Return the probability of each label for an RGB image of any size."""
        tokens = self.embed(self.pixels(image))
        for layer in range(self.config.num_hidden_layers):
            tokens = self.block(tokens, f"vit.encoder.layer.{layer}.")
        first = self.normalise(tokens[:1], "vit.layernorm")
        return softmax(self.linear(first, "classifier"))[0]

    def pixels(self, image: Image.Image) -> Array:
        """Return (side, side, 3): the resized image's pixels as the network takes them."""
        how, side = self.preprocessor, self.config.image_size
        small = image.resize((side, side), Image.Resampling(how.resample))
        level = np.asarray(small, np.float32) * how.rescale_factor
        found = (level - np.array(how.image_mean)) / np.array(how.image_std)
        return found.astype(np.float32)

    def embed(self, pixels: Array) -> Array:
        """Return (N, hidden_size): a token for each patch after one that stands for all."""
        size, rows = self.config.patch_size, self.config.image_size // self.config.patch_size
        cut = pixels.reshape(rows, size, rows, size, 3).transpose(0, 2, 4, 1, 3)
        name = "vit.embeddings.patch_embeddings.projection"
        kernel = self.weights[f"{name}.weight"].reshape(self.config.hidden_size, -1)
        patches = cut.reshape(rows * rows, -1) @ kernel.T + self.weights[f"{name}.bias"]
        tokens = np.concatenate([self.weights["vit.embeddings.cls_token"][0], patches])
        return tokens + self.weights["vit.embeddings.position_embeddings"][0]

    def block(self, tokens: Array, name: str) -> Array:
        """Return (N, hidden_size) after one layer: attention, then two linear maps."""
        inside = self.normalise(tokens, f"{name}layernorm_before")
        tokens = tokens + self.attend(inside, f"{name}attention.")
        inside = self.normalise(tokens, f"{name}layernorm_after")
        inside = gelu(self.linear(inside, f"{name}intermediate.dense"))
        return tokens + self.linear(inside, f"{name}output.dense")

    def attend(self, tokens: Array, name: str) -> Array:
        """Return (N, hidden_size): self-attention with several heads."""
        count = self.config.num_attention_heads
        query, key, value = (
            self.linear(tokens, f"{name}attention.{part}")
            .reshape(len(tokens), count, -1)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scale = np.float32(query.shape[-1] ** -0.5)
        shares = softmax(query @ key.transpose(0, 2, 1) * scale)
        mixed = (shares @ value).transpose(1, 0, 2).reshape(len(tokens), -1)
        return self.linear(mixed, f"{name}output.dense")

    def linear(self, given: Array, name: str) -> Array:
        """Return a linear map of each row; a projection without a bias has none in its file."""
        found: Array = given @ self.weights[f"{name}.weight"].T
        bias = self.weights.get(f"{name}.bias")
        return found if bias is None else found + bias

    def normalise(self, given: Array, name: str) -> Array:
        """Return each row with mean 0 and variance 1, scaled and shifted."""
        middle = given - given.mean(axis=-1, keepdims=True)
        variance = (middle**2).mean(axis=-1, keepdims=True)
        scaled = middle / np.sqrt(variance + np.float32(self.config.layer_norm_eps))
        found: Array = scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return found


def softmax(given: Array) -> Array:
    """Return shares along the last axis."""
    raised = np.exp(given - given.max(axis=-1, keepdims=True))
    found: Array = raised / raised.sum(axis=-1, keepdims=True)
    return found


def gelu(given: Array) -> Array:
    """Return x times the normal distribution's share below x."""
    positive = np.abs(given) * np.float32(2**-0.5)
    t = 1 / (1 + np.float32(0.3275911) * positive)
    series = np.zeros_like(t)
    for factor in reversed(ERF):
        series = (series + np.float32(factor)) * t
    error = np.copysign(1 - series * np.exp(-(positive**2)), given)
    found: Array = given * (1 + error) * np.float32(0.5)
    return found


def load(folder: Path) -> VisionTransformer:
    """Return the network of a folder.

    Raises:
        ClassifierError: a file is missing, or is not that of a ViT.
    """
    config, preprocessor = read_folder(folder)
    with (folder / WEIGHTS).open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        start, entries = read_layout(data)
    except WeightsError as error:
        raise ClassifierError(f"{WEIGHTS}: {error}") from None
    weights = {entry.name: tensor(data, start, entry) for entry in entries}
    shapes = {name: array.shape for name, array in weights.items()}
    wrong = [name for name, shape in shapes_of(config).items() if shapes.get(name) != shape]
    if wrong:
        raise ClassifierError(f"{WEIGHTS}: {wrong[0]} is missing or has another shape")
    return VisionTransformer(config, preprocessor, weights)


def tensor(data: mmap.mmap, start: int, entry: TensorEntry) -> Array:
    """Return a tensor of the file in float32; one in float32 stays in the file."""
    count = entry.end - entry.start
    raw = np.frombuffer(data, np.uint8, count, start + entry.start)
    if entry.dtype == "F32":
        found: Array = raw.view("<f4")
    elif entry.dtype == "F16":
        found = raw.view("<f2").astype(np.float32)
    else:  # BF16: the upper half of a float32
        found = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return found.reshape(entry.shape)


def shapes_of(config: ViT) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor that must be there; biases of query, key, value may lack."""
    hidden, inner, patch = config.hidden_size, config.intermediate_size, config.patch_size
    tokens = (config.image_size // patch) ** 2 + 1
    shapes: dict[str, tuple[int, ...]] = {
        "vit.embeddings.cls_token": (1, 1, hidden),
        "vit.embeddings.position_embeddings": (1, tokens, hidden),
        "vit.embeddings.patch_embeddings.projection.weight": (hidden, 3, patch, patch),
        "vit.embeddings.patch_embeddings.projection.bias": (hidden,),
        **linear("classifier", len(config.labels), hidden),
        **norm("vit.layernorm", hidden),
    }
    for layer in range(config.num_hidden_layers):
        name = f"vit.encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            shapes[f"{name}attention.attention.{part}.weight"] = (hidden, hidden)
        shapes |= linear(f"{name}attention.output.dense", hidden, hidden)
        shapes |= linear(f"{name}intermediate.dense", inner, hidden)
        shapes |= linear(f"{name}output.dense", hidden, inner)
        shapes |= norm(f"{name}layernorm_before", hidden) | norm(f"{name}layernorm_after", hidden)
    return shapes


def linear(name: str, wide: int, given: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a linear map."""
    return {f"{name}.weight": (wide, given), f"{name}.bias": (wide,)}


def norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a layer norm."""
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}
