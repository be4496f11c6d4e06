"""A tiny vision transformer that sees colours: its weights are chosen, so its verdicts are real.

Each patch becomes a token with its mean red, green and blue. The attention is equal everywhere, so
the first token gets the mean of all, and the last layer compares the colours.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.shared.pictures.classifier import CONFIG, PREPROCESSOR, WEIGHTS

Array: TypeAlias = NDArray[np.float32]

HIDDEN, SIDE, PATCH = 8, 32, 8

FILTER = {"normal": "", "nsfw": "green"}
"""A content filter that refuses green pictures."""

AGES = {"3-9": "blue", "10-19": "red", "20-29": "", "more than 70": "green"}
"""An age estimate to which blue faces are children."""

COLOURS = {
    "red": (1.0, -0.5, -0.5),
    "green": (-0.5, 1.0, -0.5),
    "blue": (-0.5, -0.5, 1.0),
    "yellow": (1.0, 1.0, -2.0),
    "": (0.0, 0.0, 0.0),
}

FLOOR = 0.75
"""How much a colour must stand out before its label is more likely than that without a colour."""


class Sight(NamedTuple):
    """How a classifier sees colours."""

    gain: float = 8.0
    floor: float = FLOOR


KEEN = Sight(gain=120.0, floor=0.02)
"""Sees a shade of a colour."""


def tiny_vit(labels: Mapping[str, str], sight: Sight = Sight()) -> dict[str, bytes]:  # noqa: B008
    """Return the files of a classifier; each label has the colour that it is given for."""
    config = {
        "architectures": ["ViTForImageClassification"],
        "model_type": "vit",
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
        "image_size": SIDE,
        "patch_size": PATCH,
        "num_channels": 3,
        "hidden_size": HIDDEN,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": HIDDEN,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "qkv_bias": True,
    }
    half = [0.5, 0.5, 0.5]
    preprocessor = {
        "image_processor_type": "ViTImageProcessor",
        "resample": 2,
        "rescale_factor": 1 / 255,
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": half,
        "image_std": half,
        "size": {"height": SIDE, "width": SIDE},
    }
    return {
        CONFIG: json.dumps(config).encode(),
        PREPROCESSOR: json.dumps(preprocessor).encode(),
        WEIGHTS: safetensors(weights_of(list(labels.values()), sight)),
    }


def write_vit(folder: Path, labels: Mapping[str, str]) -> Path:
    """Write a classifier's files into a folder; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in tiny_vit(labels).items():
        (folder / name).write_bytes(body)
    return folder


def weights_of(colours: list[str], sight: Sight = Sight()) -> dict[str, Array]:  # noqa: B008
    """Return the network's tensors by name."""
    layer, one = "vit.encoder.layer.0.", np.eye(HIDDEN, dtype=np.float32)
    empty, full = np.zeros(HIDDEN, np.float32), np.ones(HIDDEN, np.float32)
    kernel = np.zeros((HIDDEN, 3, PATCH, PATCH), np.float32)
    for channel in range(3):
        kernel[channel, channel] = 1 / PATCH**2
    # constants beside the colours, so that a layer norm does not blow up small differences
    bias = np.array([0, 0, 0, 2, -2, 0, 0, 0], np.float32)
    head = np.zeros((len(colours), HIDDEN), np.float32)
    for row, colour in enumerate(colours):
        head[row, :3] = sight.gain * np.array(COLOURS[colour])
    tensors = {
        "vit.embeddings.cls_token": np.zeros((1, 1, HIDDEN), np.float32),
        "vit.embeddings.position_embeddings": np.zeros(
            (1, (SIDE // PATCH) ** 2 + 1, HIDDEN), np.float32
        ),
        "vit.embeddings.patch_embeddings.projection.weight": kernel,
        "vit.embeddings.patch_embeddings.projection.bias": bias,
        "classifier.weight": head,
        "classifier.bias": np.array(
            [-sight.gain * sight.floor if colour else 0 for colour in colours], np.float32
        ),
    }
    maps = {"query": 0 * one, "key": 0 * one, "value": one}
    linear = {f"{layer}attention.attention.{name}": weight for name, weight in maps.items()}
    linear |= {f"{layer}attention.output.dense": one}
    linear |= {f"{layer}{part}.dense": 0 * one for part in ("intermediate", "output")}
    for name, weight in linear.items():
        tensors |= {f"{name}.weight": weight, f"{name}.bias": empty}
    for name in (f"{layer}layernorm_before", f"{layer}layernorm_after", "vit.layernorm"):
        tensors |= {f"{name}.weight": full, f"{name}.bias": empty}
    return tensors


def safetensors(tensors: Mapping[str, NDArray[Any]], kind: str = "F32") -> bytes:
    """Return tensors as a safetensors file; ``kind`` is the type of their values."""
    header, body = {}, b""
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        end = len(body) + len(raw)
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [len(body), end]}
        body += raw
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return len(text).to_bytes(8, "little") + text + body
