"""Writes a captioner with random weights, whose descriptions are a few of eleven words.

python -m tests.fakes.tiny_captioner FOLDER
"""

import sys
from pathlib import Path

import torch
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
)

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "man", "with", "hat", "[DEC]", "[ENC]"]


def tiny_blip(folder: Path) -> None:
    """Write an untrained BLIP in transformers' format."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    text = sizes | {"vocab_size": len(TOKENS), "num_attention_heads": 2, "encoder_hidden_size": 16}
    text |= {"bos_token_id": 9, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    vision = sizes | {"image_size": 32, "patch_size": 16, "num_attention_heads": 2}
    config = BlipConfig(text_config=text | {"is_decoder": True}, vision_config=vision)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(TOKENS)}
    tokenizer = BertTokenizer(vocab=vocabulary, additional_special_tokens=TOKENS[9:])
    size = {"height": 32, "width": 32}
    BlipProcessor(BlipImageProcessor(size=size), tokenizer).save_pretrained(folder)


if __name__ == "__main__":
    tiny_blip(Path(sys.argv[1]))
