"""The names of SDXL's layers in kohya's files: the whole set, from the UNet's architecture."""

import re
from collections import Counter

import pytest

from contracts.shared.weights import lora_names
from contracts.shared.weights.lora_names import kohya_name, layer_path

DEPTH = {"down_blocks.1": 2, "down_blocks.2": 10, "up_blocks.0": 10, "up_blocks.1": 2}
"""SDXL's transformer layers by block; the middle has 10. The other blocks have no attention."""

PROJECTIONS = [f"attn{n}.{part}" for n in (1, 2) for part in ("to_q", "to_k", "to_v", "to_out.0")]


def attentions() -> dict[str, int]:
    """Return SDXL's attention modules and their depth: 2 in a down block, 3 in an up block."""
    found = {"mid_block.attentions.0": 10}
    for block, depth in DEPTH.items():
        for number in range(2 if block.startswith("down") else 3):
            found[f"{block}.attentions.{number}"] = depth
    return found


def adapted_layers() -> list[str]:
    """Return the layers of SDXL's UNet that get an adapter by default."""
    return [
        f"{attention}.transformer_blocks.{layer}.{projection}"
        for attention, depth in attentions().items()
        for layer in range(depth)
        for projection in PROJECTIONS
    ]


def names() -> list[str]:
    return [kohya_name("unet", layer, sdxl=True) for layer in adapted_layers()]


def test_all_560_layers_of_sdxl_have_the_names_of_stability_ais_unet() -> None:
    blocks = Counter(re.match(r"lora_unet_(\w+?)_transformer_blocks", n)[1] for n in names())  # type: ignore[index]
    deep, shallow = 10 * len(PROJECTIONS), 2 * len(PROJECTIONS)
    assert blocks == {
        "input_blocks_4_1": shallow,
        "input_blocks_5_1": shallow,
        "input_blocks_7_1": deep,
        "input_blocks_8_1": deep,
        "middle_block_1": deep,
        **{f"output_blocks_{number}_1": deep for number in (0, 1, 2)},
        **{f"output_blocks_{number}_1": shallow for number in (3, 4, 5)},
    }
    assert sum(blocks.values()) == 560


@pytest.mark.parametrize("sdxl", [True, False])
def test_every_name_leads_back_to_its_layer(sdxl: bool) -> None:
    for layer in [*adapted_layers(), *other_layers()]:
        name = kohya_name("unet", layer, sdxl=sdxl).removeprefix("lora_unet_")
        assert layer_path(name) == layer


def other_layers() -> list[str]:
    """Return layers that LoCon files adapt too."""
    resnet = ["conv1", "conv2", "time_emb_proj", "conv_shortcut"]
    blocks = ["down_blocks.1.resnets.0", "mid_block.resnets.1", "up_blocks.2.resnets.2"]
    return [
        *(f"{block}.{part}" for block in blocks for part in resnet),
        *("down_blocks.0.downsamplers.0.conv", "up_blocks.1.upsamplers.0.conv"),
        *("conv_in", "conv_out", "time_embedding.linear_2", "add_embedding.linear_1"),
        *("mid_block.attentions.0.proj_in", "up_blocks.0.attentions.1.proj_out"),
        *("mid_block.attentions.0.transformer_blocks.9.ff.net.0.proj",),
        *("mid_block.attentions.0.transformer_blocks.9.ff.net.2",),
    ]


def test_a_smaller_unet_is_numbered_by_its_own_layers_per_block() -> None:
    layer = "up_blocks.1.attentions.0.proj_in"
    name = kohya_name("unet", layer, sdxl=True, layers_per_block=1)
    assert name == "lora_unet_output_blocks_2_1_proj_in"
    assert layer_path(name.removeprefix("lora_unet_"), layers_per_block=1) == layer


def test_the_text_encoders_prefixes_depend_on_how_many_there_are() -> None:
    path = "text_model.encoder.layers.0.self_attn.q_proj"
    joined = "text_model_encoder_layers_0_self_attn_q_proj"
    assert kohya_name("text_encoder", path, sdxl=False) == f"lora_te_{joined}"
    assert kohya_name("text_encoder", path, sdxl=True) == f"lora_te1_{joined}"
    assert kohya_name("text_encoder_2", path, sdxl=True) == f"lora_te2_{joined}"
    assert layer_path(joined) == path


def test_an_sdxl_is_known_by_its_layers() -> None:
    assert lora_names.is_sdxl(["unet.down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q"])
    assert lora_names.is_sdxl(["text_encoder_2.text_model.encoder.layers.0.mlp.fc1"])
    assert not lora_names.is_sdxl(["unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"])
