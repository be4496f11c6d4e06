"""Samplers by the names of diffusers, AUTOMATIC1111 and ComfyUI, and other tools' argument names.

The pairs of names are those of diffusers' page "Schedulers" (docs/source/en/api/schedulers/
overview.md, "Schedulers and samplers"). A name that diffusers has no scheduler for is not here.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from contracts.shared.pictures.webui import take_webui
from contracts.shared.weights.families import FLOW_SCHEDULER

Options = dict[str, str | bool]
"""Arguments of a diffusers scheduler."""


class Sampler(NamedTuple):
    """A diffusers scheduler, and what is set on top of the base's own configuration."""

    scheduler: str
    """Class name."""
    options: Options
    max_steps: int | None = None
    """Largest number of steps; None: no limit beyond the request's own."""


LCM_STEPS = 50
"""Number of steps that latent consistency models were distilled from; LCM picks among them."""

CLASSES = {
    name: Sampler(name, {}, LCM_STEPS if name == "LCMScheduler" else None)
    for name in (
        "DDIMScheduler",
        "DDPMScheduler",
        "DEISMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "EulerAncestralDiscreteScheduler",
        "EulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "LCMScheduler",
        "PNDMScheduler",
        "UniPCMultistepScheduler",
    )
}
"""Diffusers' class names; each keeps the options of the base's configuration."""

SPACINGS: dict[str, Options] = {
    "": {"use_karras_sigmas": False},
    " Karras": {"use_karras_sigmas": True},
    " Exponential": {"use_karras_sigmas": False, "use_exponential_sigmas": True},
}
"""How the noise levels are spaced, by the end of a sampler's name."""

SPACED: dict[str, Sampler] = {
    "DEIS": Sampler("DEISMultistepScheduler", {}),
    "DPM++ 2M": Sampler("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "DPM++ 2M SDE": Sampler("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "DPM++ SDE": Sampler("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}),
    "DPM2": Sampler("KDPM2DiscreteScheduler", {}),
    "DPM2 a": Sampler("KDPM2AncestralDiscreteScheduler", {}),
    "Euler": Sampler("EulerDiscreteScheduler", {}),
    "Heun": Sampler("HeunDiscreteScheduler", {}),
    "UniPC": Sampler("UniPCMultistepScheduler", {}),
}
"""AUTOMATIC1111's samplers that take every spacing."""

UNSPACED: dict[str, Sampler] = {
    "DDIM": Sampler("DDIMScheduler", {}),
    "DDPM": Sampler("DDPMScheduler", {}),
    "Euler a": Sampler("EulerAncestralDiscreteScheduler", {}),
    "LCM": Sampler("LCMScheduler", {}, LCM_STEPS),
    "PLMS": Sampler("PNDMScheduler", {}),
}
"""AUTOMATIC1111's samplers that have one spacing."""

SAMPLERS: dict[str, Sampler] = {
    **CLASSES,
    **UNSPACED,
    **{
        name + ending: Sampler(sampler.scheduler, {**sampler.options, **options})
        for name, sampler in SPACED.items()
        for ending, options in SPACINGS.items()
    },
}
"""The samplers of bases that predict noise or v: Stable Diffusion and SDXL."""

FLOW_SAMPLERS: dict[str, Sampler] = {
    FLOW_SCHEDULER: Sampler(FLOW_SCHEDULER, {}),
    **{f"Euler{ending}": Sampler(FLOW_SCHEDULER, options) for ending, options in SPACINGS.items()},
    "Euler Simple": Sampler(FLOW_SCHEDULER, SPACINGS[""]),
}
"""The samplers of bases that learnt by flow matching.

Diffusers' other solvers for them (DPM++ 2M, UniPC and Heun with ``use_flow_sigmas``) do not take
the noise levels that Z-Image's pipeline sets (0.42.1). ``Simple`` is what A1111's heirs and ComfyUI
call the even spacing, which is the pipeline's own."""

NAMES = tuple(dict.fromkeys([*SAMPLERS, *FLOW_SAMPLERS]))
"""Every value of ``scheduler``; a base takes those of its family."""

COMFYUI = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "deis": "DEIS",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_sde": "DPM++ SDE",
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "lcm": "LCM",
    "uni_pc": "UniPC",
}
"""ComfyUI's ``sampler_name`` -> our name."""

SCHEDULES = {
    "normal": "",
    "uniform": "",
    "simple": " Simple",
    "karras": " Karras",
    "exponential": " Exponential",
}
"""ComfyUI's and AUTOMATIC1111's ``scheduler`` beside a ``sampler_name`` -> the name's end."""

AUTOMATIC = "automatic"
"""AUTOMATIC1111's ``scheduler`` that leaves the spacing to the sampler."""

OWN_SPACINGS = {
    "DPM++ 2M": " Karras",
    "DPM++ 2M SDE": " Exponential",
    "DPM++ SDE": " Karras",
    "DPM2": " Karras",
    "DPM2 a": " Karras",
}
"""What AUTOMATIC1111 1.10 takes then; the other samplers have no spacing of their own."""

ALIASES = {
    "steps": "num_inference_steps",
    "sampling_steps": "num_inference_steps",
    "cfg": "guidance_scale",
    "cfg_scale": "guidance_scale",
    "sampler": "scheduler",
    "sampler_index": "scheduler",
    "sampler_name": "scheduler",
    "batch_size": "num_images_per_prompt",
    "num_outputs": "num_images_per_prompt",
    "num_images": "num_images_per_prompt",
    "mask": "mask_image",
    "denoise": "strength",
    "denoising_strength": "strength",
    "prompt_strength": "strength",
    "denoising_end": "refiner_switch_at",
}
"""Name of an argument in another tool -> PictureArguments' name."""

RANDOM_SEED = -1
"""AUTOMATIC1111's seed of a picture that is new each time."""


def without_clipping(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a base's scheduler configuration for any scheduler class.

    DDIM, DDPM and LCM clip to -1 to 1 unless the configuration has ``clip_sample``. That is right
    for pixels and washes out latents, which are larger. A base that was saved with another class
    often does not have it.
    """
    return {"clip_sample": False, **config}


def squeeze(name: str) -> str:
    """Return a sampler's name without what tools write differently.

    >>> squeeze("DPM++ 2M_karras"), squeeze("dpmpp_2m-Karras")
    ('dpmpp2mkarras', 'dpmpp2mkarras')
    """
    return re.sub(r"[\s_-]+", "", name.lower()).replace("+", "p")


_NAMES = {
    **{squeeze(other): name for other, name in COMFYUI.items()},
    **{
        squeeze(other + schedule): name + ending
        for other, name in (*COMFYUI.items(), *zip(SPACED, SPACED, strict=True))
        for schedule, ending in SCHEDULES.items()
        if name + ending in NAMES
    },
    **{squeeze(name): name for name in NAMES},
}
"""The one of NAMES for each name, squeezed."""

KNOWN = (
    f"{', '.join(UNSPACED)}; alone or with Karras or Exponential: {', '.join(SPACED)};"
    " or the name of a diffusers class, see docs/serving.md"
)
"""The samplers in words that fit into an error's 300 characters."""


def find_sampler(name: str) -> str:
    """Return the one of NAMES for a name of diffusers, AUTOMATIC1111 or ComfyUI.

    >>> find_sampler("dpm++ 2m karras"), find_sampler("euler_ancestral")
    ('DPM++ 2M Karras', 'Euler a')

    Raises:
        PydanticCustomError: no sampler has the name.
    """
    words = squeeze(name)
    found = _NAMES.get(words) or _NAMES.get(words.removeprefix("k"))  # k_euler: k-diffusion's
    if found is None:
        raise PydanticCustomError("unknown_sampler", "unknown; known are {known}", {"known": KNOWN})
    return found


def rename_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments under our names; a seed of -1 is left out, as an absent one is random.

    Raises:
        PydanticCustomError: two names of one argument are given.
    """
    joined = join_spacing(take_webui(given))
    origins: dict[str, str] = {}
    for name in joined:
        our = ALIASES.get(name, name)
        if our in origins:
            raise PydanticCustomError(
                "two_names",
                "{first} and {second} are the same argument; give one of them",
                {"first": origins[our], "second": name},
            )
        origins[our] = name
    renamed = {our: joined[name] for our, name in origins.items()}
    if type(renamed.get("seed")) is int and renamed["seed"] == RANDOM_SEED:
        del renamed["seed"]
    return renamed


def join_spacing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``sampler_name`` and a ``scheduler`` that is a spacing as one name.

    Raises:
        PydanticCustomError: the scheduler is no spacing.
    """
    sampler, spacing = given.get("sampler_name"), given.get("scheduler")
    if not (isinstance(sampler, str) and isinstance(spacing, str)):
        return dict(given)
    if squeeze(spacing) in _NAMES:  # two samplers
        return dict(given)
    rest = {name: value for name, value in given.items() if name != "scheduler"}
    name = _NAMES.get(squeeze(sampler), sampler)
    if spacing.lower() == AUTOMATIC:
        return {**rest, "sampler_name": name + OWN_SPACINGS.get(name, "")}
    ending = SCHEDULES.get(spacing.lower())
    if ending is None:
        known = ", ".join((AUTOMATIC, *SCHEDULES))
        text = "scheduler: beside sampler_name it is a spacing; known are {known}"
        raise PydanticCustomError("unknown_spacing", text, {"known": known})
    return {**rest, "sampler_name": name + ending}
