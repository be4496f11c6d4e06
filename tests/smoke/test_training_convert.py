"""Adapter files are converted between two formats; other files are refused."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors.torch import load_file, save_file  # noqa: E402

from tests.smoke.tiny_pipelines import Family  # noqa: E402
from trainer.export import convert  # noqa: E402
from trainer.export.foreign import Scales, UnknownFileError, read_pairs  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[2]
LAYERS = {
    "unet": [
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0",
        "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
        "up_blocks.1.attentions.2.proj_in",
    ],
    "text_encoder": ["text_model.encoder.layers.3.self_attn.q_proj"],
    "text_encoder_2": ["text_model.encoder.layers.11.mlp.fc1"],
}


def adapter(family: Family) -> convert.Tensors:
    """Return pairs of rank 4 in diffusers' format."""
    chance = torch.Generator().manual_seed(0)
    networks = [name for name in LAYERS if family == "sdxl" or name != "text_encoder_2"]
    return {
        f"{network}.{layer}.lora_{part}.weight": torch.randn(shape, generator=chance)
        for network in networks
        for layer in LAYERS[network]
        for part, shape in {"A": (4, 8), "B": (6, 4)}.items()
    }


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_converting_there_and_back_gives_the_same_file(family: Family) -> None:
    given = adapter(family)
    kohya, form = convert.convert(given)
    assert form == "kohya"
    assert any(key.startswith("lora_te1_" if family == "sdxl" else "lora_te_") for key in kohya)
    again, form = convert.convert(kohya)
    assert form == "diffusers"
    assert again.keys() == given.keys()
    assert all(torch.equal(again[key], given[key]) for key in given)


def test_alpha_is_multiplied_in_and_a_pair_without_alpha_gets_factor_one() -> None:
    kohya, _ = convert.convert(adapter("sd1"))
    first, second, *_ = [key for key in kohya if key.endswith(".alpha")]
    kohya[first] = torch.tensor(1.0)
    del kohya[second]
    made, _ = convert.convert(kohya)
    whole = adapter("sd1")
    factors = sorted(float((made[key] / whole[key]).mean()) for key in made if "lora_B" in key)
    assert factors == pytest.approx([0.25] + [1.0] * (len(factors) - 1))


@pytest.mark.parametrize(
    ("odd", "name"),
    [
        ("lora_unet_mid_block_attentions_0_proj_in.dora_scale", "DoRA of inputs"),
        ("lora_unet_mid_block_attentions_0_proj_in.wd_for_diff", "DoRA of differences"),
        ("lora_unet_mid_block_attentions_0_proj_in.on_input", r"\(IA\)3"),
        ("lora_unet_mid_block_attentions_0_proj_in.oft_blocks", "OFT"),
        ("lora_unet_mid_block_attentions_0_proj_in.diff", "whole differences"),
        ("model.diffusion_model.out.weight", "1 of 9 tensors"),
    ],
)
def test_what_is_no_plain_pair_is_refused_by_name(odd: str, name: str) -> None:
    with pytest.raises(UnknownFileError, match=name):
        convert.convert({**adapter("sd1"), odd: torch.zeros(1)})


@pytest.mark.parametrize("kind", ["hada", "lokr"])
def test_a_convolution_whose_kernel_no_tensor_says_is_refused(kind: str) -> None:
    name = "lora_unet_mid_block_resnets_0_conv1"
    parts = {"hada": HADA, "lokr": {"w1": (2, 2), "w2_a": (3, 2), "w2_b": (2, 4 * 9)}}[kind]
    given = {f"{name}.{kind}_{part}": random(*shape) for part, shape in parts.items()}
    with pytest.raises(UnknownFileError, match="do not say the kernel"):
        convert.convert(given)


def test_row_lengths_are_kept_in_both_formats() -> None:
    """Convert a linear layer, a convolution, and layers that one file joins."""
    linear = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    convolution = "unet.mid_block.resnets.0.conv1"
    text = "text_encoder.text_model.encoder.layers.3.self_attn.q_proj"
    given = {
        f"{linear}.lora_A.weight": random(2, 8),
        f"{linear}.lora_B.weight": random(6, 2),
        f"{linear}.lora_magnitude_vector": random(6),
        f"{convolution}.lora_A.weight": random(2, 8, 3, 3),
        f"{convolution}.lora_B.weight": random(6, 2, 1, 1),
        f"{convolution}.lora_magnitude_vector": random(1, 6, 1, 1),
        f"{text}.lora_A.weight": random(2, 8),
        f"{text}.lora_B.weight": random(6, 2),
        f"{text}.lora_magnitude_vector.weight": random(6),
    }
    kohya, _ = convert.convert(given)
    shapes = {tuple(t.shape) for key, t in kohya.items() if key.endswith(".dora_scale")}
    assert shapes == {(6, 1), (6, 1, 1, 1)}
    again, _ = convert.convert(kohya)
    assert again.keys() == given.keys()
    assert all(torch.equal(again[key], given[key]) for key in given)


def test_a_dora_without_a_length_for_each_output_is_refused() -> None:
    given = {f"{LAYER}.lora_down.weight": random(2, 8), f"{LAYER}.lora_up.weight": random(6, 2)}
    with pytest.raises(UnknownFileError, match="not one length for each"):
        read_pairs({**given, f"{LAYER}.dora_scale": random(5, 1)})


def test_half_a_pair_is_refused() -> None:
    kohya, _ = convert.convert(adapter("sd1"))
    with pytest.raises(UnknownFileError, match="missing: up, beside alpha, down"):
        convert.convert({key: value for key, value in kohya.items() if "lora_up" not in key})
    with pytest.raises(UnknownFileError, match="which network"):
        convert.convert({"base_model.model.encoder.layers.0.mlp.fc1.lora_A.weight": torch.zeros(1)})


LAYER = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
HADA = {"w1_a": (6, 3), "w1_b": (3, 8), "w2_a": (6, 4), "w2_b": (4, 8)}
OURS = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"


def change(tensors: convert.Tensors, name: str = OURS) -> Any:
    """Return what a converted file adds to the layer's weight."""
    converted, form = convert.convert(tensors)
    assert form == "diffusers"
    assert converted.keys() == {f"{name}.lora_A.weight", f"{name}.lora_B.weight"}
    down, up = converted[f"{name}.lora_A.weight"], converted[f"{name}.lora_B.weight"]
    return up @ down if down.dim() == 2 else (down, up)


def random(*shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_loha_becomes_the_same_change() -> None:
    given = {f"{LAYER}.hada_{name}": random(*shape) for name, shape in HADA.items()}
    a, b, c, d = given.values()
    assert torch.allclose(change(given), (a @ b) * (c @ d), atol=1e-5)
    given[f"{LAYER}.alpha"] = torch.tensor(1.5)
    assert torch.allclose(change(given), 0.5 * (a @ b) * (c @ d), atol=1e-5)


def test_lokr_becomes_the_same_change() -> None:
    whole, low = random(2, 4), (random(3, 2), random(2, 5))
    given = {f"{LAYER}.lokr_w1": whole, f"{LAYER}.lokr_w2": random(3, 5)}
    right = torch.kron(whole, given[f"{LAYER}.lokr_w2"])
    assert torch.allclose(change({**given, f"{LAYER}.alpha": torch.tensor(9.0)}), right, atol=1e-5)
    given = {
        f"{LAYER}.lokr_w1": whole.T.contiguous(),
        f"{LAYER}.lokr_w2_a": low[0],
        f"{LAYER}.lokr_w2_b": low[1],
        f"{LAYER}.alpha": torch.tensor(1.0),
    }
    right = torch.kron(whole.T.contiguous(), low[0] @ low[1]) / 2
    assert torch.allclose(change(given), right, atol=1e-5)


def test_locon_keeps_its_kernel_and_takes_tuckers_core_in() -> None:
    name = "lora_unet_input_blocks_4_0_in_layers_2"
    down, mid, up = random(2, 8, 1, 1), random(2, 2, 3, 3), random(6, 2, 1, 1)
    given = {
        f"{name}.lora_down.weight": down,
        f"{name}.lora_mid.weight": mid,
        f"{name}.lora_up.weight": up,
    }
    made_down, made_up = change(given, "unet.down_blocks.1.resnets.0.conv1")
    picture, conv = random(1, 8, 5, 5), torch.nn.functional.conv2d
    right = conv(conv(conv(picture, down), mid, padding=1), up)
    assert torch.allclose(conv(conv(picture, made_down, padding=1), made_up), right, atol=1e-4)


@pytest.mark.parametrize(
    "key",
    [
        "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.{}.weight",
        "mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.{}.weight",
        "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0.lora.{}.weight",
        "base_model.model.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0.lora_{}.weight",
    ],
)
def test_every_name_that_diffusers_and_peft_gave_a_layer_is_read(key: str) -> None:
    sides = ("A", "B") if "base_model" in key else ("down", "up")
    given = dict(zip(map(key.format, sides), (random(4, 8), random(6, 4)), strict=True))
    (layer,) = read_pairs(given)
    assert layer == "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"


@pytest.mark.parametrize(
    "key",
    [
        "transformer.layers.3.attention.to_out.0.lora_{}.weight",
        "diffusion_model.layers.3.attention.to_out.0.lora_{}.weight",
        "diffusion_model.layers.3.attention.out.lora_{}.weight",
        "base_model.model.layers.3.attention.to_out.0.lora_{}.weight",
        "lora_unet_layers_3_attention_to_out_0.lora_{}.weight",
        "lora_unet__layers_3_attention_to_out_0.lora_{}.weight",
    ],
)
def test_every_name_that_tools_give_a_layer_of_z_image_is_read(key: str) -> None:
    halves = ("down", "up") if key.startswith("lora_unet") else ("A", "B")
    given = dict(zip(map(key.format, halves), (random(4, 8), random(6, 4)), strict=True))
    (layer,) = read_pairs(given)
    assert layer == "transformer.layers.3.attention.to_out.0"


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("noise_refiner_0_feed_forward_w1", "noise_refiner.0.feed_forward.w1"),
        ("context_refiner_1_attention_to_q", "context_refiner.1.attention.to_q"),
        ("layers_29_adaLN_modulation_0", "layers.29.adaLN_modulation.0"),
    ],
)
def test_a_joined_name_of_z_image_keeps_the_words_that_have_a_line(name: str, layer: str) -> None:
    given = {f"lora_unet_{name}.lora_down.weight": random(4, 8)}
    given[f"lora_unet_{name}.lora_up.weight"] = random(6, 4)
    assert list(read_pairs(given)) == [f"transformer.{layer}"]


MIDDLE = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"
MIDDLE_OF_SGM = "middle_block.1.transformer_blocks.0.attn1.to_out.0"
WORD = "text_model.encoder.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        (f"diffusion_model.{MIDDLE_OF_SGM}", MIDDLE),
        (f"unet.{MIDDLE_OF_SGM}", MIDDLE),
        (f"lora_unet.{MIDDLE.removeprefix('unet.')}", MIDDLE),
        ("unet.input_blocks.3.0.op", "unet.down_blocks.0.downsamplers.0.conv"),
        ("unet.output_blocks.2.2.conv", "unet.up_blocks.0.upsamplers.0.conv"),
        ("diffusion_model.input_blocks.4.0.in_layers.2", "unet.down_blocks.1.resnets.0.conv1"),
        ("unet.label_emb.0.2", "unet.add_embedding.linear_2"),
        ("unet.time_embed.0", "unet.time_embedding.linear_1"),
        ("diffusion_model.out.2", "unet.conv_out"),
        (f"clip_l.{WORD}", f"text_encoder.{WORD}"),
        (f"lora_te2.{WORD}", f"text_encoder_2.{WORD}"),
        (f"text_encoders.clip_g.transformer.{WORD}", f"text_encoder_2.{WORD}"),
        (f"text_encoders.clip_h.transformer.{WORD}", f"text_encoder.{WORD}"),
        ("lora_transformer_layers_0_attention_to_q", "transformer.layers.0.attention.to_q"),
    ],
)
def test_names_of_onetrainer_the_open_model_initiative_and_comfyui_are_read(
    name: str, layer: str
) -> None:
    given = {f"{name}.lora_down.weight": random(4, 8), f"{name}.lora_up.weight": random(6, 4)}
    (found,) = read_pairs(given)
    assert found == layer


def test_pefts_own_name_of_an_adapter_may_be_in_the_keys() -> None:
    name = f"base_model.model.{MIDDLE.removeprefix('unet.')}"
    given = {f"{name}.lora_{half}.default.weight": random(4, 4) for half in "AB"}
    assert list(read_pairs(given)) == [MIDDLE]
    with pytest.raises(UnknownFileError, match="twice"):
        read_pairs(given | {f"{name}.lora_A.weight": random(4, 4)})


def test_joined_queries_keys_and_values_are_three_pairs_exactly() -> None:
    name = "diffusion_model.layers.0.attention"
    down, up = random(2, 8), random(18, 2)
    given = {f"{name}.qkv.lora_A.weight": down, f"{name}.qkv.lora_B.weight": up}
    given[f"{name}.qkv.alpha"] = torch.tensor(1.0)
    given[f"{name}.qkv.dora_scale"] = random(18, 1)
    pairs = read_pairs(given)
    of_keys = pairs["transformer.layers.0.attention.to_k"].lengths
    assert torch.equal(of_keys, random(18, 1).flatten()[6:12])
    changes = [
        pair.up @ pair.down * (pair.alpha / pair.rank)
        for end in ("to_q", "to_k", "to_v")
        for pair in [pairs[f"transformer.layers.0.attention.{end}"]]
    ]
    assert torch.allclose(torch.cat(changes), up @ down / 2, atol=1e-6)
    given |= {f"{name}.to_k.lora_A.weight": down, f"{name}.to_k.lora_B.weight": up[:6]}
    with pytest.raises(UnknownFileError, match="twice"):
        read_pairs(given)


def test_a_file_of_ours_says_how_many_layers_a_block_has(tmp_path: Path) -> None:
    path = tmp_path / "in.safetensors"
    name = "lora_unet_output_blocks_2_1_proj_in"
    pair = {f"{name}.lora_down.weight": random(4, 8), f"{name}.lora_up.weight": random(6, 4)}
    save_file(pair, path, metadata={"likeness_layers_per_block": "1"})
    converted, _ = convert.convert(*convert.read_file(path))
    assert {key.split(".lora_")[0] for key in converted} == {
        "unet.up_blocks.1.attentions.0.proj_in"
    }


def test_the_command_converts_a_file_or_says_why_not(tmp_path: Path) -> None:
    source, target = tmp_path / "in.safetensors", tmp_path / "out.safetensors"
    save_file(adapter("sdxl"), source)
    done = [run(source, target), run(tmp_path / "none", target)]
    assert [run.returncode for run in done] == [0, 2]
    assert "in kohya format" in done[0].stdout
    assert done[1].stderr.startswith("cannot be converted: ")
    assert load_file(target).keys() == convert.convert(adapter("sdxl"))[0].keys()


def run(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer.export.convert", str(source), str(target)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'training_image'}"},
        capture_output=True,
        text=True,
        check=False,
    )


def pair(rank: int = 4) -> dict[str, Any]:
    return {
        "unet.a.attn1.to_q.lora_A.weight": torch.ones(rank, 8),
        "unet.a.attn1.to_q.lora_B.weight": torch.ones(8, rank),
        "unet.a.attn2.to_q.lora_A.weight": torch.ones(rank, 8),
        "unet.a.attn2.to_q.lora_B.weight": torch.ones(8, rank),
    }


@pytest.mark.parametrize(
    ("settings", "alphas"),
    [
        ({}, [4, 4]),
        ({"unet.r": 4, "unet.lora_alpha": 8}, [8, 8]),
        ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn2.to_q": 2}}, [8, 2]),
        ({"unet.lora_alpha": 8, "unet.use_rslora": True}, [16, 16]),
        ({"text_encoder.lora_alpha": 8}, [4, 4]),
    ],
)
def test_the_alpha_in_diffusers_metadata_counts(
    settings: dict[str, Any], alphas: list[float], tmp_path: Path
) -> None:
    path = tmp_path / "in.safetensors"
    save_file(pair(), path, {"format": "pt", "lora_adapter_metadata": json.dumps(settings)})
    file = convert.read_file(path)
    pairs = read_pairs(*file)
    assert [found.alpha for found in pairs.values()] == alphas
    converted, _ = convert.convert(*file)
    assert [float(converted[key]) for key in sorted(converted) if key.endswith("alpha")] == alphas


@pytest.mark.parametrize(
    "settings", ["{", "[]", '{"unet.lora_alpha": "8"}', '{"unet.alpha_pattern": {"a|b": 2}}']
)
def test_metadata_that_cannot_be_read_are_refused(settings: str, tmp_path: Path) -> None:
    path = tmp_path / "in.safetensors"
    save_file(pair(), path, {"lora_adapter_metadata": settings})
    with pytest.raises(UnknownFileError, match="metadata"):
        read_pairs(*convert.read_file(path))


def test_the_alpha_of_the_request_counts_where_the_file_says_none() -> None:
    scales = Scales({"unet.lora_alpha": 8}, alpha=2)
    own = {"lora_te_a.lora_down.weight": torch.ones(4, 8), "lora_te_a.alpha": torch.tensor(3)}
    other = {key.replace("unet", "text_encoder"): tensor for key, tensor in pair().items()}
    given = pair() | other | own | {"lora_te_a.lora_up.weight": torch.ones(8, 4)}
    found = {layer: one.alpha for layer, one in read_pairs(given, 2, scales).items()}
    assert (found["unet.a.attn1.to_q"], found["text_encoder.a.attn1.to_q"]) == (8, 2)
    assert found["text_encoder.a"] == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"unet.a.attn1.to_q.lora_A.weight": torch.ones(0, 8),
         "unet.a.attn1.to_q.lora_B.weight": torch.ones(8, 0)},
        {"unet.a.attn1.to_q.lora_B.weight": torch.ones(8)},
        {"unet.a.attn1.to_q.lora_A.weight": torch.tensor(1.0)},
        {"unet.a.attn1.to_q.alpha": torch.ones(4)},
        {"unet.a.attn1.to_q.lora.down.weight": torch.ones(4, 8)},
        {"unet.b.hada_w1_a": torch.ones(8, 2), "unet.b.hada_w1_b": torch.ones(2, 8),
         "unet.b.hada_w2_a": torch.ones(8, 2), "unet.b.hada_w2_b": torch.ones(2, 7)},
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_refused_in_words(
    changed: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "in.safetensors"
    save_file(pair() | changed, path)
    monkeypatch.setattr(sys, "argv", ["convert", str(path), str(tmp_path / "out.safetensors")])
    assert convert.main() == 2
    assert "a layer" in capsys.readouterr().err


def test_pefts_file_for_z_image_becomes_diffusers() -> None:
    layer = "layers.0.attention.to_q"
    given = {f"base_model.model.{layer}.lora_{side}.weight": torch.ones(4, 4) for side in "AB"}
    converted, form = convert.convert(given)
    assert form == "diffusers"
    assert set(converted) == {f"transformer.{layer}.lora_{side}.weight" for side in "AB"}
