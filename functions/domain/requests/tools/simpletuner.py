"""Read SimpleTuner's config.json, and the files that it names, as settings.

The names are those of github.com/bghira/SimpleTuner, OPTIONS.md and documentation/DATALOADER.md.
The dashes of a command line may stand before a name.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeGuard

from contracts.documents.upload.problems import RequestProblem
from contracts.shared.limits import MAX_SIDE
from domain.requests.networks import LAYERS
from domain.requests.request_json import printable
from domain.requests.tools.hosted import BASE, MACHINE, PLACE, UPLOAD
from domain.requests.tools.lycoris import OWN_LORA, SWITCH, read_lycoris
from domain.requests.tools.recognition import undashed
from domain.requests.tools.translation import NOT_SET, ONLY_LORA, Fields, Reading, Setting

NAMES = {
    "validation_prompt": "prompts",
    "validation_step_interval": "validation_steps",
    "checkpoint_step_interval": "checkpointing_steps",
    "caption_dropout_probability": "caption_dropout_rate",
}
"""Name of SimpleTuner -> the name under which it is translated."""

SAMPLES = "Sample pictures are drawn with the stack's own settings."
SAVED = "Checkpoints and adapters are always saved."
PICTURES = "Photos are always cropped and encoded in the same way."
OPTIMIZER = "The optimizer's other settings are fixed."
NOTES = {
    **dict.fromkeys(("data_backend_config", "instance_data_dir", "cache_dir"), UPLOAD),
    **dict.fromkeys(
        (
            *("output_dir", "hub_model_id", "push_to_hub", "push_checkpoints_to_hub", "report_to"),
            *("tracker_project_name", "tracker_run_name", "logging_dir", "model_card_note"),
            "webhook_config",
        ),
        PLACE,
    ),
    **dict.fromkeys(
        (
            *("model_family", "model_flavour", "pretrained_model_name_or_path", "revision"),
            *("pretrained_vae_model_name_or_path", "variant", "flow_schedule_shift"),
            *("flow_schedule_auto_shift", "prediction_type", "flux_guidance_mode", "controlnet"),
        ),
        BASE,
    ),
    **dict.fromkeys(
        (
            *("base_model_precision", "quantize_via", "base_model_default_dtype", "vae_batch_size"),
            *("attention_mechanism", "dataloader_prefetch", "compress_disk_cache", "vae_dtype"),
            *("write_batch_size", "read_batch_size", "num_workers", "vae_cache_ondemand"),
            *("enable_xformers_memory_efficient_attention", "max_workers"),
        ),
        MACHINE,
    ),
    **dict.fromkeys(
        (
            *("validation_guidance", "validation_guidance_rescale", "validation_torch_compile"),
            *("validation_negative_prompt", "validation_num_inference_steps", "num_eval_images"),
            *("validation_prompt_library", "validation_resolution", "validation_seed"),
            *("validation_disable_unconditional", "validation_guidance_skip_layers"),
            *("user_prompt_library", "evaluation_type", "validation_guidance_real"),
        ),
        SAMPLES,
    ),
    **dict.fromkeys(("checkpoints_total_limit", "resume_from_checkpoint"), SAVED),
    **dict.fromkeys(
        (
            *("resolution_type", "crop", "crop_style", "crop_aspect", "minimum_image_size"),
            *("maximum_image_size", "target_downsample_size", "disable_bucket_pruning"),
            *("aspect_bucket_rounding", "aspect_bucket_alignment"),
        ),
        PICTURES,
    ),
    **dict.fromkeys(("optimizer_config", "grad_clip_method"), OPTIMIZER),
    "fuse_qkv_projections": MACHINE,
    "disable_benchmark": SAMPLES,
    "caption_strategy": "Captions are the texts beside the photos, or else the instance prompt.",
    "prepend_instance_prompt": "Captions are used unchanged.",
    "only_instance_prompt": "Captions that lie beside the photos are used.",
    "unset": NOT_SET,
    "noise_off": "offset_noise is off.",
    "offset_noise": "noise_offset says how much.",
    "backend": UPLOAD,
    "of_dataset": "The dataset's own value is used.",
    "of_lycoris": "lycoris_config.json is used instead.",
    SWITCH: "lycoris_config.json says which adapter.",
    "lycoris_config": "The upload's own lycoris_config.json is read.",
    "validation_lycoris_strength": SAMPLES,
    "layers": LAYERS,
    "unused": "Only lora_type lycoris reads it.",
    "unit": "It changes nothing.",
}
"""Known settings without effect here."""

RANK = 16
"""SimpleTuner's rank; its alpha is the rank."""

IN_MEGAPIXELS = 16
"""Largest resolution that is an area in megapixels; a larger one is a side in pixels."""

OF_DATASETS = frozenset({"resolution", "instance_prompt", "repeats"})
"""Settings whose value in a dataset goes before that of the configuration."""

PREFIX = "multidatabackend."


class Beside(NamedTuple):
    """The files beside SimpleTuner's config.json; None: it is not in the upload."""

    backends: Sequence[Any] | None = None
    """Content of multidatabackend.json."""
    lycoris: Mapping[str, Any] | None = None
    """Content of lycoris_config.json."""

    def is_empty(self) -> bool:
        """Return whether there is none of these files."""
        return self.backends is None and self.lycoris is None


ALONE = Beside()
"""No file is beside the document."""


def read_simpletuner(given: Mapping[str, Any], beside: Beside) -> Reading:
    """Return the settings of a config.json, and of the files beside it."""
    typed = {shown: plain_value(value) for shown, value in given.items()}
    flat = {undashed(shown): value for shown, value in typed.items()}
    settings = [_named(undashed(shown), shown, value, flat) for shown, value in typed.items()]
    problems: list[RequestProblem] = []
    if flat.get("model_type", "lora") != "lora":
        problems.append(RequestProblem(field="model_type", message=ONLY_LORA))
    if beside.backends is not None:
        of_backends = _of_backends(beside.backends, problems)
        named = {name for name, _, _ in of_backends} & OF_DATASETS
        settings = [("of_dataset" if one[0] in named else one[0], *one[1:]) for one in settings]
        settings += of_backends
    by_lycoris = flat.get("lora_type") == "lycoris"
    kind = read_lycoris(beside.lycoris, is_used=by_lycoris)
    own = OWN_LORA if by_lycoris else frozenset()
    settings = [("of_lycoris" if one[0] in own else one[0], *one[1:]) for one in settings]
    settings += kind.settings
    problems += kind.problems
    assumed: Fields = {
        "rank": RANK,
        "lora_alpha": flat.get("lora_rank", RANK),
        "train_text_encoder": False,
        "with_prior_preservation": False,
        **kind.assumed,
    }
    return Reading(settings, NOTES, assumed, tuple(problems), kind.assumed_notes)


def plain_value(value: object) -> object:
    """Return a value as SimpleTuner's command line reads it: its files may hold texts for all.

    >>> plain_value("1e-4"), plain_value("1024"), plain_value("true"), plain_value("a photo of 1")
    (0.0001, 1024, True, 'a photo of 1')
    """
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind in (int, float):
        with suppress(ValueError):
            number = kind(value)
            return number if math.isfinite(number) else value
    return value


def _named(name: str, shown: str, value: Any, flat: Mapping[str, Any]) -> Setting:  # noqa: ANN401
    """Return a setting under the name by which it is translated or noted."""
    if name == "lora_type" and value == "lycoris":
        return SWITCH, shown, value
    if name in ("max_train_steps", "num_train_epochs") and value == 0:
        return "unset", shown, value
    if name == "noise_offset" and not flat.get("offset_noise"):
        return "noise_off", shown, value
    if name == "optimizer" and isinstance(value, str) and value.startswith("adamw_"):
        return name, shown, "adamw"
    if name == "resolution":
        return name, shown, in_pixels(value)
    return NAMES.get(name, name), shown, value


def in_pixels(resolution: object) -> object:
    """Return a resolution as a side; SimpleTuner also takes an area in megapixels.

    >>> in_pixels(1024), in_pixels(1.0), in_pixels(0.25), in_pixels("wide")
    (1024, 1024, 512, 'wide')
    """
    if isinstance(resolution, bool) or not isinstance(resolution, int | float):
        return resolution
    if not 0 < resolution <= IN_MEGAPIXELS:
        whole = isinstance(resolution, float) and resolution.is_integer()
        return int(resolution) if whole else resolution
    return min(round(math.sqrt(resolution * 10**6) / 64) * 64, MAX_SIDE)


def _of_backends(backends: Sequence[Any], problems: list[RequestProblem]) -> list[Setting]:
    """Return the settings of all datasets; what they disagree on becomes a problem."""
    tables = [one for one in backends if isinstance(one, dict)]
    images = [one for one in tables if _is_of_images(one)]
    of_class = [one for one in images if one.get("is_regularisation_data") is True]
    photos = [one for one in images if one not in of_class]
    found: list[Setting] = []
    for name in dict.fromkeys(name for one in photos for name in one):
        values = [plain_value(one.get(name)) for one in photos if name in one]
        found += _folded(name, values, problems)
    if of_class:
        found.append(("with_prior_preservation", f"{PREFIX}is_regularisation_data", True))
    return found


def _is_of_images(backend: Mapping[str, Any]) -> bool:
    is_image = backend.get("dataset_type", "image") == "image"
    return is_image and backend.get("disabled") is not True


def _folded(name: str, values: list[Any], problems: list[RequestProblem]) -> Iterator[Setting]:
    """Yield one setting of the datasets, or add a problem."""
    shown = PREFIX + printable(str(name))
    apart = list({repr(value): value for value in values}.values())
    if name == "resolution":
        sides = [in_pixels(value) for value in apart]
        yield "resolution", shown, sides if len(sides) > 1 else sides[0]
    elif name in ("repeats", "instance_prompt") and len(apart) > 1:
        message = "The datasets give different values; a training has one. Give all the same."
        problems.append(RequestProblem(field=shown, message=message))
    elif name == "repeats":
        yield "repeats", shown, apart[0] + 1 if _is_whole(apart[0]) else apart[0]
    elif name == "instance_prompt":
        yield "instance_prompt", shown, apart[0]
    else:
        yield name if name in NOTES else "backend", shown, apart[0]


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
