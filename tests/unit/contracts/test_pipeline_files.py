"""Which files a pipeline folder needs, and which variant of its weights is loaded."""

import pytest

from contracts.shared.weights.pipeline_files import (
    missing_files,
    unused_components,
    variant_of,
    variants_of,
)

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "feature_extractor": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
}
WHOLE = [
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
]


def test_a_whole_folder_lacks_nothing_and_needs_no_safety_checker() -> None:
    assert missing_files(INDEX, WHOLE) == []
    assert unused_components(INDEX) == {"safety_checker": None, "feature_extractor": None}


@pytest.mark.parametrize("lost", WHOLE)
def test_each_file_is_missed_by_its_name(lost: str) -> None:
    (lack,) = missing_files(INDEX, [path for path in WHOLE if path != lost])
    assert lack.path == lost
    assert lack.why


def test_one_file_holds_a_whole_tokenizer() -> None:
    others = [path for path in WHOLE if not path.startswith("tokenizer")]
    assert missing_files(INDEX, [*others, "tokenizer/tokenizer.json"]) == []


def test_variants_and_parts_are_weights_too_and_pickles_are_not() -> None:
    others = [path for path in WHOLE if "diffusion_pytorch_model" not in path]
    variant = "unet/diffusion_pytorch_model.fp16.safetensors"
    parts = [f"unet/diffusion_pytorch_model.fp16-0000{n}-of-00002.safetensors" for n in (1, 2)]
    assert missing_files(INDEX, [*others, variant]) == []
    assert missing_files(INDEX, [*others, *parts]) == []
    (lack,) = missing_files(INDEX, [*others, parts[0]])
    assert lack.path == parts[1]
    (lack,) = missing_files(INDEX, [*others, "unet/diffusion_pytorch_model.bin"])
    assert lack.path == "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("files", "variants"),
    [
        (["unet/diffusion_pytorch_model.safetensors"], []),
        (["unet/model.fp16.safetensors", "vae/model.safetensors"], ["fp16"]),
        (["unet/model.fp16.safetensors", "unet/model.safetensors"], []),
        (["unet/model.fp16.safetensors", "vae/model.non_ema.safetensors"], ["fp16", "non_ema"]),
        (["judge/encoder.fp16.safetensors"], []),
    ],
)
def test_a_variant_counts_where_there_are_no_plain_weights(
    files: list[str], variants: list[str]
) -> None:
    assert variants_of(files) == variants
    assert variant_of(files) == (variants[0] if variants else None)
