"""The samplers that a picture can be drawn with: each is a diffusers scheduler with options.

The pairs of names are those of diffusers' page "Schedulers" (docs/source/en/api/schedulers/
overview.md, both tables). A name that diffusers has no scheduler for is not here; sampler_names
says which is the nearest. So it is with ``DPM++ 3M SDE``: its third order is not k-diffusion's in
diffusers 0.42.1 (the last term of ``multistep_dpm_solver_third_order_update`` has another sign).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

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


DISTILLED_STEPS = 50
"""Number of steps that consistency models were distilled from; LCM and TCD pick among them."""

DISTILLED = ("LCMScheduler", "TCDScheduler")

CLASSES = {
    name: Sampler(name, {}, DISTILLED_STEPS if name in DISTILLED else None)
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
        "LMSDiscreteScheduler",
        "PNDMScheduler",
        "SASolverScheduler",
        "TCDScheduler",
        "UniPCMultistepScheduler",
    )
}
"""Diffusers' class names; each keeps the options of the base's configuration."""

CLASS_OPTIONS: dict[str, Options] = {"PNDMScheduler": {"skip_prk_steps": True}}
"""Options that a base's configuration lacks when it was written for another scheduler.

Stable Diffusion always uses PNDM without PRK steps; with them diffusers fails below four steps."""

SPACINGS: dict[str, Options] = {
    "": {"use_karras_sigmas": False},
    " Karras": {"use_karras_sigmas": True},
    " Exponential": {
        "use_karras_sigmas": False,
        "use_exponential_sigmas": True,
        "timestep_spacing": "linspace",
    },
    " Beta": {
        "use_karras_sigmas": False,
        "use_beta_sigmas": True,
        "timestep_spacing": "linspace",
    },
    " Simple": {"use_karras_sigmas": False, "timestep_spacing": "trailing"},
}
"""How the noise levels are spaced, by the end of a sampler's name."""

EVEN = "DPMSolverSinglestepScheduler"
"""The scheduler without ``timestep_spacing``: its timesteps are always ``linspace``."""

SPACED: dict[str, Sampler] = {
    "DEIS": Sampler("DEISMultistepScheduler", {}),
    "DPM++ 2M": Sampler("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "DPM++ 2M SDE": Sampler("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "DPM++ 2M SDE Heun": Sampler(
        "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}
    ),
    "DPM++ SDE": Sampler("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}),
    "DPM2": Sampler("KDPM2DiscreteScheduler", {}),
    "DPM2 a": Sampler("KDPM2AncestralDiscreteScheduler", {}),
    "Euler": Sampler("EulerDiscreteScheduler", {}),
    "Heun": Sampler("HeunDiscreteScheduler", {}),
    "LMS": Sampler("LMSDiscreteScheduler", {}),
    "UniPC": Sampler("UniPCMultistepScheduler", {}),
}
"""AUTOMATIC1111's samplers that take every spacing."""

UNSPACED: dict[str, Sampler] = {
    "DDIM": Sampler("DDIMScheduler", {}),
    "DDPM": Sampler("DDPMScheduler", {}),
    "Euler a": Sampler("EulerAncestralDiscreteScheduler", {}),
    "LCM": Sampler("LCMScheduler", {}, DISTILLED_STEPS),
    "PLMS": Sampler("PNDMScheduler", {}),
    "TCD": Sampler("TCDScheduler", {}, DISTILLED_STEPS),
}
"""AUTOMATIC1111's samplers, and TCD, that have no spacing of noise levels."""

TRAILING: dict[str, Sampler] = {
    f"{name} Simple": Sampler(UNSPACED[name].scheduler, {"timestep_spacing": "trailing"})
    for name in ("DDIM", "DDPM", "Euler a")
}
"""Those of them whose timesteps can be spaced."""


def spaced() -> dict[str, Sampler]:
    """Return every sampler of SPACED with every spacing that its scheduler has."""
    found: dict[str, Sampler] = {}
    for name, (scheduler, own, _) in SPACED.items():
        for ending, options in SPACINGS.items():
            if scheduler != EVEN:
                found[name + ending] = Sampler(scheduler, {**own, **options})
            elif ending != " Simple":
                found[name + ending] = Sampler(scheduler, {**own, **without_spacing(options)})
    return found


def without_spacing(options: Options) -> Options:
    """Return options for a scheduler without ``timestep_spacing``."""
    return {name: value for name, value in options.items() if name != "timestep_spacing"}


SAMPLERS: dict[str, Sampler] = {**CLASSES, **UNSPACED, **TRAILING, **spaced()}
"""The samplers of bases that predict noise or v: Stable Diffusion and SDXL."""

FLOW_SAMPLERS: dict[str, Sampler] = {
    FLOW_SCHEDULER: Sampler(FLOW_SCHEDULER, {}),
    **{
        f"Euler{ending}": Sampler(FLOW_SCHEDULER, without_spacing(options))
        for ending, options in SPACINGS.items()
    },
}
"""The samplers of bases that learnt by flow matching.

Diffusers' other solvers for them (DPM++ 2M, UniPC and Heun with ``use_flow_sigmas``) do not take
the noise levels that Z-Image's pipeline sets (0.42.1). ``Simple`` is what A1111's heirs and ComfyUI
call the even spacing, which is the pipeline's own."""

NAMES = tuple(dict.fromkeys([*SAMPLERS, *FLOW_SAMPLERS]))
"""Every value of ``scheduler``; a base takes those of its family."""


def arguments_of(sampler: Sampler) -> Options:
    """Return what is set on top of a base's own configuration, by the server and by the gate.

    >>> arguments_of(SAMPLERS["PLMS"]), arguments_of(SAMPLERS["DDIM"])
    ({'skip_prk_steps': True}, {})
    """
    return {**CLASS_OPTIONS.get(sampler.scheduler, {}), **sampler.options}


def without_clipping(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a base's scheduler configuration for any scheduler class.

    DDIM, DDPM and LCM clip to -1 to 1 unless the configuration has ``clip_sample``. That is right
    for pixels and washes out latents, which are larger. A base that was saved with another class
    often does not have it.
    """
    return {"clip_sample": False, **config}
