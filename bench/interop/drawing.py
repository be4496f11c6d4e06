"""A tiny pipeline whose text encoders read fixed tokens, so it draws under any transformers."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from contracts.shared.weights.lora_names import to_sgm

Picture = np.ndarray[Any, Any]
Line = dict[str, str | float]
"""A Figure of the report, as JSON."""

Check = Callable[[Path, str, Path], list[Line]]
"""Loads a case's file into a tool: folder of the case, family of the base, file."""

TOKENS = 77
SIDE = 64
TOLERANCE = 1 / 255
"""Largest difference of two equal pictures, of the full range 0 to 1."""

MIN_EFFECT = 10 * TOLERANCE
"""Smallest change by the adapter that shows that it was loaded."""


def load(folder: Path, family: str) -> DiffusionPipeline:
    """Return a pipeline without tokenizers from a diffusers folder."""
    torch.set_num_threads(1)
    parts: dict[str, Any] = {
        "vae": AutoencoderKL.from_pretrained(folder / "vae"),
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet"),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder"),
        "scheduler": DDIMScheduler.from_pretrained(folder / "scheduler", clip_sample=False),
        "tokenizer": None,
    }
    if family == "sdxl":
        second = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2")
        pipeline = StableDiffusionXLPipeline(**parts, text_encoder_2=second, tokenizer_2=None)
    else:
        pipeline = StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipeline: DiffusionPipeline, family: str) -> Picture:
    """Return a picture, (64, 64, 3) float, 0 to 1."""
    ids = torch.randint(1, 200, (1, TOKENS), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        first = pipeline.text_encoder(ids, output_hidden_states=True)
        if family == "sdxl":
            second = pipeline.text_encoder_2(ids, output_hidden_states=True)
            hidden = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
            texts = {"prompt_embeds": hidden, "pooled_prompt_embeds": second[0]}
        else:
            texts = {"prompt_embeds": first[0]}
        negative = {f"negative_{name}": torch.zeros_like(text) for name, text in texts.items()}
        answer = pipeline(
            **texts,
            **negative,
            num_inference_steps=2,
            height=SIDE,
            width=SIDE,
            generator=torch.Generator().manual_seed(0),
            output_type="np",
        )
    picture: Picture = answer.images[0]
    return picture


def difference(one: Picture, other: Picture) -> float:
    """Return the largest difference of two pictures."""
    return float(np.abs(one - other).max())


def text_path(path: str) -> str:
    """Return the path of a text encoder's module with the ``text_model`` of transformers 4."""
    return f"text_model.{path}" if path.startswith(("encoder.", "final_layer")) else path


def report(check: Callable[[Path, str, str], list[Line]], folders: Sequence[str]) -> None:
    """Print the figures of cases as JSON: ``check`` gets folder, family and size of each."""
    lines: list[Line] = []
    for folder in map(Path, folders):
        case = json.loads((folder / "case.json").read_text())
        lines += check(folder, case["family"], case["size"])
    sys.stdout.write(json.dumps(lines) + "\n")


def check_by_size(tiny: Check, real: Check) -> Callable[[Path, str, str], list[Line]]:
    """Return a check for ``report`` that gives a case's file to the check of the case's size."""

    def check(folder: Path, family: str, size: str) -> list[Line]:
        return (tiny if size == "tiny" else real)(folder, family, webui_file(folder))

    return check


class _Counter(logging.Handler):
    """Counts the records that have a phrase, in any case."""

    def __init__(self, phrase: str) -> None:
        super().__init__()
        self._phrase, self.count = phrase, 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += self._phrase in record.getMessage().lower()


@contextmanager
def counting(logger: logging.Logger, phrase: str) -> Iterator[_Counter]:
    """Count the records of a tool's logger that have this phrase (lower case)."""
    counter = _Counter(phrase)
    logger.addHandler(counter)
    try:
        yield counter
    finally:
        logger.removeHandler(counter)


def webui_file(folder: Path) -> Path:
    """Return the case's file for web interfaces and kohya's scripts."""
    return next((folder / "adapter" / "webui").iterdir())


def figure(name: str, value: float, target: float, better: str = "less", unit: str = "") -> Line:
    """Return a line for the report, as JSON."""
    return {"name": name, "value": value, "unit": unit, "target": target, "better": better}


def picture_figures(name: str, picture: Picture, case: Path, family: str) -> list[Line]:
    """Return how far a picture is from the right one, and from the base's own."""
    right = draw(load(case / "merged", family), family)
    plain = draw(load(case / "base", family), family)
    return [
        figure(f"{name}: difference from the right picture", difference(picture, right), TOLERANCE),
        figure(f"{name}: change by the adapter", difference(picture, plain), MIN_EFFECT, "more"),
    ]


class _Anything:
    """An object with any attribute, that can be called."""

    def __getattr__(self, name: str) -> "_Anything":
        return _Anything()

    def __call__(self, *_: object, **__: object) -> "_Anything":
        return _Anything()


def stand_in(*names: str) -> None:
    """Let modules be imported that a tool needs for other purposes than loading an adapter."""
    for name in names:
        module = ModuleType(name)
        module.__file__ = f"{name}.py"
        module.__path__ = []
        module.__getattr__ = lambda _: _Anything()  # type: ignore[method-assign]
        sys.modules[name] = module


def place_modules(names: dict[str, nn.Module]) -> nn.Module:
    """Return a tree in which each module stands under its dotted name."""
    root = nn.Module()
    for name, module in names.items():
        *path, place = name.split(".")
        parent = root
        for part in path:
            if not hasattr(parent, part):
                parent.add_module(part, nn.Module())
            parent = getattr(parent, part)
        parent.add_module(place, module)
    return root


def sgm_tree(unet: nn.Module) -> nn.Module:
    """Return diffusers' attention blocks in a tree with the names of Stability AI's UNet.

    The blocks are shared with ``unet``: a merge into the tree changes its pictures.
    """
    size = unet.config.layers_per_block
    found = {
        to_sgm(f"{name}.norm", size).removesuffix(".norm"): module
        for name, module in unet.named_modules()
        if type(module).__name__ == "Transformer2DModel"
    }
    return place_modules(found)
