"""Tell which tool wrote a JSON or YAML document, by the names of its settings.

A strong mark is a name that one tool alone writes. Weak marks are shared by tools, so they count
only where no strong mark is found. A document with strong marks of two tools is asked about.
"""

from collections.abc import Mapping
from typing import Any

from contracts.documents.upload.imported import Tool
from contracts.documents.upload.problems import RequestProblem
from domain.requests.request_json import RequestRefusedError
from domain.requests.tools.autotrain import is_autotrain
from domain.requests.tools.invoke_training import is_invoke_training

STRONG: dict[Tool, frozenset[str]] = {
    "kohya": frozenset(
        {
            *(
                "LoRA_type",
                "max_resolution",
                "lr_warmup",
                "model_list",
                "stop_text_encoder_training",
            ),
            *("stop_text_encoder_training_pct", "additional_parameters", "network_module"),
            *("sdxl_cache_text_encoder_outputs", "sdxl_no_half_vae", "lora_network_weights"),
            *("LyCORIS_preset", "block_lr_zero_threshold", "optimizer_type", "dataset_config"),
            *("network_train_unet_only", "network_train_text_encoder_only", "save_model_as"),
        }
    ),
    "avatar": frozenset(
        {
            *("n_steps", "concept_prompt", "lora_bias", "lora_text_encoder_bias"),
            *("lora_text_encoder_r", "lora_text_encoder_alpha"),
        }
    ),
    "replicate": frozenset(
        {
            *("input_images", "destination", "is_lora", "ti_lr", "caption_prefix"),
            *("use_face_detection_instead", "mask_target_prompts", "wandb_sample_prompts"),
            *("input_images_filetype", "layers_to_optimize_regex", "crop_based_on_salience"),
        }
    ),
    "fal": frozenset(
        {
            *("images_data_url", "is_style", "is_input_format_already_preprocessed"),
            *("data_archive_format", "subject_crop", "multiresolution_training", "iter_multiplier"),
            *("training_style", "image_data_url", "training_data_url"),
        }
    ),
    "astria": frozenset(
        {
            *("tune", "title", "base_tune_id", "image_urls", "prompts_attributes"),
            *("training_face_correct", "prompts_callback", "characteristics"),
        }
    ),
    "autotrain": frozenset(
        {"disable_gradient_checkpointing", "class_image_path", "image_path", "vae_model", "xl"}
    ),
    "onetrainer": frozenset(
        {
            *("training_method", "base_model_name", "concept_file_name", "learning_rate_scheduler"),
            *("output_model_destination", "output_model_format", "train_dtype", "peft_type"),
            *("learning_rate_warmup_steps", "aspect_ratio_bucketing", "offset_noise_weight"),
            *(
                "masked_training",
                "unmasked_weight",
                "sample_definition_file_name",
                "loss_weight_fn",
            ),
            *("text_encoder_learning_rate", "learning_rate_cycles"),
        }
    ),
    "simpletuner": frozenset(
        {
            *("model_family", "data_backend_config", "base_model_precision", "quantize_via"),
            *("checkpoint_step_interval", "validation_guidance", "validation_prompt_library"),
            *("validation_num_inference_steps", "flow_schedule_shift", "grad_clip_method"),
            *("disable_bucket_pruning", "caption_dropout_probability", "user_prompt_library"),
            *("tracker_project_name", "tracker_run_name", "validation_disable_unconditional"),
            *("aspect_bucket_rounding", "minimum_image_size", "skip_file_discovery"),
        }
    ),
}

WEAK: dict[Tool, frozenset[str]] = {
    "kohya": frozenset(
        {
            *("train_data_dir", "network_dim", "network_alpha", "unet_lr", "caption_extension"),
        }
    ),
    "avatar": frozenset({"lora_r"}),
    "replicate": frozenset({"lora_type", "hf_repo_id"}),
    "astria": frozenset({"model_type", "base_tune"}),
    "diffusers": frozenset(
        {
            *("pretrained_model_name_or_path", "pretrained_vae_model_name_or_path"),
            *("instance_data_dir", "dataset_name", "report_to", "validation_prompt"),
            *("validation_epochs", "num_validation_images", "prior_generation_precision"),
            *("sample_batch_size", "dataloader_num_workers", "allow_tf32", "lora_layers"),
            *("enable_xformers_memory_efficient_attention", "train_text_encoder_ti", "scale_lr"),
            *("push_to_hub", "checkpoints_total_limit", "resume_from_checkpoint"),
        }
    ),
}

SURE = frozenset({"pretrained_model_name_or_path", "instance_data_dir"})
"""Names of diffusers' scripts of which one is enough; of the other ones two are needed."""

OWN_ALIASES = frozenset({"network_dim", "network_alpha", "unet_lr", "lora_r"})
"""Names of other tools that request.json itself takes; they say nothing about the tool there."""

OWN_AVATAR = STRONG["avatar"] - {"lora_bias", "lora_text_encoder_bias"}
"""Names of the avatar guidance that request.json itself takes."""


def tool_of(given: Mapping[str, Any], file: str = "") -> Tool | None:
    """Return the tool whose settings a document has; None: nothing says that it is another tool's.

    Args:
        given: the document; the wrappers ``input``, ``tune`` and ``tune[...]`` are looked into.
        file: name of the document; none is request.json, which takes some names of others itself.

    Raises:
        RequestRefusedError: it has settings that only two tools' documents have.
    """
    if is_ai_toolkit(given):
        return "ai-toolkit"
    if is_dataset_config(given):
        return "kohya"
    if is_autotrain(given):
        return "autotrain"
    if is_invoke_training(given):
        return "invoke-training"
    names = names_of(given)
    strong = {tool: sorted(marks & names) for tool, marks in STRONG.items() if marks & names}
    if not file and set(strong.get("avatar", ())) <= OWN_AVATAR:
        strong.pop("avatar", None)
    if len(strong) > 1:
        raise _of_two(strong, file)
    if strong:
        return next(iter(strong))
    taken = frozenset() if file else OWN_ALIASES
    weak = [
        tool
        for tool, marks in WEAK.items()
        if len((marks - taken) & names) > (0 if tool != "diffusers" or SURE & names else 1)
    ]
    return weak[0] if weak else None


def names_of(given: Mapping[str, Any]) -> set[str]:
    """Return the names of a document's settings, also of those in a wrapper."""
    names = {undashed(name) for name in given}
    if any(name.startswith("tune[") for name in given):
        names.add("tune")
    for wrapper in ("input", "tune"):
        inner = given.get(wrapper)
        names |= set(map(str, inner)) if isinstance(inner, dict) else set()
    return names


def undashed(name: str) -> str:
    """Return a setting's name without the dashes of a command line.

    >>> undashed("--learning_rate"), undashed("seed")
    ('learning_rate', 'seed')
    """
    return name.removeprefix("--")


def is_ai_toolkit(given: Mapping[str, Any]) -> bool:
    """Return whether a document is a job of ai-toolkit."""
    config = given.get("config")
    return isinstance(config, dict) and isinstance(config.get("process"), list)


def is_dataset_config(given: Mapping[str, Any]) -> bool:
    """Return whether a document is a ``dataset_config`` of sd-scripts, and nothing else.

    >>> is_dataset_config({"general": {}, "datasets": [{"subsets": [{"image_dir": "a"}]}]})
    True
    >>> is_dataset_config({"datasets": [{"path": "a"}]}), is_dataset_config({"datasets": "a"})
    (False, False)
    """
    datasets = given.get("datasets")
    if not isinstance(datasets, list) or set(given) - {"general", "datasets"}:
        return False
    tables = [one for one in datasets if isinstance(one, dict)]
    return any({"subsets", "image_dir"} & set(one) for one in tables)


def _of_two(strong: Mapping[Tool, list[str]], file: str) -> RequestRefusedError:
    """Return the question which of two tools is meant."""
    named = [f"{found[0]} is {NAMES.get(tool, tool)}'s" for tool, found in strong.items()]
    message = f"Has settings of two tools: {', '.join(named)}. Keep the settings of one."
    return RequestRefusedError([RequestProblem(field=file, message=message[:300])])


NAMES: dict[Tool, str] = {
    "kohya": "kohya_ss",
    "avatar": "the avatar guidance",
    "replicate": "Replicate",
    "astria": "Astria",
    "onetrainer": "OneTrainer",
    "simpletuner": "SimpleTuner",
}
"""How a tool is called, where it is not by its own short name."""
