"""Samplers by the names of diffusers, AUTOMATIC1111 and ComfyUI, and other tools' argument names.

The pairs of names are those of diffusers' page "Schedulers" (docs/source/en/api/schedulers/
overview.md, "Schedulers and samplers"). A name that diffusers has no scheduler for is not here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

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
"""Every value of ``scheduler``."""

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

SCHEDULES = {"normal": "", "karras": " Karras", "exponential": " Exponential"}
"""ComfyUI's and AUTOMATIC1111's ``scheduler`` beside a ``sampler_name`` -> the name's end."""

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

HR_SCALE = 2.0
"""AUTOMATIC1111's default of ``hr_scale`` beside ``enable_hr``."""

REFINER_SWITCH_AT = 0.8
"""AUTOMATIC1111's default of ``refiner_switch_at`` beside a ``refiner_checkpoint``."""

NO_REFINER = (None, "", "None")
"""AUTOMATIC1111's ``refiner_checkpoint`` where there is none."""

RANDOM_SEED = -1
"""AUTOMATIC1111's seed of a picture that is new each time."""

_NAMES = {name.lower(): name for name in SAMPLERS}

KNOWN = (
    f"{', '.join(UNSPACED)}; alone or with Karras or Exponential: {', '.join(SPACED)};"
    " or the name of a diffusers class, see docs/serving.md"
)
"""The samplers in words that fit into an error's 300 characters."""


def find_sampler(name: str) -> str:
    """Return the key in SAMPLERS for a name of diffusers, AUTOMATIC1111 or ComfyUI.

    >>> find_sampler("dpm++ 2m karras"), find_sampler("euler_ancestral")
    ('DPM++ 2M Karras', 'Euler a')

    Raises:
        PydanticCustomError: no sampler has the name.
    """
    words = " ".join(name.lower().split())
    base, _, ending = words.rpartition("_")
    if base in COMFYUI and ending in SCHEDULES:
        words = (COMFYUI[base] + SCHEDULES[ending]).lower()
    found = _NAMES.get(COMFYUI.get(words, words).lower())
    if found is None:
        raise PydanticCustomError("unknown_sampler", "unknown; known are {known}", {"known": KNOWN})
    return found


def rename_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments under our names; a seed of -1 is left out, as an absent one is random.

    Raises:
        PydanticCustomError: two names of one argument are given.
    """
    joined = switch_refiner(switch_hires(join_spacing(given)))
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


def switch_hires(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without AUTOMATIC1111's ``enable_hr``; false turns off what is beside.

    Raises:
        PydanticCustomError: it is neither true nor false.
    """
    if "enable_hr" not in given:
        return dict(given)
    rest = {name: value for name, value in given.items() if name != "enable_hr"}
    if given["enable_hr"] is True:
        return {"hr_scale": HR_SCALE, **rest}
    if given["enable_hr"] is False:
        return {name: value for name, value in rest.items() if not name.startswith("hr_")}
    raise PydanticCustomError("enable_hr", "enable_hr: true or false")


def switch_refiner(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without AUTOMATIC1111's ``refiner_checkpoint``.

    A base has one refiner at most, so the checkpoint's name only says whether it draws.
    """
    if "refiner_checkpoint" not in given:
        return dict(given)
    rest = {name: value for name, value in given.items() if name != "refiner_checkpoint"}
    if given["refiner_checkpoint"] in NO_REFINER:
        rest.pop("refiner_switch_at", None)
        return rest
    if rest.get("refiner_switch_at") is None and "denoising_end" not in rest:
        rest["refiner_switch_at"] = REFINER_SWITCH_AT
    return rest


def join_spacing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``sampler_name`` and a ``scheduler`` that is a spacing as one name."""
    sampler, spacing = given.get("sampler_name"), given.get("scheduler")
    if not (isinstance(sampler, str) and isinstance(spacing, str)):
        return dict(given)
    ending = SCHEDULES.get(spacing.lower())
    if ending is None:
        return dict(given)
    rest = {name: value for name, value in given.items() if name != "scheduler"}
    return {**rest, "sampler_name": COMFYUI.get(sampler.lower(), sampler) + ending}
