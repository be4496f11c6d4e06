"""LoRAs of other tools become adapters of the tiny base, exactly, or are refused by a code."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from safetensors.torch import load_file, save_file  # noqa: E402

from contracts.documents.training import (  # noqa: E402
    AdapterManifest,
    TrainingResult,
    TrainingTask,
)
from domain.publishing.lora_file import check_lora  # noqa: E402
from tests.smoke.job_dir import REQUEST, JobDir, job_id  # noqa: E402
from tests.smoke.tiny_pipelines import Family, make_base  # noqa: E402
from trainer.config.recipe import read_plan  # noqa: E402
from trainer.job import open_job  # noqa: E402
from trainer.process.resources import Machine  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402
from trainer.tasks.running import run_import  # noqa: E402
from trainer.tasks.shared import Job  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

Tensors = dict[str, Any]
QUERY = "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q"
OUT = "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_out_0"
TEXT = "lora_te1_text_model_encoder_layers_0_mlp_fc1"
WIDTH = 32
WEIGHTS = "pytorch_lora_weights.safetensors"


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imports") / "base"
    make_base(folder, "sdxl")
    return folder


@pytest.fixture(scope="module")
def job(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One job for all files: an import must leave the base as it was."""
    return open_folder(base_folder, tmp_path_factory.mktemp("imports"))


def open_base(folder: Path, family: Family) -> Job:
    """Write a base of a family and open a job on it."""
    make_base(folder / "base", family)
    return open_folder(folder / "base", folder)


def open_folder(base_folder: Path, folder: Path) -> Job:
    """Open a job on a base."""
    job_dir = JobDir(folder / "job", base_folder)
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
    parts = {
        f"w{n}_{side}": noise(*shape, seed=n)
        for n in (1, 2)
        for side, shape in {"a": (out, rank), "b": (rank, wide)}.items()
    }
    return {f"{layer}.hada_{name}": tensor for name, tensor in parts.items()} | {
        f"{layer}.alpha": torch.tensor(alpha)
    }


def locon(layer: str, kernel: int = 3, wide: int = WIDTH) -> Tensors:
    return {
        f"unet.{layer}.lora_A.weight": noise(2, wide, kernel, kernel),
        f"unet.{layer}.lora_B.weight": noise(WIDTH, 2, 1, 1),
    }


def task_of(file: Path, name: str) -> dict[str, Any]:
    """Return a task that imports this file."""
    return {
        "job_id": name,
        "request": {
            **{key: REQUEST[key] for key in ("instance_prompt", "class_prompt")},
            "adapter_file": "mine.safetensors",
        },
        "photos": [],
        "adapter": {
            "file": f"{name}/{file.name}",
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        },
    }


def import_file(job: Job, tensors: Tensors, number: int) -> TrainingResult:
    """Run the trainer's task on a file; return its result."""
    name = job_id(number)
    path = job.root / "input/data/photos" / name / "adapter.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return run_import(job, TrainingTask.model_validate(task_of(path, name)))


def adapter_of(result: TrainingResult) -> AdapterManifest:
    assert result.adapter is not None, result.failure
    return result.adapter


def ranks_of(result: TrainingResult) -> tuple[int, int | None]:
    adapter = adapter_of(result)
    return adapter.rank, adapter.text_encoder_rank


def change(adapter: Path, layer: str) -> Any:
    """Return what the delivered diffusers file adds to a layer's weight."""
    tensors = load_file(adapter / "pytorch_lora_weights.safetensors")
    return tensors[f"{layer}.lora_B.weight"] @ tensors[f"{layer}.lora_A.weight"]


def test_a_kohya_file_of_mixed_ranks_is_served_exactly(job: Job) -> None:
    file = kohya(QUERY, 4, WIDTH, WIDTH, 2.0) | kohya(OUT, 2, WIDTH, WIDTH, 2.0)
    result = import_file(job, file, 11)
    assert result.status == "succeeded", result.failure
    assert ranks_of(result) == (4, None)
    adapter = job.root / "checkpoints" / job_id(11) / "adapter"
    unet = "unet.mid_block.attentions.0.transformer_blocks.0"
    for layer, name, factor in (("attn1.to_q", QUERY, 0.5), ("attn2.to_out.0", OUT, 1.0)):
        wanted = factor * file[f"{name}.lora_up.weight"] @ file[f"{name}.lora_down.weight"]
        assert torch.allclose(change(adapter, f"{unet}.{layer}"), wanted, atol=1e-5)
    check_lora((adapter / "pytorch_lora_weights.safetensors").read_bytes(), 4)
    assert result.gate is not None
    assert result.gate.effect > 0
    assert result.gate.identity is None
    assert "converted exactly" in (adapter / "README.md").read_text()


def test_a_loha_and_a_text_encoder_are_served_exactly_and_leave_the_base_clean(job: Job) -> None:
    encoder = job.base.pipeline.text_encoder
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    width = encoder.config.hidden_size
    file = loha(QUERY, 2, WIDTH, WIDTH, 1.0) | kohya(
        TEXT, 3, width, encoder.config.intermediate_size, 3.0
    )
    result = import_file(job, file, 12)
    assert result.status == "succeeded", result.failure
    assert ranks_of(result) == (4, 3)
    parts = {name: file[f"{QUERY}.hada_{name}"] for name in ("w1_a", "w1_b", "w2_a", "w2_b")}
    wanted = 0.5 * (parts["w1_a"] @ parts["w1_b"]) * (parts["w2_a"] @ parts["w2_b"])
    adapter = job.root / "checkpoints" / job_id(12) / "adapter"
    made = change(adapter, "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q")
    assert torch.allclose(made, wanted, atol=1e-5)
    assert (adapter / "peft/text_encoder/adapter_config.json").is_file()
    after = encoder.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not job.base.prompt_cache


def test_convolutions_by_the_names_of_sdxl_are_served_exactly(job: Job) -> None:
    """The middle block's first ResNet, and the convolution behind its downsampler."""
    names = {
        "lora_unet_middle_block_0_in_layers_2": "unet.mid_block.resnets.0.conv1",
        "lora_unet_input_blocks_2_0_op": "unet.down_blocks.0.downsamplers.0.conv",
    }
    file: Tensors = {}
    for name, width in zip(names, (WIDTH, WIDTH // 2), strict=True):
        file[f"{name}.lora_down.weight"] = noise(2, width, 3, 3)
        file[f"{name}.lora_up.weight"] = noise(width, 2, 1, 1)
    result = import_file(job, file, 15)
    assert result.status == "succeeded", result.failure
    made = load_file(job.root / "checkpoints" / job_id(15) / "adapter" / WEIGHTS)
    for name, layer in names.items():
        for half, ours in (("down", "A"), ("up", "B")):
            wanted = file[f"{name}.lora_{half}.weight"]
            assert torch.equal(made[f"{layer}.lora_{ours}.weight"], wanted)


def test_a_linear_layer_written_as_a_convolution_of_one_pixel_is_the_same(job: Job) -> None:
    file = kohya(QUERY, 2, WIDTH, WIDTH, 2.0)
    wide = {key: t[..., None, None] if t.dim() == 2 else t for key, t in file.items()}
    results = [import_file(job, one, n) for n, one in ((13, file), (14, wide))]
    assert len({adapter_of(result).weights_sha256 for result in results}) == 1


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        (kohya("lora_unet_input_blocks_99_1_proj_in", 2, WIDTH, WIDTH, 2.0), "import_base_differs"),
        (kohya(QUERY, 2, WIDTH + 1, WIDTH, 2.0), "import_base_differs"),
        (locon("mid_block.resnets.0.conv1", kernel=5), "import_base_differs"),
        (locon("mid_block.resnets.0.conv1", wide=WIDTH - 1), "import_base_differs"),
        ({f"{QUERY}.dora_scale": noise(1, WIDTH)}, "import_unreadable"),
        (
            kohya(QUERY, 2, WIDTH, WIDTH, 2.0) | {f"{QUERY}.dora_scale": noise(3, 1)},
            "import_unreadable",
        ),
        ({f"{QUERY}.lora_down.weight": noise(2, WIDTH)}, "import_unreadable"),
        ({"model.diffusion_model.out.weight": noise(2, 2)}, "import_unreadable"),
        (kohya(QUERY, 2, WIDTH, WIDTH, float("inf")), "import_unreadable"),
    ],
)
def test_what_does_not_fit_is_refused_by_a_code(job: Job, tensors: Tensors, code: str) -> None:
    result = import_file(job, tensors, 20)
    assert result.failure is not None
    assert result.failure.code == code
    assert not (job.root / "checkpoints" / job_id(20) / "adapter").exists()


@pytest.fixture(scope="module")
def z_image(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return open_base(tmp_path_factory.mktemp("z-image"), "zimage")


def comfyui(layer: str, rank: int, wide: int, out: int) -> Tensors:
    name = f"diffusion_model.{layer}"
    return {
        f"{name}.lora_A.weight": noise(rank, wide),
        f"{name}.lora_B.weight": noise(out, rank, seed=1),
    }


def test_a_lora_of_z_image_becomes_an_adapter_of_diffusers_names(z_image: Job) -> None:
    attention = "layers.0.attention"
    file = comfyui(f"{attention}.qkv", 2, 48, 144) | comfyui(f"{attention}.out", 3, 48, 48)
    result = import_file(z_image, file, 1)
    assert result.status == "succeeded"
    folder = z_image.root / "checkpoints" / job_id(1) / "adapter"
    made = load_file(folder / "pytorch_lora_weights.safetensors")
    ends = ("to_k", "to_out.0", "to_q", "to_v")
    assert {key.split(".lora_")[0] for key in made} == {
        f"transformer.{attention}.{end}" for end in ends
    }
    up, down = (made[f"transformer.{attention}.to_k.lora_{half}.weight"] for half in "BA")
    whole = file[f"diffusion_model.{attention}.qkv.lora_B.weight"][48:96]
    assert torch.allclose(up @ down, whole @ noise(2, 48), atol=1e-5)


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        (comfyui("cap_embedder.1", 2, 32, 48), "import_layers_refused"),
        (comfyui("layers.0.attention.to_q", 2, 64, 48), "import_base_differs"),
        (comfyui("layers.9.attention.to_q", 2, 48, 48), "import_base_differs"),
        (kohya(QUERY, 2, WIDTH, WIDTH, 2.0), "import_base_differs"),
    ],
)
def test_what_does_not_fit_z_image_is_refused_by_a_code(
    z_image: Job, tensors: Tensors, code: str
) -> None:
    result = import_file(z_image, tensors, 20)
    assert result.failure is not None
    assert result.failure.code == code


def test_a_plan_with_an_import_alone_ends_well(base_folder: Path, tmp_path: Path) -> None:
    """The whole program: no photo, no step, no class image."""
    job_dir = JobDir(tmp_path / "job", base_folder)
    name = job_id(1)
    path = job_dir.data / "photos" / name / "adapter.safetensors"
    path.parent.mkdir(parents=True)
    save_file(kohya(QUERY, 2, WIDTH, WIDTH, 2.0), path)
    job_dir.tasks = [task_of(path, name)]
    job_dir.write_plan()
    ended = job_dir.run()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert job_dir.result(name).status == "succeeded"
    assert "class images" not in ended.stdout
