"""Read the arguments of diffusers' DreamBooth LoRA scripts as settings.

The scripts are github.com/huggingface/diffusers, examples/dreambooth/train_dreambooth_lora*.py and
examples/advanced_diffusion_training. Most of our names are theirs.
"""

from collections.abc import Mapping
from typing import Any

from domain.requests.tools.hosted import BASE, MACHINE, PLACE, UPLOAD
from domain.requests.tools.recognition import undashed
from domain.requests.tools.translation import Fields, Reading

NAMES = {"validation_prompt": "prompts", "optimizer_type": "optimizer"}
"""Name of the scripts -> the name under which it is translated."""

PICTURES = "Photos are always cropped and encoded in the same way."
SAMPLES = "Sample pictures are drawn with the stack's own settings."
SAVED = "Checkpoints and adapters are always saved."
EMBEDDINGS = "No token embeddings are trained."
OPTIMIZER = "The optimizer's other settings are fixed."

NOTES = {
    **dict.fromkeys(
        (
            *("instance_data_dir", "class_data_dir", "dataset_name", "dataset_config_name"),
            *("image_column", "caption_column", "cache_dir"),
        ),
        UPLOAD,
    ),
    **dict.fromkeys(
        (
            *("output_dir", "logging_dir", "report_to", "hub_model_id", "hub_token"),
            *("push_to_hub", "output_kohya_format"),
        ),
        PLACE,
    ),
    **dict.fromkeys(
        (
            *("pretrained_model_name_or_path", "pretrained_vae_model_name_or_path", "revision"),
            *("variant", "tokenizer_name", "clip_skip", "text_encoder_use_attention_mask"),
            *("tokenizer_max_length", "do_edm_style_training", "weighting_scheme"),
        ),
        BASE,
    ),
    **dict.fromkeys(
        (
            *("allow_tf32", "dataloader_num_workers", "local_rank", "sample_batch_size"),
            *("enable_xformers_memory_efficient_attention", "prior_generation_precision"),
            *("pre_compute_text_embeddings", "enable_npu_flash_attention", "cache_latents"),
            *("set_grads_to_none", "upcast_before_saving", "bnb_quantization_config_path"),
        ),
        MACHINE,
    ),
    **dict.fromkeys(("center_crop", "random_flip", "image_interpolation_mode"), PICTURES),
    **dict.fromkeys(
        (
            *("num_validation_images", "validation_epochs", "final_validation_prompt"),
            *("validation_scheduler", "validation_images", "class_labels_conditioning"),
        ),
        SAMPLES,
    ),
    **dict.fromkeys(("checkpoints_total_limit", "resume_from_checkpoint"), SAVED),
    **dict.fromkeys(
        (
            *("train_text_encoder_ti", "train_text_encoder_ti_frac", "token_abstraction"),
            *("num_new_tokens_per_abstraction", "initializer_concept", "train_text_encoder_frac"),
        ),
        EMBEDDINGS,
    ),
    **dict.fromkeys(
        (
            *("adam_epsilon", "adam_weight_decay_text_encoder", "prodigy_beta3"),
            *("prodigy_decouple", "prodigy_use_bias_correction", "prodigy_safeguard_warmup"),
        ),
        OPTIMIZER,
    ),
}
"""Known arguments without effect here."""

RANK = 4
"""The scripts' rank. Their alpha was the rank before ``lora_alpha`` came, with 4 as its default."""


def read_arguments(given: Mapping[str, Any]) -> Reading:
    """Return the settings in a script's arguments; the dashes of a command line may stand."""
    pairs = [(undashed(shown), shown, value) for shown, value in given.items()]
    settings = [(NAMES.get(name, name), shown, value) for name, shown, value in pairs]
    assumed: Fields = {
        "rank": RANK,
        "lora_alpha": given.get("rank", given.get("--rank", RANK)),
        "lr_scheduler": "constant",
        "train_text_encoder": False,
        "with_prior_preservation": False,
    }
    notes = {"lora_alpha": "The rank. Newer scripts have 4 instead: write lora_alpha to be sure."}
    return Reading(settings, NOTES, assumed, assumed_notes=notes)
