"""Diffusers' configs of a single file: sizes from its tensors, the rest from its family.

What shapes tell: channels, layers, blocks with attention, widths, the vocabulary.
What they do not tell and every released SD 1, SD 2 and SDXL has in common: 64 wide heads (SD 1's
UNet: 8 heads), groups of the norms (32), activations, the noise schedule, the latents' scale.
"""

from typing import Any

from contracts.base import PredictionType
from likeness_client.bases.checkpoint import (
    SD2_TEXT,
    SD_TEXT,
    UNET,
    VAE,
    XL_TEXT_1,
    XL_TEXT_2,
    Checkpoint,
)
from likeness_client.bases.errors import BaseRefusedError

HEAD_WIDTH, SD1_HEADS, NORM_GROUPS, MATRIX = 64, 8, 32, 2
TIME_IDS = 6
SCALING_FACTORS = {"sd1": 0.18215, "sd2": 0.18215, "sdxl": 0.13025}
START, END = "bos_token_id", "eos_token_id"

Config = dict[str, Any]


def configs_of(
    checkpoint: Checkpoint, prediction_type: PredictionType, resolution: int
) -> dict[str, Config]:
    """Return the content of each config file, by its path in the folder.

    Raises:
        BaseRefusedError: the UNet has a form that the family does not have.
    """
    vae = vae_config(checkpoint, resolution)
    reduction = 2 ** (len(vae["block_out_channels"]) - 1)
    unet = unet_config(checkpoint) | {"sample_size": resolution // reduction}
    text = text_configs(checkpoint)
    configs = {"unet": unet, "vae": vae, **text}
    return {
        "model_index.json": model_index(checkpoint),
        "scheduler/scheduler_config.json": scheduler_config(checkpoint, prediction_type),
        **{f"{name}/config.json": config for name, config in configs.items()},
    }


def model_index(checkpoint: Checkpoint) -> Config:
    """Return the pipeline's parts."""
    first = {
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if checkpoint.family != "sdxl":
        unused = {"safety_checker": [None, None], "feature_extractor": [None, None]}
        more = {"requires_safety_checker": False}
        return {"_class_name": "StableDiffusionPipeline", **first, **unused, **more}
    second = {
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "force_zeros_for_empty_prompt": True,
    }
    return {"_class_name": "StableDiffusionXLPipeline", **first, **second}


def scheduler_config(checkpoint: Checkpoint, prediction_type: PredictionType) -> Config:
    """Return the schedule of all three families."""
    zero = checkpoint.has_zero_terminal_snr
    return {
        "_class_name": "EulerDiscreteScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "prediction_type": prediction_type,
        "rescale_betas_zero_snr": zero,
        "steps_offset": 1,
        "timestep_spacing": "trailing" if zero else "leading",
    }


# ---- the UNet ------------------------------------------------------------------------------------


def unet_config(checkpoint: Checkpoint) -> Config:
    """Return the UNet's config without ``sample_size``.

    The input blocks are, level by level, ``layers`` ResNets and then one that halves the size; the
    last level has none of the latter.
    """
    levels = unet_levels(checkpoint)
    depths = [level["depth"] for level in levels]
    channels = [level["channels"] for level in levels]
    attention = next(name for name in checkpoint.shapes if name.endswith(".attn2.to_k.weight"))
    projection = next(name for name in checkpoint.shapes if name.endswith(".1.proj_in.weight"))
    config: Config = {
        "_class_name": "UNet2DConditionModel",
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": channels,
        "layers_per_block": levels[0]["layers"],
        "down_block_types": [_kind("Down", depth) for depth in depths],
        "up_block_types": [_kind("Up", depth) for depth in reversed(depths)],
        "transformer_layers_per_block": [depth or 1 for depth in depths],
        "cross_attention_dim": checkpoint.shapes[attention][1],
        "attention_head_dim": heads(checkpoint, channels),
        "norm_num_groups": NORM_GROUPS,
        "use_linear_projection": len(checkpoint.shapes[projection]) == MATRIX,
    }
    label = checkpoint.shapes.get(f"{UNET}label_emb.0.0.weight")
    return config if label is None else config | added_conditions(checkpoint, label[1])


def unet_levels(checkpoint: Checkpoint) -> list[dict[str, int]]:
    """Return channels, ResNets and transformer layers (0: no attention) of each level.

    Raises:
        BaseRefusedError: the levels have different numbers of ResNets.
    """
    levels = [{"layers": 0, "channels": 0, "depth": 0}]
    for number in range(1, checkpoint.count(rf"{UNET}input_blocks\.(\d+)\.")):
        block = f"{UNET}input_blocks.{number}."
        if f"{block}0.op.weight" in checkpoint.shapes:
            levels.append({"layers": 0, "channels": 0, "depth": 0})
            continue
        levels[-1]["layers"] += 1
        levels[-1]["channels"] = checkpoint.shapes[f"{block}0.out_layers.3.weight"][0]
        levels[-1]["depth"] = checkpoint.count(rf"{block}1\.transformer_blocks\.(\d+)\.")
    if len({level["layers"] for level in levels}) != 1:
        raise BaseRefusedError(
            f"{checkpoint.path.name}: the UNet's levels have different numbers of layers, which no"
            f" {checkpoint.family} has: give its configs by --config FOLDER"
        )
    return levels


def _kind(direction: str, depth: int) -> str:
    return f"CrossAttn{direction}Block2D" if depth else f"{direction}Block2D"


def heads(checkpoint: Checkpoint, channels: list[int]) -> int | list[int]:
    """Return the number of heads, which diffusers calls ``attention_head_dim``."""
    if checkpoint.family == "sd1":
        return SD1_HEADS
    return [max(1, width // HEAD_WIDTH) for width in channels]


def added_conditions(checkpoint: Checkpoint, width: int) -> Config:
    """Return SDXL's conditions: the pooled text, and six numbers about the picture's size."""
    pooled = checkpoint.shapes[f"{XL_TEXT_2}text_projection"][1]
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": (width - pooled) // TIME_IDS,
        "projection_class_embeddings_input_dim": width,
    }


# ---- the autoencoder -----------------------------------------------------------------------------


def vae_config(checkpoint: Checkpoint, resolution: int) -> Config:
    """Return the autoencoder's config."""
    levels = checkpoint.count(rf"{VAE}encoder\.down\.(\d+)\.")
    shapes = checkpoint.shapes
    channels = [
        shapes[f"{VAE}encoder.down.{level}.block.0.conv2.weight"][0] for level in range(levels)
    ]
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": shapes[f"{VAE}post_quant_conv.weight"][0],
        "block_out_channels": channels,
        "layers_per_block": checkpoint.count(rf"{VAE}encoder\.down\.0\.block\.(\d+)\."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "mid_block_add_attention": checkpoint.has(f"{VAE}encoder.mid.attn_1."),
        "norm_num_groups": NORM_GROUPS,
        "sample_size": resolution,
        "scaling_factor": SCALING_FACTORS[checkpoint.family],
    }


# ---- the text encoders ---------------------------------------------------------------------------


def text_configs(checkpoint: Checkpoint) -> dict[str, Config]:
    """Return the config of each text encoder, by its name in the pipeline."""
    if checkpoint.family == "sd1":
        return {"text_encoder": clip_config(checkpoint, SD_TEXT)}
    if checkpoint.family == "sd2":
        # SD 2 reads the last layer but one, so diffusers' folders do not have the last one.
        return {"text_encoder": open_clip_config(checkpoint, SD2_TEXT, unused_layers=1)}
    return {
        "text_encoder": clip_config(checkpoint, XL_TEXT_1),
        "text_encoder_2": open_clip_config(checkpoint, XL_TEXT_2),
    }


def clip_config(checkpoint: Checkpoint, start: str) -> Config:
    """Return the config of OpenAI's CLIP, which has transformers' own names."""
    words, width = checkpoint.shapes[f"{start}embeddings.token_embedding.weight"]
    return text_config(
        words,
        width,
        layers=checkpoint.count(rf"{start}encoder\.layers\.(\d+)\."),
        inner=checkpoint.shapes[f"{start}encoder.layers.0.mlp.fc1.weight"][0],
        positions=checkpoint.shapes[f"{start}embeddings.position_embedding.weight"][0],
        projection=width,
        activation="quick_gelu",
    )


def open_clip_config(checkpoint: Checkpoint, start: str, unused_layers: int = 0) -> Config:
    """Return the config of an OpenCLIP encoder."""
    words, width = checkpoint.shapes[f"{start}token_embedding.weight"]
    projection = checkpoint.shapes.get(f"{start}text_projection", (width, width))[1]
    return text_config(
        words,
        width,
        layers=checkpoint.count(rf"{start}transformer\.resblocks\.(\d+)\.") - unused_layers,
        inner=checkpoint.shapes[f"{start}transformer.resblocks.0.mlp.c_fc.weight"][0],
        positions=checkpoint.shapes[f"{start}positional_embedding"][0],
        projection=projection,
        activation="gelu",
    )


def text_config(  # noqa: PLR0913 - a config has so many fields
    words: int,
    width: int,
    *,
    layers: int,
    inner: int,
    positions: int,
    projection: int,
    activation: str,
) -> Config:
    """Return a config of transformers' CLIP text model; the last two words are start and end."""
    return {
        "model_type": "clip_text_model",
        "vocab_size": words,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "projection_dim": projection,
        "hidden_act": activation,
        START: words - 2,
        END: words - 1,
        "pad_token_id": words - 1 if activation == "quick_gelu" else 0,
    }
