"""What other tools call samplers and arguments, and what is the nearest to a sampler not here."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from contracts.shared.pictures.hosted import take_hosted
from contracts.shared.pictures.samplers import CLASSES, NAMES, SPACED, UNSPACED
from contracts.shared.pictures.webui import take_webui

OTHER_NAMES = {
    **{name.removesuffix("Scheduler"): name for name in CLASSES},
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "deis": "DEIS",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_2m_sde_gpu": "DPM++ 2M SDE",
    "dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun",
    "dpmpp_2m_sde_heun_gpu": "DPM++ 2M SDE Heun",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_sde_gpu": "DPM++ SDE",
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "KarrasDPM": "DPM++ 2M Karras",
    "lcm": "LCM",
    "lms": "LMS",
    "sa_solver": "SASolverScheduler",
    "uni_pc": "UniPC",
    "uni_pc_bh2": "UniPC",
}
"""ComfyUI's ``sampler_name``, Replicate's ``scheduler`` -> our name."""

SCHEDULES = {
    "normal": "",
    "uniform": "",
    "ddim_uniform": "",
    "simple": " Simple",
    "sgm_uniform": " Simple",
    "karras": " Karras",
    "exponential": " Exponential",
    "beta": " Beta",
}
"""ComfyUI's and AUTOMATIC1111's ``scheduler`` beside a ``sampler_name`` -> the name's end."""

SHORT_SCHEDULES = {"k": " Karras", "ka": " Karras", "exp": " Exponential"}
"""How InvokeAI's names and AUTOMATIC1111's short ones end, as ``k_dpmpp_2m_ka``."""

NEAREST_SCHEDULES = {
    "align_your_steps": " Karras",
    "ays": " Karras",
    "kl_optimal": " Karras",
    "linear_quadratic": " Simple",
    "polyexponential": " Exponential",
    "turbo": " Simple",
}
"""A spacing of another tool that no scheduler of diffusers has -> the nearest one."""

NEAREST = {
    "CMStochasticIterativeScheduler": "LCM",
    "CosineDPMSolverMultistepScheduler": "DPM++ 2M SDE",
    "ddim_cfg_pp": "DDIM",
    "DDIM CFG++": "DDIM",
    "DDIMParallelScheduler": "DDIM",
    "DDPMParallelScheduler": "DDPM",
    "DPM adaptive": "DPM++ 2M",
    "DPM ad": "DPM++ 2M",
    "DPM fast": "DPM++ 2M",
    "dpmpp_2m_cfg_pp": "DPM++ 2M",
    "DPM++ 2S": "DPM++ SDE",
    "DPM++ 2S a": "DPM++ SDE",
    "dpmpp_2s_ancestral": "DPM++ SDE",
    "dpmpp_2s_ancestral_cfg_pp": "DPM++ SDE",
    "DPM++ 3M": "DPM++ 2M",
    "DPM++ 3M SDE": "DPM++ 2M SDE",
    "dpmpp_3m_sde_gpu": "DPM++ 2M SDE",
    "DPMSolverSDEScheduler": "DPM++ SDE",
    "EDMDPMSolverMultistepScheduler": "DPM++ 2M",
    "EDMEulerScheduler": "Euler",
    "er_sde": "DPM++ 2M SDE",
    "euler_ancestral_cfg_pp": "Euler a",
    "euler_cfg_pp": "Euler",
    "FlowMatchHeunDiscreteScheduler": "FlowMatchEulerDiscreteScheduler",
    "FlowMatchLCMScheduler": "FlowMatchEulerDiscreteScheduler",
    "gradient_estimation": "Euler",
    "gradient_estimation_cfg_pp": "Euler",
    "heunpp2": "Heun",
    "ipndm": "PLMS",
    "ipndm_v": "PLMS",
    "IPNDMScheduler": "PLMS",
    "res_multistep": "DPM++ 2M",
    "res_multistep_ancestral": "DPM++ 2M SDE",
    "res_multistep_ancestral_cfg_pp": "DPM++ 2M SDE",
    "res_multistep_cfg_pp": "DPM++ 2M",
    "Restart": "Heun",
    "sa_solver_pece": "SASolverScheduler",
    "seeds_2": "DPM++ SDE",
    "seeds_3": "DPM++ SDE",
}
"""A sampler of another tool, or a class of diffusers, that is not here -> the nearest one that is.

Decision 0103 says why each class of diffusers is left out."""

AUTOMATIC = "automatic"
"""AUTOMATIC1111's ``scheduler`` that leaves the spacing to the sampler."""

OWN_SPACINGS = {
    "DPM++ 2M": " Karras",
    "DPM++ 2M SDE": " Exponential",
    "DPM++ 2M SDE Heun": " Exponential",
    "DPM++ SDE": " Karras",
    "DPM2": " Karras",
    "DPM2 a": " Karras",
}
"""What AUTOMATIC1111 1.10 takes then; the other samplers have no spacing of their own."""

SAMPLER_ALIASES = ("sampler_name", "sampler", "sampler_index")
"""Names of the sampler in tools whose ``scheduler`` is a spacing."""

ALIASES = {
    "steps": "num_inference_steps",
    "sampling_steps": "num_inference_steps",
    "inference_steps": "num_inference_steps",
    "num_steps": "num_inference_steps",
    "cfg": "guidance_scale",
    "cfg_scale": "guidance_scale",
    **dict.fromkeys(SAMPLER_ALIASES, "scheduler"),
    "batch_size": "num_images_per_prompt",
    "num_outputs": "num_images_per_prompt",
    "num_images": "num_images_per_prompt",
    "n": "num_images_per_prompt",
    "mask": "mask_image",
    "denoise": "strength",
    "denoising_strength": "strength",
    "prompt_strength": "strength",
    "denoising_end": "refiner_switch_at",
    "format": "output_format",
    "output_quality": "quality",
}
"""Name of an argument in another tool -> PictureArguments' name."""

FORMATS = {"jpg": "jpeg"}
"""Another name of an output format -> ours."""

RANDOM_SEED = -1
"""AUTOMATIC1111's seed of a picture that is new each time."""

KNOWN = (
    f"{', '.join(UNSPACED)}; alone or with Karras, Exponential, Beta, Simple: {', '.join(SPACED)};"
    " or a diffusers class, see docs/serving.md"
)
"""The samplers in words that fit into an error's 300 characters."""


def squeeze(name: str) -> str:
    """Return a sampler's name without what tools write differently.

    >>> squeeze("DPM++ 2M_karras"), squeeze("dpmpp_2m-Karras")
    ('dpmpp2mkarras', 'dpmpp2mkarras')
    """
    return re.sub(r"[\s_-]+", "", name.lower()).replace("+", "p")


def squeezed(names: Mapping[str, str]) -> dict[str, str]:
    """Return a table by squeezed names."""
    return {squeeze(name): other for name, other in names.items()}


_SCHEDULES = squeezed({**SCHEDULES, **SHORT_SCHEDULES})
_NEAREST_SCHEDULES = squeezed(NEAREST_SCHEDULES)
_SPACINGS = {*_SCHEDULES, *_NEAREST_SCHEDULES, AUTOMATIC}
_NEAREST = squeezed(NEAREST)
_NAMES = {
    **squeezed(OTHER_NAMES),
    **{
        squeeze(other) + schedule: name + ending
        for other, name in (*OTHER_NAMES.items(), *((one, one) for one in (*SPACED, *UNSPACED)))
        for schedule, ending in _SCHEDULES.items()
        if name + ending in NAMES
    },
    **{squeeze(name): name for name in NAMES},
}
"""The one of NAMES for each name, squeezed."""


def find_sampler(name: str) -> str:
    """Return the one of NAMES for a name of diffusers, AUTOMATIC1111 or ComfyUI.

    >>> find_sampler("dpm++ 2m karras"), find_sampler("euler_ancestral")
    ('DPM++ 2M Karras', 'Euler a')

    Raises:
        PydanticCustomError: no sampler has the name. The error names the nearest sampler, if the
            name is one of another tool's.
    """
    words = squeeze(name)
    if words in _SPACINGS:
        text = "it is a spacing of noise levels; name a sampler as sampler_name beside it"
        raise PydanticCustomError("lone_spacing", text)
    found = _look_up(words, _NAMES)
    if found is not None:
        return found
    nearest = find_nearest(words)
    if nearest is not None:
        text = "this sampler is not drawn here; the nearest one is {nearest}"
        raise PydanticCustomError("nearest_sampler", text, {"nearest": nearest})
    raise PydanticCustomError("unknown_sampler", "unknown; known are {known}", {"known": KNOWN})


def _look_up(words: str, names: Mapping[str, str]) -> str | None:
    return names.get(words) or names.get(words.removeprefix("k"))  # k_euler: k-diffusion's


def find_nearest(words: str) -> str | None:
    """Return the one of NAMES that is nearest to a sampler of another tool; None: nothing is known.

    >>> find_nearest("dpmpp2skarras"), find_nearest("eulerakarras"), find_nearest("magic")
    ('DPM++ SDE Karras', 'Euler a', None)
    """
    found = _look_up(words, _NEAREST)
    if found is not None:
        return found
    for schedule, ending in {**_SCHEDULES, **_NEAREST_SCHEDULES}.items():
        if words.endswith(schedule):
            head = words.removesuffix(schedule)
            name = _look_up(head, _NAMES) or _look_up(head, _NEAREST)
            if name is not None:
                return name + ending if name + ending in NAMES else name
    return None


def rename_arguments(given: Mapping[str, Any], *, has_image: bool) -> dict[str, Any]:
    """Return the arguments under our names; a seed of -1 is left out, as an absent one is random.

    Args:
        given: the arguments, as a tool names them.
        has_image: whether the picture starts from an image.

    Raises:
        PydanticCustomError: two names of one argument are given.
    """
    joined = join_spacing(take_webui(take_hosted(given), has_image=has_image))
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
    if isinstance(format_ := renamed.get("output_format"), str):
        lowered = format_.lower()
        renamed["output_format"] = FORMATS.get(lowered, lowered)
    if type(renamed.get("seed")) is int and renamed["seed"] == RANDOM_SEED:
        del renamed["seed"]
    return renamed


def join_spacing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sampler and a ``scheduler`` that is a spacing as one name.

    Raises:
        PydanticCustomError: the scheduler is no spacing, or another one than the sampler's name
            ends with.
    """
    spacing = given.get("scheduler")
    if not isinstance(spacing, str):
        return dict(given)
    if squeeze(spacing) not in _SPACINGS and _look_up(squeeze(spacing), _NAMES):  # a sampler
        return dict(given)
    rest = {name: value for name, value in given.items() if name != "scheduler"}
    named = [name for name in SAMPLER_ALIASES if name in given]
    if not named:
        return rest if squeeze(spacing) == AUTOMATIC else dict(given)
    if len(named) > 1 or not isinstance(given[named[0]], str):
        return rest
    return {**rest, named[0]: spaced_name(given[named[0]], squeeze(spacing))}


def spaced_name(sampler: str, spacing: str) -> str:
    """Return a sampler's name with a spacing as its end."""
    name = _look_up(squeeze(sampler), _NAMES) or sampler
    if spacing == AUTOMATIC:
        return name + OWN_SPACINGS.get(name, "")
    ending = _SCHEDULES.get(spacing)
    if ending is None:
        raise unknown_spacing(spacing)
    own = next((end for end in (*SCHEDULES.values(),) if end and name.endswith(end)), "")
    if own and own != ending:
        text = "scheduler: sampler_name ends with another spacing; give one of them"
        raise PydanticCustomError("two_spacings", text)
    return name.removesuffix(own) + ending


def unknown_spacing(spacing: str) -> PydanticCustomError:
    """Return the error of a spacing that is not here."""
    nearest = _NEAREST_SCHEDULES.get(spacing)
    if nearest is not None:
        text = "scheduler: this spacing is not drawn here; the nearest one is {nearest}"
        return PydanticCustomError("nearest_spacing", text, {"nearest": nearest.strip()})
    text = "scheduler: beside sampler_name it is a spacing; known are {known}"
    return PydanticCustomError(
        "unknown_spacing", text, {"known": ", ".join((AUTOMATIC, *SCHEDULES))}
    )
