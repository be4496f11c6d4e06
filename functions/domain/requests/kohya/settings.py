"""kohya's settings and their meaning here; domain.requests.kohya.request reads them.

``ours`` is a field of TrainingRequest. A setting whose field does not exist is ignored.
"""

from typing import Literal, NamedTuple

Kind = Literal["whole", "number", "flag", "text", "any"]


class Meaning(NamedTuple):
    """One setting of kohya's scripts."""

    kind: Kind
    """Type of the value."""
    ours: str | None = None
    """Our field for the setting; None: ``note`` says why there is none."""
    note: str = ""


KIND_NAMES: dict[Kind, str] = {
    "whole": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "text": "text",
    "any": "any value",
}


MAX_NUMBER = 10**12
"""The largest size of a number in a settings file. No setting comes near it, and what is derived
from two such numbers is still a number that can be written."""


def has_kind(value: object, kind: Kind) -> bool:
    """Return whether a TOML value has the type; flags and too large numbers are no numbers.

    Infinity and "not a number" are no numbers of a setting either.
    """
    if kind == "any":
        return True
    if isinstance(value, bool):
        return kind == "flag"
    if isinstance(value, int | float):
        wanted = {"whole": int, "number": int | float}
        return kind in wanted and isinstance(value, wanted[kind]) and abs(value) <= MAX_NUMBER
    return kind == "text" and isinstance(value, str)


UPLOAD = "The upload and the deployment decide where files are."
BASE = "The base model's card decides this."
SAVING = "Checkpoints, adapters and samples are always saved."
PICTURES = "Photos are always cropped and encoded in the same way."
MACHINE = "The training image decides this for its machine."
CAPTIONS = "Captions are used unchanged."
ADAMW = "Training uses AdamW; check the learning rate."
MAX_GRAD_NORM = 1000
NOT_CLIPPED = "0 means no clipping; here gradients are clipped to a norm of 1000 at least."
OTHER_ADAPTER = "Every adapter is trained from its beginning, with the rank of network_dim."

SAME = {
    "network_dim": Meaning("whole", "rank"),
    "network_alpha": Meaning("number", "lora_alpha"),
    "network_dropout": Meaning("number", "lora_dropout"),
    "max_train_steps": Meaning("whole", "max_train_steps"),
    "train_batch_size": Meaning("whole", "train_batch_size"),
    "batch_size": Meaning("whole", "train_batch_size"),
    "gradient_accumulation_steps": Meaning("whole", "gradient_accumulation_steps"),
    "gradient_checkpointing": Meaning("flag", "gradient_checkpointing"),
    "max_grad_norm": Meaning("number", "max_grad_norm"),
    "min_snr_gamma": Meaning("number", "snr_gamma"),
    "noise_offset": Meaning("number", "noise_offset"),
    "lr_scheduler": Meaning("text", "lr_scheduler"),
    "lr_scheduler_num_cycles": Meaning("whole", "lr_num_cycles"),
    "lr_scheduler_power": Meaning("number", "lr_power"),
    "lr_warmup_steps": Meaning("number", "lr_warmup_steps"),
    "prior_loss_weight": Meaning("number", "prior_loss_weight"),
    "enable_bucket": Meaning("flag", "enable_bucket"),
    "caption_dropout_rate": Meaning("number", "caption_dropout_rate"),
    "masked_loss": Meaning("flag", "use_masks"),
    "mixed_precision": Meaning("text", "mixed_precision"),
    "sample_every_n_steps": Meaning("whole", "validation_steps"),
    "loraplus_lr_ratio": Meaning("number", "loraplus_lr_ratio"),
}
"""Settings that are copied unchanged, if the request has the field and accepts the value."""

ZERO: dict[str, tuple[float | None, str]] = {
    "network_alpha": (None, "0 means the same as network_dim."),
    "max_grad_norm": (MAX_GRAD_NORM, NOT_CLIPPED),
}
"""Settings whose 0 means something else than the number: our value, None for the rank, and why."""

SPECIAL = {
    "learning_rate": Meaning("number"),
    "unet_lr": Meaning("number"),
    "text_encoder_lr": Meaning("any"),
    "network_train_unet_only": Meaning("flag"),
    "network_train_text_encoder_only": Meaning("flag"),
    "cache_text_encoder_outputs": Meaning("flag"),
    "network_module": Meaning("text"),
    "max_train_epochs": Meaning("whole"),
    "num_repeats": Meaning("whole"),
    "class_tokens": Meaning("text"),
    "is_reg": Meaning("flag"),
    "reg_data_dir": Meaning("text"),
    "resolution": Meaning("any"),
    "seed": Meaning("whole"),
    "optimizer_type": Meaning("text"),
    "use_8bit_adam": Meaning("flag"),
    "optimizer_args": Meaning("any"),
    "network_args": Meaning("any"),
    "sample_prompts": Meaning("any"),
}
"""Settings that are translated, some of them together."""

NONE_HERE = {
    **dict.fromkeys(
        (
            "pretrained_model_name_or_path",
            "vae",
            "train_data_dir",
            "image_dir",
            "output_dir",
            "output_name",
            "logging_dir",
            "log_prefix",
            "metadata_title",
            "metadata_author",
            "training_comment",
            "in_json",
            "dataset_config",
            "resume",
        ),
        Meaning("any", note=UPLOAD),
    ),
    **dict.fromkeys(
        ("sdxl", "v2", "v_parameterization", "clip_skip", "max_token_length", "no_half_vae"),
        Meaning("any", note=BASE),
    ),
    **dict.fromkeys(
        (
            "save_every_n_epochs",
            "save_every_n_steps",
            "save_last_n_epochs",
            "save_last_n_steps",
            "save_n_epoch_ratio",
            "save_model_as",
            "save_precision",
            "save_state",
            "sample_every_n_epochs",
            "sample_sampler",
            "log_with",
        ),
        Meaning("any", note=SAVING),
    ),
    **dict.fromkeys(
        (
            "cache_latents",
            "cache_latents_to_disk",
            "vae_batch_size",
            "min_bucket_reso",
            "max_bucket_reso",
            "bucket_reso_steps",
            "bucket_no_upscale",
            "flip_aug",
            "color_aug",
            "random_crop",
            "face_crop_aug_range",
        ),
        Meaning("any", note=PICTURES),
    ),
    **dict.fromkeys(
        (
            "xformers",
            "sdpa",
            "mem_eff_attn",
            "lowram",
            "full_fp16",
            "full_bf16",
            "fp8_base",
            "max_data_loader_n_workers",
            "persistent_data_loader_workers",
            "num_cpu_threads_per_process",
        ),
        Meaning("any", note=MACHINE),
    ),
    **dict.fromkeys(
        (
            "caption_extension",
            "shuffle_caption",
            "keep_tokens",
            "caption_prefix",
            "caption_suffix",
            "caption_tag_dropout_rate",
            "caption_dropout_every_n_epochs",
            "weighted_captions",
        ),
        Meaning("any", note=CAPTIONS),
    ),
    **dict.fromkeys(
        ("conv_dim", "conv_alpha"), Meaning("any", note="Convolutions get no adapter here.")
    ),
    **dict.fromkeys(
        ("network_weights", "lora_network_weights", "dim_from_weights"),
        Meaning("any", note=OTHER_ADAPTER),
    ),
    **dict.fromkeys(
        ("stop_text_encoder_training", "stop_text_encoder_training_pct"),
        Meaning("any", note="The text encoders are trained to the end, or not at all."),
    ),
    **dict.fromkeys(
        (
            *("noise_offset_type", "adaptive_noise_scale", "multires_noise_iterations"),
            *("multires_noise_discount", "ip_noise_gamma", "scale_weight_norms", "loss_type"),
            *("huber_c", "huber_schedule", "debiased_estimation_loss", "min_timestep"),
            *("max_timestep", "v_pred_like_loss", "scale_v_pred_loss_like_noise_pred"),
        ),
        Meaning("any", note="Noise and loss have noise_offset and snr_gamma only."),
    ),
}
"""Known settings without effect here."""

KNOWN = SAME | SPECIAL | NONE_HERE

NAME_OF = {meaning.ours: name for name, meaning in reversed(SAME.items()) if meaning.ours} | {
    "learning_rate": "unet_lr",
    "text_encoder_lr": "text_encoder_lr",
    "num_train_epochs": "max_train_epochs",
    "repeats": "num_repeats",
    "trigger_word": "class_tokens",
    "optimizer": "optimizer_type",
    "resolution": "resolution",
    "seed": "seed",
}
"""Our field -> kohya's name for it."""

RANK, ALPHA, STEPS = 4, 1.0, 1600
"""Defaults of kohya's scripts that differ from ours."""
