"""Writes a pipeline as one file of the original layout, with the names that real checkpoints have.

The names are those of Stability AI's generative-models and stablediffusion repositories. Also tiny
pipelines that have in common with the released models what shapes do not tell: 64 wide heads,
norms of 32 groups, the noise schedule.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from local.embedded_base.tokenizer import make_tokenizer
from tests.smoke.tiny_pipelines import Family

Tensors = dict[str, torch.Tensor]

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
VAE_NAMES = (
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"\.conv_norm_out\.", ".norm_out."),
    (r"\.mid_block\.resnets\.0\.", ".mid.block_1."),
    (r"\.mid_block\.resnets\.1\.", ".mid.block_2."),
    (r"\.mid_block\.attentions\.0\.group_norm\.", ".mid.attn_1.norm."),
    (r"\.mid_block\.attentions\.0\.to_([qkv])\.", r".mid.attn_1.\1."),
    (r"\.mid_block\.attentions\.0\.to_out\.0\.", ".mid.attn_1.proj_out."),
    (r"\.down_blocks\.(\d+)\.resnets\.(\d+)\.", r".down.\1.block.\2."),
    (r"\.down_blocks\.(\d+)\.downsamplers\.0\.", r".down.\1.downsample."),
)


def write_single_file(
    networks: Mapping[str, Any], path: Path, metadata: Mapping[str, str] | None = None
) -> Tensors:
    """Write the networks of a pipeline, by their names in it, into one file; return its tensors."""
    tensors = original_tensors(networks)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata or None)
    return tensors


def original_tensors(networks: Mapping[str, Any]) -> Tensors:
    """Return the tensors of a pipeline under their original names."""
    unet = dict(unet_tensors(networks["unet"]))
    vae = {f"first_stage_model.{n}": v for n, v in vae_tensors(networks["vae"])}
    return {**unet, **vae, **text_tensors(networks)}


def unet_tensors(unet: Any) -> Iterator[tuple[str, torch.Tensor]]:
    layers = unet.config.layers_per_block
    has_attention = ["CrossAttn" in kind for kind in unet.config.up_block_types]
    for name, value in unet.state_dict().items():
        yield f"model.diffusion_model.{unet_name(name, layers, has_attention)}", value


def unet_name(name: str, layers: int, has_attention: list[bool]) -> str:
    module, _, leaf = name.rpartition(".")
    if module in ENDS:
        return f"{ENDS[module]}.{leaf}"
    if match := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.+)", name):
        return f"input_blocks.{(int(match[1]) + 1) * (layers + 1)}.0.op.{match[2]}"
    if match := re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv\.(.+)", name):
        place = 2 if has_attention[int(match[1])] else 1
        block = int(match[1]) * (layers + 1) + layers
        return f"output_blocks.{block}.{place}.conv.{match[2]}"
    match = re.fullmatch(
        r"(down|mid|up)_blocks?\.(?:(\d+)\.)?(resnets|attentions)\.(\d+)\.(.+)", name
    )
    assert match is not None, name
    where, level, kind, number, rest = match.groups()
    index, is_attention = int(number), kind == "attentions"
    if where == "mid":
        start = f"middle_block.{1 if is_attention else 2 * index}"
    elif where == "down":
        start = f"input_blocks.{1 + int(level) * (layers + 1) + index}.{int(is_attention)}"
    else:
        start = f"output_blocks.{int(level) * (layers + 1) + index}.{int(is_attention)}"
    if is_attention:
        return f"{start}.{rest}"
    part, _, leaf = rest.rpartition(".")
    return f"{start}.{RESNET[part]}.{leaf}"


def vae_tensors(vae: Any) -> Iterator[tuple[str, torch.Tensor]]:
    last = len(vae.config.block_out_channels) - 1
    for name, value in vae.state_dict().items():
        changed = name
        for pattern, words in VAE_NAMES:
            changed = re.sub(pattern, words, changed)
        if match := re.fullmatch(r"decoder\.up_blocks\.(\d+)\.(.+)", changed):
            rest = match[2].replace("resnets.", "block.").replace("upsamplers.0.", "upsample.")
            changed = f"decoder.up.{last - int(match[1])}.{rest}"
        is_projection = ".mid.attn_1." in changed and value.ndim == 2
        yield changed, value[:, :, None, None] if is_projection else value


def text_tensors(networks: Mapping[str, Any]) -> Tensors:
    encoder, second = networks["text_encoder"], networks.get("text_encoder_2")
    is_open_clip = encoder.config.hidden_act == "gelu"
    if second is None and is_open_clip:
        return with_unused_layer(dict(open_clip_tensors(encoder, "cond_stage_model.model.")))
    start = "cond_stage_model." if second is None else "conditioner.embedders.0."
    first = {f"{start}transformer.text_model.{name}": value for name, value in plain_names(encoder)}
    if second is None:
        return first
    return first | dict(open_clip_tensors(second, "conditioner.embedders.1.model."))


def with_unused_layer(tensors: Tensors) -> Tensors:
    """Return the tensors with one layer more: SD 2 reads OpenCLIP's last layer but one."""
    numbers = {int(name.split("resblocks.")[1].split(".")[0]) for name in tensors if "resb" in name}
    last, new = f"resblocks.{max(numbers)}.", f"resblocks.{max(numbers) + 1}."
    copies = {
        name.replace(last, new): value.clone() for name, value in tensors.items() if last in name
    }
    return tensors | copies


def plain_names(encoder: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield weights without the ``text_model.`` that some releases of transformers add."""
    for name, value in encoder.state_dict().items():
        if not name.endswith("position_ids"):
            yield name.removeprefix("text_model."), value


def open_clip_tensors(encoder: Any, start: str) -> Iterator[tuple[str, torch.Tensor]]:
    weights = dict(plain_names(encoder))
    fixed = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    for name, value in weights.items():
        if name in fixed:
            yield start + fixed[name], value
        elif name == "text_projection.weight":
            yield f"{start}text_projection", value.T
        elif match := re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(\w+)", name):
            three = [weights[name.replace("q_proj", f"{one}_proj")] for one in "qkv"]
            place = f"{start}transformer.resblocks.{match[1]}"
            yield f"{place}.attn.in_proj_{match[2]}", torch.cat(three)
        elif not re.search(r"self_attn\.[kv]_proj", name):
            match = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(\w+)", name)
            assert match is not None, name
            place = f"{start}transformer.resblocks.{match[1]}"
            yield f"{place}.{OPEN_CLIP[match[2]]}.{match[3]}", value


# ---- tiny pipelines with the released models' constants ------------------------------------------


def make_networks(family: Family) -> dict[str, Any]:
    """Return untrained networks; a picture has 64 pixels, and 77 tokens describe it."""
    torch.manual_seed(0)
    words = len(make_tokenizer(77))
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 64, 64),
        layers_per_block=1,
        sample_size=64,
        scaling_factor=0.13025 if family == "sdxl" else 0.18215,
    )
    if family == "sdxl":
        return {
            "unet": make_unet((64, 128, 128), family, 192),
            "vae": vae,
            "text_encoder": CLIPTextModel(text_config(words, 64, 64, "quick_gelu")),
            "text_encoder_2": CLIPTextModelWithProjection(text_config(words, 128, 64, "gelu")),
        }
    activation = "gelu" if family == "sd2" else "quick_gelu"
    return {
        "unet": make_unet((64, 128), family, 768 if family == "sd1" else 128),
        "vae": vae,
        "text_encoder": CLIPTextModel(
            text_config(words, 768 if family == "sd1" else 128, 64, activation)
        ),
    }


def make_unet(channels: tuple[int, ...], family: Family, text: int) -> UNet2DConditionModel:
    down = ["CrossAttnDownBlock2D"] * len(channels)
    down[0 if family == "sdxl" else -1] = "DownBlock2D"
    more: dict[str, Any] = {}
    if family == "sdxl":
        more = {
            "transformer_layers_per_block": (1, 1, 2),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 32,
            "projection_class_embeddings_input_dim": 64 + 6 * 32,
        }
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=tuple(down),
        up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(down)),
        attention_head_dim=8 if family == "sd1" else tuple(width // 64 for width in channels),
        cross_attention_dim=text,
        use_linear_projection=family != "sd1",
        **more,
    )


def text_config(words: int, width: int, projection: int, activation: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=max(1, width // 64),
        projection_dim=projection,
        hidden_act=activation,
        bos_token_id=words - 2,
        eos_token_id=words - 1,
        pad_token_id=words - 1 if activation == "quick_gelu" else 0,
    )


def make_pipeline(networks: dict[str, Any], prediction_type: str = "epsilon") -> Any:
    """Return the pipeline that diffusers would make of the single file."""
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction_type,
        timestep_spacing="leading",
        steps_offset=1,
    )
    parts = {**networks, "scheduler": scheduler, "tokenizer": make_tokenizer(77)}
    if "text_encoder_2" in networks:
        second = make_tokenizer(77)
        return StableDiffusionXLPipeline(**parts, tokenizer_2=second, add_watermarker=False)
    return StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
