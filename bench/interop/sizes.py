"""The networks of the real bases, as their published configurations describe them."""

from typing import Any

SD_BLOCKS = {
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "block_out_channels": (320, 640, 1280, 1280),
}
REAL_UNETS: dict[str, dict[str, Any]] = {
    "sd1": {**SD_BLOCKS, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sd2": {
        **SD_BLOCKS,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    "sdxl": {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (320, 640, 1280),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
REAL_TEXTS: dict[str, dict[str, int]] = {
    "clip_l": {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072},
    "clip_h": {"hidden_size": 1024, "num_hidden_layers": 23, "intermediate_size": 4096},
    "clip_g": {"hidden_size": 1280, "num_hidden_layers": 32, "intermediate_size": 5120},
}
TEXTS_OF = {"sd1": ("clip_l",), "sd2": ("clip_h",), "sdxl": ("clip_l", "clip_g")}
