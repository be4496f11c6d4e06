"""Which sampler a name means, with which options of diffusers, and which is the nearest."""

import pytest
from pydantic_core import PydanticCustomError

from contracts.shared.pictures.sampler_names import (
    NEAREST,
    NEAREST_SCHEDULES,
    OTHER_NAMES,
    OWN_SPACINGS,
    find_sampler,
    squeeze,
)
from contracts.shared.pictures.samplers import NAMES, SAMPLERS, Options, without_clipping


def test_latents_are_not_clipped_where_the_base_does_not_say() -> None:
    config = {"beta_start": 0.1, "timestep_spacing": "leading"}
    assert without_clipping(config) == {**config, "clip_sample": False}
    assert "clip_sample" not in config


def test_what_the_base_says_of_clipping_stays() -> None:
    assert without_clipping({"clip_sample": True}) == {"clip_sample": True}


@pytest.mark.parametrize(
    ("name", "scheduler", "options"),
    [
        ("LMS", "LMSDiscreteScheduler", {"use_karras_sigmas": False}),
        ("LMS Karras", "LMSDiscreteScheduler", {"use_karras_sigmas": True}),
        (
            "LMS Exponential",
            "LMSDiscreteScheduler",
            {
                "use_karras_sigmas": False,
                "use_exponential_sigmas": True,
                "timestep_spacing": "linspace",
            },
        ),
        (
            "DPM++ SDE Beta",  # its scheduler has no timestep_spacing
            "DPMSolverSinglestepScheduler",
            {
                "algorithm_type": "dpmsolver++",
                "use_karras_sigmas": False,
                "use_beta_sigmas": True,
            },
        ),
        (
            "Euler Simple",
            "EulerDiscreteScheduler",
            {"use_karras_sigmas": False, "timestep_spacing": "trailing"},
        ),
        ("Euler a Simple", "EulerAncestralDiscreteScheduler", {"timestep_spacing": "trailing"}),
        ("TCD", "TCDScheduler", {}),
    ],
)
def test_a_name_has_the_options_of_diffusers_own_tables(
    name: str, scheduler: str, options: Options
) -> None:
    """https://huggingface.co/docs/diffusers/api/schedulers/overview, read on 2026-11-30."""
    assert SAMPLERS[name][:2] == (scheduler, options)


def test_every_name_is_its_own_and_every_other_name_leads_to_one() -> None:
    assert len({squeeze(name) for name in NAMES}) == len(NAMES)
    assert [find_sampler(name) for name in NAMES] == [*NAMES]
    assert {find_sampler(name) for name in OTHER_NAMES} <= set(NAMES)
    assert {name + ending for name, ending in OWN_SPACINGS.items()} <= set(NAMES)


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("k_lms_ka", "LMS Karras"),  # A1111's short names
        ("k_dpmpp_2m_sde_exp", "DPM++ 2M SDE Exponential"),
        ("dpmpp_2m_k", "DPM++ 2M Karras"),  # InvokeAI's
        ("kdpm_2_a", "DPM2 a"),
        ("K_EULER_ANCESTRAL", "Euler a"),  # Replicate's
        ("DPMSolverMultistep", "DPMSolverMultistepScheduler"),
        ("KarrasDPM", "DPM++ 2M Karras"),
        ("dpmpp_2m_sde_gpu_karras", "DPM++ 2M SDE Karras"),  # ComfyUI's
        ("uni_pc_bh2", "UniPC"),
        ("Euler SGM Uniform", "Euler Simple"),
    ],
)
def test_the_names_of_many_tools_are_known(name: str, sampler: str) -> None:
    assert find_sampler(name) == sampler


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        *NEAREST.items(),
        ("DPM++ 2S a Karras", "DPM++ SDE Karras"),
        ("k_dpmpp_2s_a_ka", "DPM++ SDE Karras"),
        ("DPM++ 3M SDE Exponential", "DPM++ 2M SDE Exponential"),
        ("Euler a Karras", "Euler a"),
        ("DPM++ SDE SGM Uniform", "DPM++ SDE"),
        ("DPM++ 2M Align Your Steps", "DPM++ 2M Karras"),
    ],
)
def test_a_sampler_that_diffusers_has_not_is_refused_with_the_nearest(
    name: str, nearest: str
) -> None:
    assert nearest in NAMES
    with pytest.raises(PydanticCustomError, match="is not drawn here") as caught:
        find_sampler(name)
    assert str(caught.value).endswith(f"the nearest one is {nearest}")


def test_a_spacing_is_no_sampler() -> None:
    for name in ("karras", "SGM Uniform", "automatic", *NEAREST_SCHEDULES):
        with pytest.raises(PydanticCustomError, match="it is a spacing of noise levels"):
            find_sampler(name)
