"""Arguments of Replicate's and fal's pictures, and of diffusers' calls, that have no counterpart.

Their clients send every field of a form, most with the default. What changes nothing here is left
out; a value that would change the picture is refused, as the picture would not be the one asked
for.

Sources, as of 2026-11-30: the inputs of Replicate's ``stability-ai/sdxl`` and of fal's
``fal-ai/fast-sdxl``, and the arguments of diffusers' ``StableDiffusionXLPipeline``.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

WITHOUT_EFFECT: Mapping[str, tuple[Any, ...]] = {
    # Replicate
    "apply_watermark": (True,),
    "disable_safety_checker": (False,),
    "high_noise_frac": (0.8,),
    "refine": ("no_refiner",),
    "refine_steps": (),
    "replicate_weights": ("",),
    # fal
    "embeddings": ([],),
    "enable_safety_checker": (True,),
    "expand_prompt": (False,),
    "loras": ([],),
    "sync_mode": (False, True),
    # diffusers
    "eta": (0,),
    "guidance_rescale": (0,),
}
"""The values with which a field changes nothing here."""

SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""fal's names of sizes: width and height in pixels."""

SIZE_NAMES = ("image_size", "size")
"""Names of width and height together, in fal and in OpenAI's clients."""


def take_hosted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with width and height, and ``lora_scale``, as arguments of their own.

    >>> take_hosted({"image_size": "landscape_4_3", "cross_attention_kwargs": {"scale": 0.8}})
    {'width': 1024, 'height': 768, 'lora_scale': 0.8}

    Raises:
        PydanticCustomError: a size or a scale is none, or is given twice.
    """
    taken = dict(given)
    for name in SIZE_NAMES:
        size = taken.pop(name, None)
        if size is not None:
            _add(taken, name, dict(zip(("width", "height"), read_size(name, size), strict=True)))
    scale = taken.pop("cross_attention_kwargs", None)
    if scale:
        if not isinstance(scale, dict) or {*scale} != {"scale"}:
            text = "cross_attention_kwargs: only its scale is known, as lora_scale"
            raise PydanticCustomError("cross_attention_kwargs", text)
        _add(taken, "cross_attention_kwargs", {"lora_scale": scale["scale"]})
    return taken


def read_size(name: str, size: Any) -> tuple[Any, Any]:  # noqa: ANN401 (a JSON value)
    """Return width and height, whose values are checked later.

    >>> read_size("size", "512x768"), read_size("image_size", {"width": 512, "height": 768})
    ((512, 768), (512, 768))

    Raises:
        PydanticCustomError: it is no size.
    """
    if isinstance(size, str) and size in SIZES:
        return SIZES[size]
    if isinstance(size, str) and (found := re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", size)):
        return int(found[1]), int(found[2])
    if isinstance(size, dict) and {*size} == {"width", "height"}:
        return size["width"], size["height"]
    raise PydanticCustomError("no_size", "{name}: no size; give width and height", {"name": name})


def _add(taken: dict[str, Any], name: str, more: Mapping[str, Any]) -> None:
    for ours, value in more.items():
        if taken.get(ours) is not None:
            text = "{first} and {second} are the same argument; give one of them"
            raise PydanticCustomError("two_names", text, {"first": ours, "second": name})
        taken[ours] = value
