"""LoRAs of other tools become adapters of the tiny base, exactly, or are refused by a code."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors.torch import load_file, save_file  # noqa: E402

from domain.publishing.lora_file import check_lora  # noqa: E402
from tests.smoke.job_dir import REQUEST, JobDir, job_id  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer.job import open_job, run_import  # noqa: E402
from trainer.process.resources import Machine  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402
from trainer.config.recipe import read_plan  # noqa: E402
from trainer.task import Job  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

Tensors = dict[str, Any]
QUERY = "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q"
OUT = "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_out_0"
TEXT = "lora_te1_text_model_encoder_layers_0_mlp_fc1"
WIDTH, TEXT_WIDTH = 32, 32


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imports") / "base"
    make_base(folder, "sdxl")
    return folder


@pytest.fixture(scope="module")
def job(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One job for all files: an import must leave the base as it was."""
    job_dir = JobDir(tmp_path_factory.mktemp("imports") / "job", base_folder)
    job_dir.add_task()
    job_dir.write_plan()
    machine = Machine.read(job_dir.root)
    return open_job(job_dir.root, read_plan(job_dir.root), machine, TimeLimit(), "no")


def noise(*shape: int, seed: int = 0) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def kohya(layer: str, rank: int, wide: int, out: int, alpha: float) -> Tensors:
    return {
        f"{layer}.lora_down.weight": noise(rank, wide),
        f"{layer}.lora_up.weight": noise(out, rank, seed=1),
        f"{layer}.alpha": torch.tensor(alpha),
    }


def loha(layer: str, rank: int, wide: int, out: int, alpha: float) -> Tensors:
    parts = {f"w{n}_{side}": noise(*shape, seed=n) for n in (1, 2) for side, shape in
             {"a": (out, rank), "b": (rank, wide)}.items()}
    return {f"{layer}.hada_{name}": tensor for name, tensor in parts.items()} | {
        f"{layer}.alpha": torch.tensor(alpha)
    }


def import_file(job: Job, tensors: Tensors, number: int, **request: Any) -> Any:
    """Run the trainer's task on a file; return its result."""
    from contracts.documents.training import TrainingTask

    name = job_id(number)
    path = job.root / "input/data/photos" / name / "adapter.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    plain = {key: REQUEST[key] for key in ("instance_prompt", "class_prompt")}
    task = TrainingTask.model_validate(
        {
            "job_id": name,
            "request": plain | {"adapter_file": "mine.safetensors"} | request,
            "photos": [],
            "adapter": {
                "file": f"{name}/adapter.safetensors",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            },
        }
    )
    return run_import(job, task)


def change(adapter: Path, layer: str) -> Any:
    """Return what the delivered diffusers file adds to a layer's weight."""
    tensors = load_file(adapter / "pytorch_lora_weights.safetensors")
    return tensors[f"{layer}.lora_B.weight"] @ tensors[f"{layer}.lora_A.weight"]


def test_a_kohya_file_of_mixed_ranks_is_served_exactly(job: Job) -> None:
    file = kohya(QUERY, 4, WIDTH, WIDTH, 2.0) | kohya(OUT, 2, WIDTH, WIDTH, 2.0)
    result = import_file(job, file, 11)
    assert result.status == "succeeded", result.failure
    assert (result.adapter.rank, result.adapter.text_encoder_rank) == (4, None)
    adapter = job.root / "checkpoints" / job_id(11) / "adapter"
    unet = "unet.mid_block.attentions.0.transformer_blocks.0"
    for layer, name, factor in (("attn1.to_q", QUERY, 0.5), ("attn2.to_out.0", OUT, 1.0)):
        wanted = factor * file[f"{name}.lora_up.weight"] @ file[f"{name}.lora_down.weight"]
        assert torch.allclose(change(adapter, f"{unet}.{layer}"), wanted, atol=1e-5)
    check_lora((adapter / "pytorch_lora_weights.safetensors").read_bytes(), 4)
    assert result.gate.effect > 0
    assert result.gate.identity is None
    assert "converted exactly" in (adapter / "README.md").read_text()
