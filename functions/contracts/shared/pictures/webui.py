"""Arguments of AUTOMATIC1111's web UI that have no counterpart of their own here.

Its clients send every field of its API, most with values that change nothing, or beside another
field that turns them off. Those are left out; a value that would change the picture is refused, as
the picture would not be the one asked for.

Source: the fields and defaults of ``/sdapi/v1/txt2img`` and ``img2img``, release 1.10.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from contracts.shared.pictures import hosted

WITHOUT_EFFECT: Mapping[str, tuple[Any, ...]] = {
    "alwayson_scripts": ({},),
    "comments": ({},),
    "disable_extra_networks": (False, True),
    "do_not_save_grid": (False, True),
    "do_not_save_samples": (False, True),
    "firstphase_height": (0,),
    "firstphase_width": (0,),
    "hr_checkpoint_name": ("", "Use same checkpoint"),
    "hr_negative_prompt": ("",),
    "hr_prompt": ("",),
    "hr_resize_x": (0,),
    "hr_resize_y": (0,),
    "hr_sampler_name": ("", "Use same sampler"),
    "hr_scheduler": ("", "Use same scheduler"),
    "include_init_images": (False,),
    "infotext": ("",),
    "inpaint_full_res": (False,),
    "inpaint_full_res_padding": (),
    "inpainting_fill": (1,),
    "inpainting_mask_invert": (0,),
    "mask_blur": (0,),
    "mask_blur_x": (0,),
    "mask_blur_y": (0,),
    "override_settings": ({},),
    "override_settings_restore_afterwards": (False, True),
    "resize_mode": (1,),
    "restore_faces": (False,),
    "s_churn": (0,),
    "s_min_uncond": (0,),
    "s_noise": (1,),
    "s_tmax": (0,),
    "s_tmin": (0,),
    "save_images": (False, True),
    "script_args": ([],),
    "script_name": ("",),
    "seed_enable_extras": (False, True),
    "seed_resize_from_h": (-1, 0),
    "seed_resize_from_w": (-1, 0),
    "send_images": (True,),
    "styles": ([],),
    "subseed": (-1,),
    "subseed_strength": (0,),
    "tiling": (False,),
    **hosted.WITHOUT_EFFECT,
}
"""The values with which a field changes nothing here: ``resize_mode`` 1 is "crop and resize"."""


class Switch(NamedTuple):
    """Fields that have no effect, whatever their values, as long as another field is off."""

    fields: tuple[str, ...]
    is_off: Callable[[Mapping[str, Any]], bool]


MASK_FIELDS = (
    *("inpaint_full_res", "inpaint_full_res_padding", "inpainting_fill", "inpainting_mask_invert"),
    *("mask_blur", "mask_blur_x", "mask_blur_y"),
)
"""How a mask is used."""

SWITCHES = (
    Switch(MASK_FIELDS, lambda given: not {"mask", "mask_image"} & given.keys()),
    Switch(("inpaint_full_res_padding",), lambda given: is_idle(given, "inpaint_full_res")),
    Switch(("subseed",), lambda given: is_idle(given, "subseed_strength")),
    Switch(("s_tmax", "s_tmin"), lambda given: is_idle(given, "s_churn")),
    Switch(("script_args",), lambda given: is_idle(given, "script_name")),
    Switch(("high_noise_frac", "refine_steps"), lambda given: is_idle(given, "refine")),
)

INPUTS = {"prompt": "prompt", "init_images": "image", "image": "image"}
"""What is an input of its own beside ``gen_args``, and its name."""

HR_SCALE = 2.0
"""The default of ``hr_scale`` beside ``enable_hr``."""

REFINER_SWITCH_AT = 0.8
"""The web UI's default of ``refiner_switch_at`` beside a ``refiner_checkpoint``."""

COUNTS = ("batch_size", "num_images", "num_outputs", "n", "num_images_per_prompt")
"""Names of the number of pictures."""

NO_REFINER = ("", "None")
"""``refiner_checkpoint`` where there is none."""


def take_webui(given: Mapping[str, Any], *, has_image: bool) -> dict[str, Any]:
    """Return the arguments without those of the web UI that have no counterpart.

    >>> form = {"tiling": False, "subseed": -1, "eta": None, "prompt_strength": 0.8, "steps": 20}
    >>> take_webui(form, has_image=False)
    {'steps': 20}

    Args:
        given: the arguments, as a tool names them.
        has_image: whether the picture starts from an image.

    Raises:
        PydanticCustomError: one of them would change the picture.
    """
    present = {name: value for name, value in given.items() if value is not None}
    if "refiner_checkpoint" in given:
        present.setdefault("refiner_checkpoint", "")
    if "sampler_name" in present:
        present.pop("sampler_index", None)  # its older name, which the web UI then ignores
    if not has_image:
        present = from_noise(present)
    return join_counts(switch_refiner(leave_out(switch_hires(present))))


def from_noise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a picture that starts from noise, without what is about an image.

    A strength is left out where the tool whose form it is would not read it: Replicate's always,
    A1111's without hires fix, ComfyUI's where it is 1.
    """
    rest = dict(given)
    if type(given.get("resize_mode")) is int:
        del rest["resize_mode"]
    if given.get("enable_hr", "hr_scale" in given) is True:
        return rest
    unread = {
        "denoising_strength": "enable_hr" in given or is_number(given, "denoising_strength", 0),
        "prompt_strength": True,
        "denoise": is_number(given, "denoise", 1),
    }
    return {name: value for name, value in rest.items() if not unread.get(name, False)}


def is_number(given: Mapping[str, Any], name: str, number: int) -> bool:
    """Return whether an argument is this number; true is none."""
    return type(given.get(name)) in {int, float} and given[name] == number


def is_idle(given: Mapping[str, Any], name: str) -> bool:
    """Return whether a field is absent, or has a value that changes nothing."""
    return name not in given or is_without_effect(name, given[name])


def leave_out(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without those that change nothing.

    Raises:
        PydanticCustomError: one would change the picture, or is an input of its own.
    """
    off = {name for switch in SWITCHES if switch.is_off(given) for name in switch.fields}
    for name, value in given.items():
        if name in INPUTS:
            text = "{name}: no part of gen_args; send it as the input {input}"
            raise PydanticCustomError("an_input", text, {"name": name, "input": INPUTS[name]})
        if name in WITHOUT_EFFECT and name not in off and not is_without_effect(name, value):
            text = "{name}: it has no effect here; leave it out"
            raise PydanticCustomError("not_here", text, {"name": name})
    return {name: value for name, value in given.items() if name not in WITHOUT_EFFECT}


def is_without_effect(name: str, value: Any) -> bool:  # noqa: ANN401 (a JSON value)
    """Return whether a field's value changes nothing; true is not the number 1."""
    return any(
        value == idle and isinstance(value, bool) == isinstance(idle, bool)
        for idle in WITHOUT_EFFECT[name]
    )


def join_counts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the number of pictures as one argument: ``n_iter`` batches of ``batch_size``.

    ``batch_size`` may have any of its names.

    Raises:
        PydanticCustomError: ``n_iter`` is no whole number above 0.
    """
    if "n_iter" not in given:
        return dict(given)
    rest = {name: value for name, value in given.items() if name != "n_iter"}
    name = next((one for one in COUNTS if one in rest), COUNTS[0])
    batches, size = given["n_iter"], rest.get(name, 1)
    if type(batches) is not int or batches < 1:
        raise PydanticCustomError("n_iter", "n_iter: a whole number, at least 1")
    if batches > 1 and type(size) is int:
        rest[name] = batches * size
    return rest


def switch_hires(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without ``enable_hr``; false turns off what is beside.

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
    """Return the arguments without ``refiner_checkpoint``.

    A base has one refiner at most, so the checkpoint's name only says whether it draws.

    Raises:
        PydanticCustomError: it is no name.
    """
    if "refiner_checkpoint" not in given:
        return dict(given)
    rest = {name: value for name, value in given.items() if name != "refiner_checkpoint"}
    if not isinstance(given["refiner_checkpoint"], str):
        raise PydanticCustomError("refiner_checkpoint", "refiner_checkpoint: the name of a file")
    if given["refiner_checkpoint"] in NO_REFINER:
        rest.pop("refiner_switch_at", None)
        return rest
    if "denoising_end" not in rest:
        rest.setdefault("refiner_switch_at", REFINER_SWITCH_AT)
    return rest
