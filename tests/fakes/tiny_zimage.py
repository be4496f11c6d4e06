"""An untrained Z-Image of 0.6 million parameters; it needs the environment of the trainer.

Its Qwen3 text encoder reads single bytes between the signs of Qwen's chat template.
"""

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

WIDTH, TEXT_WIDTH, HEADS = 48, 32, 3
SIGNS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TURBO_SHIFT = 3.0
"""The scheduler's shift of the released Z-Image-Turbo."""

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_zimage(shift: float = TURBO_SHIFT) -> ZImagePipeline:
    """Return a pipeline whose weights depend on torch's seed."""
    transformer = ZImageTransformer2DModel(
        in_channels=4,
        dim=WIDTH,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=HEADS,
        n_kv_heads=HEADS,
        cap_feat_dim=TEXT_WIDTH,
        axes_dims=[4, 6, 6],
        axes_lens=[1024, 64, 64],
    )
    for token in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.normal_(token)  # zeros would hide a wrong mask
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=shift),
        vae=make_vae(),
        text_encoder=Qwen3Model(text_config()),
        tokenizer=make_tokenizer(),
        transformer=transformer,
    )


def make_vae() -> AutoencoderKL:
    """Return an autoencoder of four channels whose latents are shifted, as FLUX's are."""
    return AutoencoderKL(
        latent_channels=4,
        block_out_channels=(8, 16, 16),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        sample_size=64,
        scaling_factor=0.3611,
        shift_factor=0.1159,
    )


def text_config() -> Qwen3Config:
    """Return the sizes of the text encoder; its last layer but one is what Z-Image reads."""
    return Qwen3Config(
        vocab_size=256 + len(SIGNS),
        hidden_size=TEXT_WIDTH,
        intermediate_size=2 * TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=TEXT_WIDTH // 2,
    )


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of single bytes with Qwen's signs and chat template."""
    letters = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *SIGNS]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    end, start, stop = SIGNS
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=end,
        eos_token=stop,
        additional_special_tokens=[start, stop],
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
