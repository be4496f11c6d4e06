"""``likeness base add`` on single files of the original layout, and bases with missing files."""

import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from diffusers import DiffusionPipeline, UNet2DConditionModel  # noqa: E402

from contracts.base import BaseCard  # noqa: E402
from likeness_client.__main__ import main  # noqa: E402
from likeness_client.bases.card import prediction_seen  # noqa: E402
from likeness_client.bases.checkpoint import Checkpoint  # noqa: E402
from likeness_client.bases.configs import unet_config, vae_config  # noqa: E402
from likeness_client.bases.draw import load, noise_correlation  # noqa: E402
from likeness_client.bases.folder import read_pipeline, used_files  # noqa: E402
from local.embedded_base import PORTRAITS, PORTRAITS_SD2  # noqa: E402
from local.embedded_base.tokenizer import make_tokenizer  # noqa: E402
from tests.smoke.original_layout import (  # noqa: E402
    make_networks,
    unet_tensors,
    write_single_file,
)
from tests.smoke.tiny_pipelines import Family, make_base, write_card  # noqa: E402
from trainer.model.base import load_base, read_card  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

FAMILIES: tuple[Family, ...] = ("sd1", "sd2", "sdxl")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_single_file_becomes_the_pipeline_that_it_was(family: Family, tmp_path: Path) -> None:
    networks, words = make_networks(family), tmp_path / "words"
    write_single_file(networks, tmp_path / "One File.safetensors")
    make_tokenizer(77).save_pretrained(words)
    command = ["base", "add", str(tmp_path / "One File.safetensors"), "--tokenizer", str(words)]

    assert main([*command, "--prediction-type", "epsilon", "--resolution", "64"]) == 0

    folder = tmp_path / "one-file"
    card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
    assert (card.base_id, card.family, card.resolution) == ("one-file", family, 64)
    assert (folder / "first_picture.png").is_file()
    made = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    for name, network in networks.items():
        found = made.components[name].state_dict()
        expected = network.state_dict()
        unused = expected.keys() - found.keys()
        assert found.keys() <= expected.keys()
        assert not unused or (family, name) == ("sd2", "text_encoder")
        assert all(torch.equal(expected[weight], found[weight]) for weight in found)
    before = (folder / "unet/config.json").stat().st_mtime_ns
    assert main([*command, "--prediction-type", "epsilon", "--resolution", "64"]) == 0
    assert (folder / "unet/config.json").stat().st_mtime_ns == before  # not converted again


def test_a_file_without_a_tokenizer_asks_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_single_file(make_networks("sd2"), tmp_path / "one.safetensors")
    assert main(["base", "add", str(tmp_path / "one.safetensors")]) == 1
    assert "name the folder with its own tokenizer by --tokenizer" in capsys.readouterr().err
    assert main(["base", "add", str(tmp_path / "one.safetensors"), "--tokenizer", "."]) == 1
    assert "neither tokenizer.json nor vocab.json" in capsys.readouterr().err


RELEASED: dict[Family, dict[str, Any]] = {
    "sd1": {
        "block_out_channels": (320, 640, 1280, 1280),
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
    },
    "sd2": {
        "block_out_channels": (320, 640, 1280, 1280),
        "attention_head_dim": (5, 10, 20, 20),
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
    },
    "sdxl": {
        "block_out_channels": (320, 640, 1280),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "transformer_layers_per_block": (1, 2, 10),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
"""The UNets of the released models where they differ from diffusers' defaults."""


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shapes_of_a_released_unet_give_its_config(family: Family) -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**RELEASED[family])
        shapes = {name: tuple(value.shape) for name, value in unet_tensors(unet)}
    shapes["conditioner.embedders.1.model.text_projection"] = (1280, 1280)
    found = unet_config(Checkpoint(Path("model.safetensors"), family, shapes))
    with torch.device("meta"):
        again = UNet2DConditionModel(**{k: v for k, v in found.items() if k[0] != "_"})
    differing = {
        name: (unet.config[name], value)
        for name, value in again.config.items()
        if name[0] != "_" and comparable(unet.config[name]) != comparable(value)
    }
    assert differing == {}


def comparable(value: Any) -> Any:
    """Return lists as tuples, and a list of equal numbers as its number."""
    if isinstance(value, list | tuple):
        return value[0] if set(value) == {1} else tuple(value)
    return value


def test_latents_of_sdxl_have_another_scale_than_those_of_sd() -> None:
    networks = make_networks("sdxl")
    found = {}
    for family in FAMILIES:
        shapes = {
            f"first_stage_model.{name}": tuple(value.shape)
            for name, value in networks["vae"].state_dict().items()
        }
        shapes["first_stage_model.encoder.down.0.block.0.conv2.weight"] = (32, 32, 3, 3)
        found[family] = vae_config(Checkpoint(Path("x"), family, shapes), 64)["scaling_factor"]
    assert found == {"sd1": 0.18215, "sd2": 0.18215, "sdxl": 0.13025}


def test_what_a_unet_predicts_shows_in_its_answer_to_pure_noise() -> None:
    seen = {}
    for folder in (PORTRAITS, PORTRAITS_SD2):
        pipeline = read_pipeline(folder)
        loaded = load(pipeline, used_files(pipeline))
        seen[folder.name] = prediction_seen(noise_correlation(loaded, pipeline.resolution))
    assert seen == {"portraits-sdxl": "epsilon", "portraits-sd2": "v_prediction"}


def test_a_folder_whose_scheduler_says_another_prediction_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(PORTRAITS_SD2, tmp_path / "base")
    config = folder / "scheduler/scheduler_config.json"
    config.write_text(config.read_text().replace("v_prediction", "epsilon"))
    assert main(["base", "add", str(folder)]) == 1
    assert "says epsilon, but the UNet predicts v_prediction" in capsys.readouterr().err


# ---- the trainer ---------------------------------------------------------------------------------


def test_a_base_of_fp16_variants_is_loaded_as_one_of_plain_files(tmp_path: Path) -> None:
    card = make_base(tmp_path, "sd1")
    plain = load_base(tmp_path, card, torch.device("cpu"), torch.float32)
    for file in tmp_path.rglob("*.safetensors"):
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))
    card = write_card(tmp_path, "sd1", "epsilon")
    card = read_card(tmp_path, card.sha256)
    variant = load_base(tmp_path, card, torch.device("cpu"), torch.float32)
    weights = plain.pipeline.unet.state_dict()
    found = variant.pipeline.unet.state_dict()
    assert all(torch.equal(weights[name], found[name]) for name in weights)


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_missing_file_has_its_own_code_and_is_named(tmp_path: Path, is_listed: bool) -> None:
    card = make_base(tmp_path, "sd1")
    lost = "unet/diffusion_pytorch_model.safetensors"
    (tmp_path / lost).unlink()
    if not is_listed:  # the card was made without it, as by hand
        card = write_card(tmp_path, "sd1", "epsilon")
    with pytest.raises(TrainingError, match=lost) as caught:
        read_card(tmp_path, card.sha256)
    assert caught.value.code == "base_incomplete"


def test_a_folder_without_its_list_of_parts_is_incomplete(tmp_path: Path) -> None:
    make_base(tmp_path, "sd1")
    (tmp_path / "model_index.json").unlink()
    card = write_card(tmp_path, "sd1", "epsilon")
    with pytest.raises(TrainingError, match=r"model_index\.json is missing") as caught:
        read_card(tmp_path, card.sha256)
    assert caught.value.code == "base_incomplete"


def test_a_scheduler_that_clips_by_itself_clips_no_latents(tmp_path: Path) -> None:
    make_base(tmp_path, "sdxl")  # saved with Euler, whose configuration does not speak of clipping
    inference = {"num_inference_steps": 2, "guidance_scale": 2.0, "scheduler": "DDIMScheduler"}
    card = write_card(tmp_path, "sdxl", "epsilon", inference=inference)
    base = load_base(tmp_path, card, torch.device("cpu"), torch.float32)
    assert type(base.pipeline.scheduler).__name__ == "DDIMScheduler"
    assert base.pipeline.scheduler.config.clip_sample is False
