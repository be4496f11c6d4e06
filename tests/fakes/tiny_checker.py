"""diffusers' safety checker with random weights and one threshold: it flags all pictures, or none.

tests/smoke makes such a checker with diffusers; the end-to-end tests run without PyTorch.
"""

import json

import numpy as np

from tests.fakes.tiny_vit import safetensors

WIDE, SIDE, PATCH, CONCEPTS = 16, 32, 16, 8
LAYER = "vision_model.encoder.layers.0."

CONFIG = {
    "architectures": ["StableDiffusionSafetyChecker"],
    "model_type": "clip",
    "projection_dim": CONCEPTS,
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": WIDE,
        "intermediate_size": WIDE,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
    },
}
PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": SIDE},
    "crop_size": {"height": SIDE, "width": SIDE},
}


def tiny_checker(threshold: float) -> dict[str, bytes]:
    """Return a checker's files; it flags pictures whose cosine to a concept is above that."""
    random = np.random.default_rng(0)
    maps = [f"{LAYER}self_attn.{part}_proj" for part in ("q", "k", "v", "out")]
    maps += [f"{LAYER}mlp.{part}" for part in ("fc1", "fc2")]
    norms = [f"{LAYER}layer_norm1", f"{LAYER}layer_norm2"]
    norms += ["vision_model.pre_layrnorm", "vision_model.post_layernorm"]
    shapes: dict[str, tuple[int, ...]] = {
        "concept_embeds": (17, CONCEPTS),
        "special_care_embeds": (3, CONCEPTS),
        "vision_model.embeddings.class_embedding": (WIDE,),
        "vision_model.embeddings.patch_embedding.weight": (WIDE, 3, PATCH, PATCH),
        "vision_model.embeddings.position_embedding.weight": ((SIDE // PATCH) ** 2 + 1, WIDE),
        "visual_projection.weight": (CONCEPTS, WIDE),
        **{f"{name}.weight": (WIDE, WIDE) for name in maps},
        **{f"{name}.bias": (WIDE,) for name in (*maps, *norms)},
        **{f"{name}.weight": (WIDE,) for name in norms},
    }
    tensors = {
        name: random.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()
    }
    tensors["concept_embeds_weights"] = np.full(17, threshold, np.float32)
    tensors["special_care_embeds_weights"] = np.full(3, threshold, np.float32)
    return {
        "safety_checker/config.json": json.dumps(CONFIG).encode(),
        "safety_checker/model.safetensors": safetensors(tensors),
        "feature_extractor/preprocessor_config.json": json.dumps(PROCESSOR).encode(),
    }
