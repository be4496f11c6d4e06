"""Read a configuration of OneTrainer, a preset or a whole one, as settings.

The names are those of github.com/Nerogar/OneTrainer, modules/util/config/TrainConfig.py, in both
of its forms: all settings on one level, and with parts for the UNet, the text encoders and the
optimizer.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.documents.upload.problems import RequestProblem
from domain.requests.networks import OF_OUTPUTS, OWN_FACTOR, assumed_factor
from domain.requests.tools.hosted import BASE, MACHINE, PLACE, UPLOAD
from domain.requests.tools.translation import ONLY_LORA, Fields, Reading, Setting

NAMES = {
    "training_method": "network_type",
    "peft_type": "network_type",
    "lora_rank": "rank",
    "lokr_dim": "rank",
    "lokr_weight_decompose": "lycoris.dora_wd",
    "lora_alpha": "lora_alpha",
    "lora_decompose": "lycoris.dora_wd",
    "lokr_decompose_factor": "lycoris.factor",
    "lokr_decompose_both": "lycoris.decompose_both",
    "lokr_full_matrix": "lycoris.full_matrix",
    "lokr_use_tucker": "lycoris.use_tucker",
    "dropout_probability": "lora_dropout",
    "batch_size": "train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "epochs": "num_train_epochs",
    "clip_grad_norm": "max_grad_norm",
    "offset_noise_weight": "noise_offset",
    "min_snr_gamma": "snr_gamma",
    "learning_rate_cycles": "lr_num_cycles",
    "aspect_ratio_bucketing": "enable_bucket",
    "train_dtype": "mixed_precision",
    "resolution": "resolution",
    "masked_training": "use_masks",
    "unmasked_weight": "mask_floor",
    "ema": "use_ema",
    "ema_decay": "ema_decay",
    "learning_rate_scaler": "scale_lr",
    "samples": "prompts",
    "optimizer.optimizer": "optimizer",
    "optimizer.weight_decay": "adam_weight_decay",
    "optimizer.beta1": "adam_beta1",
    "optimizer.beta2": "adam_beta2",
    "weight_decay": "adam_weight_decay",
    "optimizer": "optimizer",
    "train_unet": "train_unet",
    "unet.train": "train_unet",
    "train_text_encoder": "train_text_encoder",
    "text_encoder.train": "train_text_encoder",
    "unet.gradient_checkpointing": "gradient_checkpointing",
    "gradient_checkpointing": "gradient_checkpointing",
}
"""Path of a setting -> the name under which it is translated."""

PARTS = ("unet", "text_encoder", "text_encoder_2", "optimizer")
"""Tables that are opened."""

SAVED = "Checkpoints, adapters and samples are always saved."
PICTURES = "Photos are always cropped and encoded in the same way."
OTHER = "Other parts of the base model are not trained."
NOTES = {
    **dict.fromkeys(("concept_file_name", "sample_definition_file_name", "concepts"), UPLOAD),
    **dict.fromkeys(
        (
            *("workspace_dir", "cache_dir", "debug_mode", "debug_dir", "tensorboard", "cloud"),
            *("output_model_destination", "output_model_format", "output_dtype", "secrets"),
            *("tensorboard_expose", "tensorboard_port", "tensorboard_always_on"),
            *("include_train_config", "save_filename_prefix", "continue_last_backup"),
        ),
        PLACE,
    ),
    **dict.fromkeys(
        (
            *(
                "base_model_name",
                "model_type",
                "extra_model_name",
                "weight_dtype",
                "unet.weight_dtype",
            ),
            *(
                "text_encoder.weight_dtype",
                "text_encoder_2.weight_dtype",
                "vae",
                "unet_weight_dtype",
            ),
            *("text_encoder_weight_dtype", "vae_weight_dtype", "text_encoder_layer_skip"),
            *("text_encoder_2_layer_skip", "force_v_prediction", "force_epsilon_prediction"),
            *("rescale_noise_scheduler_to_zero_terminal_snr", "__version"),
        ),
        BASE,
    ),
    **dict.fromkeys(
        (
            *("train_device", "temp_device", "attention_mechanism", "dataloader_threads"),
            *(
                "latent_caching",
                "latent_caching_epochs",
                "clear_cache_before_training",
                "only_cache",
            ),
            *("fallback_train_dtype", "enable_autocast_cache", "caching_threads", "compile"),
            *("lora_weight_dtype", "image_caching", "text_caching", "lokr_vec_trick"),
        ),
        MACHINE,
    ),
    **dict.fromkeys(
        (
            *("sample_after", "sample_after_unit", "sample_image_format", "backup_after"),
            *("backup_after_unit", "backup_before_save", "save_after", "save_after_unit"),
            *("save_every", "save_every_unit", "save_skip_first", "rolling_backup"),
            *("rolling_backup_count", "samples_to_tensorboard", "non_ema_sampling"),
        ),
        SAVED,
    ),
    **dict.fromkeys(
        ("circular_mask_generation", "random_rotate_and_crop", "unmasked_probability"), PICTURES
    ),
    **dict.fromkeys(
        (
            *("prior", "transformer", "text_encoder_3", "text_encoder_4", "effnet_encoder"),
            *("decoder", "decoder_text_encoder", "decoder_vqgan", "embedding"),
            *("additional_embeddings", "token_count", "initial_embedding_text"),
            *("embedding_weight_dtype", "embedding_learning_rate"),
        ),
        OTHER,
    ),
    "train_unet_epochs": "Everything is trained to the end.",
    "train_text_encoder_epochs": "Everything is trained to the end.",
    "unet.stop_training_after": "Everything is trained to the end.",
    "text_encoder.stop_training_after": "Everything is trained to the end.",
    "layer_filter_preset": "Name the layers in target_modules.",
    "layer_filter": "Name the layers in target_modules.",
    "ema_update_step_interval": "The average is taken at every step.",
    "found": "Adafactor's relative_step does not use it; the base's default is used.",
    "rate": "The rate of the UNet is used instead.",
    "encoder_off": "The text encoders are not trained.",
    "loss_kind": "Its strength is used, as snr_gamma.",
    "loss_off": "It belongs to another weighting.",
    "second": "The text encoders are trained together.",
    **dict.fromkeys(("lora_decompose_output_axis", "lokr_dora_on_output"), OF_OUTPUTS),
    "other_kind": "It belongs to another peft_type.",
    "share": "It is a share of the steps; write lr_warmup_steps.",
}
"""Known settings without effect here."""

RANK, ALPHA, EPOCHS, WARM_UP, GAMMA = 16, 1.0, 100, 200, 5.0
"""OneTrainer's own values."""


def read_onetrainer(given: Mapping[str, Any]) -> Reading:
    """Return the settings of a configuration."""
    flat = dict(_paths(given))
    others = {path for path, kinds in OF_KINDS.items() if _kind(flat) not in kinds}
    settings = [
        ("other_kind", path, value) if path in others else _named(path, value, flat)
        for path, value in flat.items()
    ]
    notes = {"decompose_factor": OWN_FACTOR}
    return Reading(settings, NOTES, _assumed(flat), tuple(_problems(given, flat)), notes)


def _paths(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if name in PARTS and isinstance(value, dict):
            yield from ((f"{name}.{key}", each) for key, each in value.items())
        else:
            yield name, value


def _named(path: str, value: Any, flat: Mapping[str, Any]) -> Setting:  # noqa: ANN401 - JSON
    """Return a setting under the name by which it is translated or noted."""
    ours, meant = NAMES.get(path, path), value
    if path.endswith("learning_rate") and _finds_rates(flat):
        ours = "found"
    elif path in ("learning_rate", "unet.learning_rate", "unet_learning_rate"):
        ours = "learning_rate" if path == _of_unet(flat) else "rate"
    elif path in ("text_encoder.learning_rate", "text_encoder_learning_rate"):
        ours = "text_encoder_lr" if _trains_encoder(flat) else "encoder_off"
    elif path.startswith("text_encoder_2."):
        ours = path if path in NOTES else "second"
    elif path == "learning_rate_scheduler":
        ours, meant = "lr_scheduler", _scheduler(value, flat)
    elif path == "learning_rate_warmup_steps":
        is_share = isinstance(value, float) and 0 < value < 1
        ours, meant = ("share" if is_share else "lr_warmup_steps"), _whole(value)
    elif path in ("loss_weight_fn", "loss_weight_strength"):
        ours, meant = _weighting(path, value, flat)
    elif path in NAMED_BY_WORDS:
        ours, meant = NAMES[path], NAMED_BY_WORDS[path](value)
    elif path in ("epochs", "learning_rate_cycles", "batch_size"):
        meant = _whole(value)
    return ours, path, meant


def _finds_rates(flat: Mapping[str, Any]) -> bool:
    """Return whether Adafactor finds its own rates, so that none is used."""
    kind = str(flat.get("optimizer.optimizer", flat.get("optimizer", ""))).upper()
    relative = flat.get("optimizer.relative_step", flat.get("optimizer.warmup_init"))
    return kind == "ADAFACTOR" and relative is True


def _of_unet(flat: Mapping[str, Any]) -> str:
    """Return the setting that has the UNet's rate: its own, or else the common one."""
    own = [name for name in ("unet.learning_rate", "unet_learning_rate") if flat.get(name)]
    return own[0] if own else "learning_rate"


def _trains_encoder(flat: Mapping[str, Any]) -> bool:
    return bool(flat.get("text_encoder.train", flat.get("train_text_encoder", True)))


def _scheduler(value: object, flat: Mapping[str, Any]) -> object:
    """Return a scheduler; a constant one has a warm-up in OneTrainer."""
    if str(value).upper() != "CONSTANT":
        return value
    warm_up = flat.get("learning_rate_warmup_steps", WARM_UP)
    return "constant_with_warmup" if warm_up else "constant"


def _weighting(path: str, value: object, flat: Mapping[str, Any]) -> tuple[str, object]:
    """Return the weighting of the loss as our gamma; 0 is none."""
    kind = str(flat.get("loss_weight_fn", "CONSTANT")).upper()
    if path == "loss_weight_strength":
        return ("snr_gamma" if kind == "MIN_SNR_GAMMA" else "loss_off"), value
    if kind == "MIN_SNR_GAMMA":
        has_strength = flat.get("loss_weight_strength") is not None
        return ("loss_kind", value) if has_strength else ("snr_gamma", GAMMA)
    return ("snr_gamma", 0) if kind == "CONSTANT" else ("loss_off", value)


def _averages(value: object) -> object:
    """Return whether weights are averaged: OFF, GPU or CPU in OneTrainer."""
    return value if value in (None, "", False) else str(value).upper() != "OFF"


def _multiplies(value: object) -> object:
    """Return whether the rates are multiplied: NONE, SAMPLES, BATCH ... in OneTrainer."""
    return value if value in (None, "") else str(value).upper() != "NONE"


def _checkpoints(value: object) -> object:
    """Return whether activations are computed again: OFF, ON or CPU_OFFLOADED in OneTrainer."""
    return True if str(value).upper() == "CPU_OFFLOADED" else value


NAMED_BY_WORDS = {
    "ema": _averages,
    "learning_rate_scaler": _multiplies,
    "gradient_checkpointing": _checkpoints,
    "unet.gradient_checkpointing": _checkpoints,
}
"""Settings whose values are words in OneTrainer -> their meaning."""


OF_KINDS = {
    "lora_rank": frozenset({"LORA", "LOHA"}),
    "lora_decompose": frozenset({"LORA"}),
    **dict.fromkeys(
        (
            *("lokr_dim", "lokr_decompose_factor", "lokr_decompose_both", "lokr_full_matrix"),
            *("lokr_weight_decompose", "lokr_use_tucker"),
        ),
        frozenset({"LOKR"}),
    ),
}
"""Settings that count for these values of peft_type alone; OneTrainer writes them all."""


def _kind(flat: Mapping[str, Any]) -> str:
    return str(flat.get("peft_type") or "LORA").upper()


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _assumed(flat: Mapping[str, Any]) -> Fields:
    return {
        "rank": RANK,
        **assumed_factor(_kind(flat)),
        "lora_alpha": ALPHA,
        "num_train_epochs": EPOCHS,
        "lr_scheduler": _scheduler("CONSTANT", flat),
        "lr_warmup_steps": WARM_UP,
        "train_text_encoder": True,
        "enable_bucket": True,
    }


def _problems(given: Mapping[str, Any], flat: Mapping[str, Any]) -> Iterator[RequestProblem]:
    """Yield what makes a configuration one that cannot be trained here."""
    if "training_method" not in flat:
        message = f"Is missing, and OneTrainer's default trains a whole model. {ONLY_LORA}"
        yield RequestProblem(field="training_method", message=message)
    if _kind(flat) == "LOKR" and flat.get("lokr_dim") is None:
        yield RequestProblem(field="lokr_dim", message="Is missing: LoKr's rank is never guessed.")
    second, first = flat.get("text_encoder_2.train"), _trains_encoder(flat)
    if second is not None and bool(second) != first:
        message = "Must be the same as text_encoder.train: the text encoders are trained together."
        yield RequestProblem(field="text_encoder_2.train", message=message)
    concepts = given.get("concepts")
    listed = concepts if isinstance(concepts, list) else []
    if sum(map(_is_of_subject, listed)) > 1:
        message = "Has several entries. Keep one; an adapter is of one subject."
        yield RequestProblem(field="concepts", message=message)


def _is_of_subject(concept: object) -> bool:
    """Return whether a concept has photos to train on: it is neither switched off nor of others."""
    if not isinstance(concept, dict):
        return True
    kind = str(concept.get("type", "STANDARD")).upper()
    return bool(concept.get("enabled", True)) and kind == "STANDARD"
