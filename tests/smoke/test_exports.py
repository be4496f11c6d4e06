"""The files of an adapter, each loaded by another library: all draw the same image."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from peft import PeftModel  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from contracts.documents.training import GateReport, TrainingMetrics  # noqa: E402
from contracts.documents.upload.request import TrainingRequest  # noqa: E402
from contracts.shared.layout.container import webui_file  # noqa: E402
from contracts.shared.steps import Dataset, count_steps  # noqa: E402
from contracts.shared.weights.families import TEXT_TARGETS  # noqa: E402
from contracts.shared.weights.lora_names import kohya_name  # noqa: E402
from tests.smoke.tiny_pipelines import Family, make_base  # noqa: E402
from tests.smoke.trainer_kit import TOLERANCE, full_recipe, picture, plain_pipeline  # noqa: E402
from trainer.export.adapter_files import write_adapter  # noqa: E402
from trainer.export.model_card import write_card  # noqa: E402
from trainer.model import lora  # noqa: E402
from trainer.model.base import load_base, read_card  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


class Exported:
    """A base, and the files of an adapter with random weights."""

    def __init__(self, folder: Path, family: Family) -> None:
        torch.set_num_threads(1)
        self.base_folder, self.task = folder / "base", folder / "task"
        self.base_folder.mkdir()
        make_base(self.base_folder, family)
        sha256 = json.loads((self.base_folder / "base.json").read_bytes())["sha256"]
        card = read_card(self.base_folder, sha256)
        self.base = load_base(self.base_folder, card, torch.device("cpu"), torch.float32)
        self.recipe = full_recipe()
        self.weights = self.random_weights()
        self.manifest = write_adapter(self.task, self.base, self.recipe, self.weights)

    @property
    def adapter(self) -> Path:
        return self.task / "adapter"

    @property
    def webui(self) -> str:
        return webui_file("sks", self.base.card.family, self.recipe.job_id)

    def random_weights(self) -> dict[str, Any]:
        networks = {"unet": self.base.pipeline.unet, **self.base.text_encoders()}
        for name, network in networks.items():
            targets = self.recipe.target_modules if name == "unet" else TEXT_TARGETS
            rank, alpha = self.recipe.rank_of(name), self.recipe.alpha_of(name)
            lora.attach(network, name, targets, rank=rank, alpha=alpha, seed=1)
        generator = torch.Generator().manual_seed(5)
        weights = {
            key: torch.randn(tensor.shape, generator=generator) * 0.3
            for key, tensor in lora.weights(networks).items()
        }
        lora.detach(networks)
        return weights

    def pipeline(self) -> Any:
        return plain_pipeline(self.base_folder)

    def merged_by_hand(self) -> Any:
        """Add kohya's file to the base as its own scripts do: W + alpha / rank * up x down."""
        pipeline, tensors = self.pipeline(), load_file(self.adapter / self.webui)
        sdxl = self.base.card.family == "sdxl"
        used = set()
        for network in ("unet", "text_encoder", "text_encoder_2"):
            for path, layer in getattr(pipeline, network, torch.nn.Module()).named_modules():
                if not isinstance(layer, torch.nn.Linear):
                    continue
                level = "text_model." if network != "unet" and path.startswith("encoder.") else ""
                name = kohya_name(network, level + path, sdxl=sdxl, layers_per_block=1)
                if f"{name}.alpha" not in tensors:
                    continue
                down, up = (tensors[f"{name}.lora_{part}.weight"] for part in ("down", "up"))
                layer.weight.data += float(tensors[f"{name}.alpha"]) / len(down) * (up @ down)
                used.add(name)
        assert len(used) * 3 == len(tensors), "every pair of the file has a layer"
        return pipeline


@pytest.mark.parametrize("family", ["sdxl", "sd2", "sd1"])
def test_every_file_gives_the_same_picture(tmp_path: Path, family: Family) -> None:
    exported = Exported(tmp_path, family)
    plain = picture(exported.pipeline())
    pictures = {"merged by hand": picture(exported.merged_by_hand())}
    for file in ("pytorch_lora_weights.safetensors", exported.webui):
        pipeline = exported.pipeline()
        pipeline.load_lora_weights(exported.adapter, weight_name=file)
        pictures[file] = picture(pipeline)
    pipeline = exported.pipeline()
    for folder in sorted((exported.adapter / "peft").iterdir()):
        network = getattr(pipeline, folder.name)
        setattr(pipeline, folder.name, PeftModel.from_pretrained(network, folder).base_model.model)
    pictures["peft"] = picture(pipeline)

    first = pictures.pop("merged by hand")
    assert np.abs(first - plain).max() > 10 * TOLERANCE
    for name, other in pictures.items():
        assert np.abs(first - other).max() < TOLERANCE, name


def test_kohyas_file_says_what_it_is_and_no_prompt(tmp_path: Path) -> None:
    exported = Exported(tmp_path, "sd2")
    path = exported.adapter / exported.webui
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        alphas = {float(file.get_tensor(key)) for key in file.keys() if key.endswith("alpha")}  # noqa: SIM118
    data = path.read_bytes()
    digest = hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()
    assert (metadata["sshs_model_hash"], metadata["modelspec.hash_sha256"]) == (
        digest,
        f"0x{digest}",
    )
    assert metadata["modelspec.architecture"] == "stable-diffusion-v2-768-v/lora"
    assert (metadata["ss_base_model_version"], metadata["ss_v2"]) == ("sd_v2_v", "True")
    assert (metadata["ss_network_dim"], metadata["ss_network_alpha"]) == ("4", "2.0")
    assert metadata["modelspec.trigger_phrase"] == "sks"
    assert alphas == {2.0, 3.0}
    assert b"secret" not in data


def test_the_same_adapter_is_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    exported = Exported(tmp_path / "one", "sd1")
    before = {path: path.read_bytes() for path in exported.task.rglob("*") if path.is_file()}
    write_adapter(exported.task, exported.base, exported.recipe, exported.weights)
    assert {path: path.read_bytes() for path in before} == before


def test_the_card_says_what_was_trained_and_measured_and_no_prompt(tmp_path: Path) -> None:
    exported = Exported(tmp_path, "sd1")
    metrics = TrainingMetrics(steps=7, final_loss=0.125, train_seconds=3, partial=True)
    report = GateReport(passed=False, codes=("gate_not_alike",), effect=0.25, identity=0.5)
    card = exported.base.card.model_copy(update={"license": "CreativeML Open RAIL-M"})
    request = TrainingRequest(
        instance_prompt="sks", class_prompt="a", max_train_steps=10, gradient_accumulation_steps=3
    )
    plan = count_steps(request, card.training, Dataset((1,) * 9))
    write_card(exported.adapter, card, exported.recipe, metrics, report, plan=plan)
    text = (exported.adapter / "README.md").read_text()
    metadata = [
        "`sks`",
        "| steps | 7 of 10 |",
        "| batches | 21 of 30 |",
        "| photos used | 9 |",
        "| alpha | 2 |",
        "stopped early",
    ]
    metadata += [card.sha256, "failed: gate_not_alike", "| 0.500 |", "CreativeML Open RAIL-M"]
    assert [words for words in metadata if words not in text] == []
    assert "secret" not in text
    assert text.startswith(f"---\nbase_model: {card.base_id}\n")
