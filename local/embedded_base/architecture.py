"""The networks of the embedded base: Stable Diffusion XL's architecture with a few MB of weights.

The classes are those of the full-size models, so that code works for both. Needs the training or
the serving environment (torch, diffusers, transformers).
"""

from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from local.embedded_base.tokenizer import make_tokenizer

RESOLUTION = 64
LATENT_SIDE, LATENT_CHANNELS = 16, 4
TOKENS = 48
WIDTHS = (64, 96)
"""Width of the two text encoders; the UNet attends to both side by side, as in SDXL."""

POOLED = 64
TIME_ID_WIDTH = 16
NOISE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.014,
    "beta_schedule": "scaled_linear",
}


def make_vae() -> AutoencoderKL:
    """Return an autoencoder from 64 x 64 x 3 to 16 x 16 x 4."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(24, 48, 96),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=RESOLUTION,
        mid_block_add_attention=False,
        force_upcast=False,
    )


def make_unet(channels: tuple[int, int, int] = (96, 128, 128)) -> UNet2DConditionModel:
    """Return a UNet of SDXL's kind, which takes text, pooled text and six time ids."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=channels,
        layers_per_block=1,
        transformer_layers_per_block=1,
        attention_head_dim=tuple(width // 32 for width in channels),
        cross_attention_dim=sum(WIDTHS),
        norm_num_groups=16,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_ID_WIDTH,
        projection_class_embeddings_input_dim=POOLED + 6 * TIME_ID_WIDTH,
    )


def make_sd2_unet(channels: tuple[int, int] = (32, 64)) -> UNet2DConditionModel:
    """Return a UNet of Stable Diffusion 2's kind, which takes the text of one encoder."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=channels,
        layers_per_block=1,
        attention_head_dim=tuple(width // 32 for width in channels),
        cross_attention_dim=WIDTHS[0],
        norm_num_groups=16,
        use_linear_projection=True,
    )


def make_text_encoders() -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """Return SDXL's two text encoders; a pipeline reads the penultimate layer of each."""
    tokenizer = make_tokenizer(TOKENS)
    first, second = (
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=width * 3,
            num_hidden_layers=3,
            num_attention_heads=width // 32,
            max_position_embeddings=TOKENS,
            projection_dim=POOLED,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        for width in WIDTHS
    )
    return CLIPTextModel(first), CLIPTextModelWithProjection(second)


def make_scheduler(prediction_type: str = "epsilon") -> DPMSolverMultistepScheduler:
    """Return the scheduler of the base; training reads its noise schedule."""
    return DPMSolverMultistepScheduler(
        **NOISE,
        prediction_type=prediction_type,
        timestep_spacing="trailing",
        steps_offset=1,  # unused here; diffusers warns without it
    )
