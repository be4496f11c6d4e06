"""Untrained pipelines of every family, built in a second.

The module needs the training environment. Each pipeline is a diffusers folder with a ``base.json``.

    python -m tests.smoke.tiny_pipelines FOLDER FAMILY
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from contracts.base import Architecture, BaseCard, RefinerFiles, hash_of_files
from tests.fakes.tiny_zimage import make_zimage

Family = Architecture
RESOLUTION, WIDTH, TIME_ID_WIDTH = 64, 32, 8
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

FLOW = {
    "num_inference_steps": 2,
    "guidance_scale": 2.0,
    "scheduler": "FlowMatchEulerDiscreteScheduler",
}
"""Defaults of a Z-Image's pictures; its guidance scale is added to 1."""


def make_base(folder: Path, family: Family) -> BaseCard:
    """Write an untrained base of an architecture; the files are always the same."""
    torch.manual_seed(0)
    if family == "zimage":
        make_zimage().save_pretrained(folder)
        return write_card(folder, family, "flow_prediction", inference=FLOW)
    pipeline = make_sdxl() if family == "sdxl" else make_sd(family)
    pipeline.save_pretrained(folder)
    return write_card(folder, family, pipeline.scheduler.config["prediction_type"])


def write_card(folder: Path, family: Family, prediction_type: str, **changes: Any) -> BaseCard:
    """Write ``base.json`` for the files in ``folder``."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "base.json"
    }
    lines = "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(files.items()))
    card = BaseCard.model_validate(
        {
            "base_id": f"tiny-{family}",
            "family": family,
            "revision": "1",
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
            "files": files,
            "prediction_type": prediction_type,
            "resolution": RESOLUTION,
            "training": {
                "learning_rate": 1e-3,
                "train_batch_size": 2,
                "rank": 4,
                "steps_per_photo": 1,
                "min_train_steps": 2,
                "max_train_steps": 4,
            },
            "inference": {
                "num_inference_steps": 2,
                "guidance_scale": 2.0,
                "scheduler": "DPMSolverMultistepScheduler",
            },
            "gate": {"min_effect": 0.0},
            **changes,
        }
    )
    (folder / "base.json").write_text(json.dumps(card.model_dump(mode="json"), indent=2))
    return card


def make_sdxl() -> StableDiffusionXLPipeline:
    """Return a pipeline with two text encoders, pooled text and time ids."""
    first, second = make_tokenizer("<|endoftext|>"), make_tokenizer("!")
    return StableDiffusionXLPipeline(
        vae=make_vae(0.13025),
        text_encoder=CLIPTextModel(text_config(first, "quick_gelu")),
        text_encoder_2=CLIPTextModelWithProjection(text_config(second, "gelu")),
        tokenizer=first,
        tokenizer_2=second,
        unet=make_unet(
            2 * WIDTH,
            transformer_layers_per_block=(1, 2),
            addition_embed_type="text_time",
            addition_time_embed_dim=TIME_ID_WIDTH,
            projection_class_embeddings_input_dim=WIDTH + 6 * TIME_ID_WIDTH,
            use_linear_projection=True,
        ),
        scheduler=EulerDiscreteScheduler(**NOISE, timestep_spacing="leading", steps_offset=1),
    )


def make_sd(family: Family) -> StableDiffusionPipeline:
    """Return a pipeline with one text encoder; SD 2 predicts v, SD 1 predicts the noise.

    SD 1 projects with convolutions of 1 x 1 into and out of its transformers, SD 2 does not.
    """
    tokenizer = make_tokenizer("!" if family == "sd2" else "<|endoftext|>")
    return StableDiffusionPipeline(
        vae=make_vae(0.18215),
        text_encoder=CLIPTextModel(text_config(tokenizer, "gelu")),
        tokenizer=tokenizer,
        unet=make_unet(WIDTH, use_linear_projection=family == "sd2"),
        scheduler=DDIMScheduler(
            **NOISE,
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type="v_prediction" if family == "sd2" else "epsilon",
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def add_refiner(folder: Path, base: StableDiffusionXLPipeline) -> None:
    """Write a refiner into the folder of a base with its card, as ``likeness base add`` does."""
    refiner, place = make_refiner(base), folder / "refiner"
    refiner.save_config(place)
    refiner.unet.save_pretrained(place / "unet")
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }
    card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
    found = RefinerFiles(sha256=hash_of_files(files), files=files)
    card = card.model_copy(update={"refiner": found})
    (folder / "base.json").write_text(card.model_dump_json())


def make_refiner(base: StableDiffusionXLPipeline) -> StableDiffusionXLImg2ImgPipeline:
    """Return a refiner for a base: its only text encoder is the second, and pictures are scored."""
    return StableDiffusionXLImg2ImgPipeline(
        vae=base.vae,
        text_encoder=None,
        text_encoder_2=base.text_encoder_2,
        tokenizer=None,
        tokenizer_2=base.tokenizer_2,
        unet=make_unet(
            WIDTH,
            transformer_layers_per_block=(1, 1),
            addition_embed_type="text_time",
            addition_time_embed_dim=TIME_ID_WIDTH,
            projection_class_embeddings_input_dim=WIDTH + 5 * TIME_ID_WIDTH,
            use_linear_projection=True,
        ),
        scheduler=base.scheduler,
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def make_tokenizer(pad: str) -> CLIPTokenizer:
    """Return CLIP's tokenizer of single bytes, without merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["!", *(a for a in alphabet if a != "!"), *(a + "</w>" for a in alphabet)]
    vocabulary = {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=[], pad_token=pad, model_max_length=77)


def text_config(tokenizer: CLIPTokenizer, activation: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=WIDTH,
        hidden_act=activation,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def make_vae(scaling_factor: float) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(8, 16, 16),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        sample_size=RESOLUTION,
        scaling_factor=scaling_factor,
    )


def make_unet(text_width: int, **more: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=RESOLUTION // 4,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        cross_attention_dim=text_width,
        **more,
    )


if __name__ == "__main__":
    make_base(Path(sys.argv[1]), cast("Family", sys.argv[2]))
