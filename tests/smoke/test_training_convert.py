"""Adapter files are converted between two formats; other files are refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors.torch import load_file, save_file  # noqa: E402

from tests.smoke.tiny_pipelines import Family  # noqa: E402
from trainer.export import convert  # noqa: E402
from trainer.export.convert import UnknownFileError  # noqa: E402

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


def test_a_file_with_more_than_lora_pairs_is_refused() -> None:
    for odd in ("lora_unet_mid_block.hada_w1_a", "unet.mid_block.lora_magnitude_vector.weight"):
        with pytest.raises(UnknownFileError, match="1 of 9 keys"):
            convert.convert({**adapter("sd1"), odd: torch.zeros(1)})
    kohya, _ = convert.convert(adapter("sd1"))
    with pytest.raises(UnknownFileError, match="no lora_up"):
        convert.convert({key: value for key, value in kohya.items() if "lora_up" not in key})


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
