"""Convolutions and DoRAs of other tools: what is delivered and served draws as their own tool does.

The expected pictures are drawn by the base with each weight changed by the formula of the tool.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from diffusers import DiffusionPipeline  # noqa: E402
from peft import PeftModel  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

from contracts.documents.training import AdapterManifest  # noqa: E402
from contracts.shared.layout.container import webui_file  # noqa: E402
from contracts.shared.weights.lora_names import kohya_name, with_text_model  # noqa: E402
from domain.publishing.lora_file import check_lora  # noqa: E402
from serving.adapters.hooks import AdapterHooks, active  # noqa: E402
from serving.adapters.reader import Adapter, AdapterReader, find_layers  # noqa: E402
from tests.smoke.test_imports import Tensors, adapter_of, import_file, open_base  # noqa: E402
from trainer.tasks.shared import Job  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

TOLERANCE = 1 / 255
PROMPT = "a photo of sks person"
CHANCE = torch.Generator()
Layers = dict[str, Any]


@dataclass
class Foreign:
    """A file of another tool, and what its tool makes of each weight that it changes."""

    tensors: Tensors
    weights: Layers


def noise(*shape: int) -> Any:
    return torch.randn(shape, generator=CHANCE)


def changeable(pipeline: Any) -> Layers:
    """Return the layers by ``<network>.<path>``."""
    return {
        f"{network}.{path}": layer
        for network in ("unet", "text_encoder")
        for path, layer in getattr(pipeline, network).named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    }


# --- what the tools write, and the change that they mean by it ----------------------------------


Made = tuple[Tensors, Any]
"""The tensors of a layer, and the change of its weight."""


def lora(shape: Any, rank: int, alpha: float) -> Made:
    """A pair of kohya's scripts; LyCORIS calls that of a convolution LoCon."""
    down, up = noise(rank, *shape[1:]), noise(shape[0], rank, *(1,) * len(shape[2:]))
    change = torch.einsum("or,r...->o...", up.flatten(1), down) * alpha / rank
    return {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(alpha)}, change


def locon_of_tucker(shape: Any, rank: int) -> Made:
    """LoCon with use_tucker: the kernel is in a core between the halves."""
    down, core, up = (
        noise(rank, shape[1], 1, 1),
        noise(rank, rank, *shape[2:]),
        noise(shape[0], rank),
    )
    change = torch.einsum("or,rmhw,mi->oihw", up, core, down.flatten(1))
    parts = {"down": down, "mid": core, "up": up[..., None, None]}
    return {f"lora_{name}.weight": tensor for name, tensor in parts.items()}, change


def loha(shape: Any, rank: int, alpha: float) -> Made:
    wide = int(np.prod(shape[1:]))
    sides = [(noise(shape[0], rank), noise(rank, wide)) for _ in (1, 2)]
    change = (sides[0][0] @ sides[0][1] * (sides[1][0] @ sides[1][1])).reshape(shape) * alpha / rank
    parts: Tensors = {"alpha": torch.tensor(alpha)}
    for n, (a, b) in enumerate(sides, 1):
        parts |= {f"hada_w{n}_a": a, f"hada_w{n}_b": b}
    return parts, change


def loha_of_tucker(shape: Any, rank: int) -> Made:
    parts: Tensors = {}
    change: Any = 1.0
    for n in (1, 2):
        core, a, b = noise(rank, rank, *shape[2:]), noise(rank, shape[0]), noise(rank, shape[1])
        change = change * torch.einsum("ijkl,jr,ip->prkl", core, b, a)
        parts |= {f"hada_t{n}": core, f"hada_w{n}_a": a, f"hada_w{n}_b": b}
    return parts, change


def lokr(shape: Any, rank: int | None, *, tucker: bool = False) -> Made:
    """LoKr with a first factor of 2 x 2; without a rank the second one is whole."""
    first, own = noise(2, 2), (shape[0] // 2, shape[1] // 2, *shape[2:])
    parts: Tensors = {"lokr_w1": first}
    if rank is None:
        parts["lokr_w2"] = second = noise(*own)
    elif tucker:
        core, a, b = noise(rank, rank, *shape[2:]), noise(rank, own[0]), noise(rank, own[1])
        parts |= {"lokr_t2": core, "lokr_w2_a": a, "lokr_w2_b": b}
        second = torch.einsum("ijkl,jr,ip->prkl", core, b, a)
    else:
        a, b = noise(own[0], rank), noise(rank, int(np.prod(own[1:])))
        parts |= {"lokr_w2_a": a, "lokr_w2_b": b}
        second = (a @ b).reshape(own)
    sides = first[(..., *(None,) * len(shape[2:]))].contiguous()
    return parts, torch.kron(sides, second.contiguous())


def dora(made: Made, weight: Any) -> Made:
    """LyCORIS' dora_wd with wd_on_output: W' = m / |W + dW| (W + dW), with the norm of each row."""
    tensors, change = made
    row = (-1, *(1,) * (weight.dim() - 1))
    lengths = weight.flatten(1).norm(dim=1) * (
        0.7 + 0.6 * torch.rand(len(weight), generator=CHANCE)
    )
    changed = weight + change
    changed = changed * (lengths / changed.flatten(1).norm(dim=1)).reshape(row)
    return {**tensors, "dora_scale": lengths.reshape(row)}, changed - weight


# --- the files ----------------------------------------------------------------------------------


def name_of(layer: str) -> str:
    network, path = with_text_model(layer).split(".", 1)
    return kohya_name(network, path, sdxl=False)


Maker = Callable[[str, Any], Made | None]
"""Makes the tensors of a layer, by its name and its weight."""


def foreign(pipeline: Any, seed: int, make: Maker) -> Foreign:
    """Make a file; the random changes are made as large as a tenth of each weight."""
    CHANCE.manual_seed(seed)
    tensors: Tensors = {}
    weights: Layers = {}
    for layer, module in changeable(pipeline).items():
        weight = module.weight.detach()
        made = make(layer, weight)
        if made is None:
            continue
        tensors |= {f"{name_of(layer)}.{part}": t for part, t in made[0].items()}
        weights[layer] = weight + made[1]
    return Foreign(tensors, weights)


def small(made: Made, weight: Any, part: str) -> Made:
    """Return a change of a third of its weight's size; ``part`` is a tensor that scales it."""
    tensors, change = made
    size = 0.3 * float(weight.norm() / change.norm())
    return {**tensors, part: tensors[part] * size}, change * size


def kohya_of_sd1(layer: str, weight: Any) -> Made | None:
    """networks.lora: every linear layer and convolution of 1 x 1 of the transformers, and CLIP."""
    if ".attentions." in layer:
        return small(lora(weight.shape, 3, 1.5), weight, "lora_up.weight")
    if layer.endswith(("q_proj", "fc1")):
        return small(lora(weight.shape, 2, 2.0), weight, "lora_up.weight")
    return None


def locon(layer: str, weight: Any) -> Made | None:
    if layer.endswith("conv2"):
        return small(locon_of_tucker(weight.shape, 2), weight, "lora_up.weight")
    if weight.dim() == 4:  # also conv_in, conv_out, and those of two pixels a step
        return small(lora(weight.shape, 4, 1.0), weight, "lora_up.weight")
    if layer.endswith("to_q"):
        return small(lora(weight.shape, 2, 2.0), weight, "lora_up.weight")
    return None


LYCORIS: dict[str, tuple[Callable[[Any], Made], str]] = {
    "conv1": (lambda shape: loha(shape, 2, 1.0), "hada_w1_a"),
    "conv2": (lambda shape: loha_of_tucker(shape, 2), "hada_t1"),
    "conv_shortcut": (lambda shape: lokr(shape, None), "lokr_w1"),
    "downsamplers.0.conv": (lambda shape: lokr(shape, 1), "lokr_w1"),
    "upsamplers.0.conv": (lambda shape: lokr(shape, 1, tucker=True), "lokr_w1"),
    "proj_in": (lambda shape: loha(shape, 2, 2.0), "hada_w1_a"),
    "to_v": (lambda shape: loha(shape, 2, 2.0), "hada_w1_a"),
}
"""How a layer is made by the end of its name, and a tensor that scales its change."""


def loha_and_lokr(layer: str, weight: Any) -> Made | None:
    for end, (make, part) in LYCORIS.items():
        if layer.endswith(end):
            return small(make(weight.shape), weight, part)
    return None


def dora_of_lycoris(layer: str, weight: Any) -> Made | None:
    """Also of layers with as many inputs as outputs, of a LoHa, and beside plain pairs."""
    if layer.endswith("to_k"):
        return small(lora(weight.shape, 2, 2.0), weight, "lora_up.weight")
    if layer.endswith("conv2"):
        return dora(small(loha(weight.shape, 2, 2.0), weight, "hada_w1_a"), weight)
    if layer.endswith(("to_q", "proj_in", "conv1", "downsamplers.0.conv", "q_proj")):
        return dora(small(lora(weight.shape, 3, 1.5), weight, "lora_up.weight"), weight)
    return None


KINDS: dict[str, Maker] = {
    "kohya of SD 1": kohya_of_sd1,
    "LoCon": locon,
    "LoHa and LoKr": loha_and_lokr,
    "DoRA": dora_of_lycoris,
}


# --- how they draw ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    torch.set_num_threads(1)
    return open_base(tmp_path_factory.mktemp("kinds"), "sd1")


def loaded(job: Job) -> Any:
    pipeline = DiffusionPipeline.from_pretrained(job.base.folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def pictures(pipeline: Any, rows: int = 1) -> Any:
    """Draw rows that are alike; (rows, height, width, 3)."""
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    return pipeline(
        [PROMPT] * rows,
        num_inference_steps=2,
        latents=latents.repeat(rows, 1, 1, 1),
        output_type="np",
    ).images


def drawn_by_formula(job: Job, file: Foreign) -> Any:
    pipeline = loaded(job)
    for layer, module in changeable(pipeline).items():
        if layer in file.weights:
            module.weight.data = file.weights[layer]
    return pictures(pipeline)[0]


@dataclass
class Imported:
    """A file that the trainer has imported."""

    file: Foreign
    folder: Path
    manifest: AdapterManifest

    def read(self, pipeline: Any) -> Adapter:
        """Return what the server reads of the package for a pipeline."""
        layers = find_layers({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
        cpu = torch.device("cpu")
        reader = AdapterReader(self.manifest.base_sha256, layers, cpu, torch.float32)
        return reader.read(self.folder)


@pytest.fixture(scope="module")
def imported(job: Job) -> dict[str, Imported]:
    made = {}
    for number, (kind, make) in enumerate(KINDS.items()):
        file = foreign(job.base.pipeline, number, make)
        result = import_file(job, file.tensors, number)
        assert result.status == "succeeded", (kind, result.failure)
        folder = job.root / "checkpoints" / result.job_id / "adapter"
        made[kind] = Imported(file, folder, adapter_of(result))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_delivered_file_draws_as_the_tool_that_made_the_lora(
    job: Job, imported: dict[str, Imported], kind: str
) -> None:
    ours = imported[kind]
    wanted = drawn_by_formula(job, ours.file)
    assert np.abs(wanted - pictures(loaded(job))[0]).max() > 10 * TOLERANCE
    for name, other in delivered(job, ours):
        assert np.abs(other - wanted).max() < TOLERANCE, name


def delivered(job: Job, ours: Imported) -> Iterator[tuple[str, Any]]:
    """Draw with each file of an adapter, by the tool that reads it."""
    pipeline = loaded(job)
    pipeline.load_lora_weights(ours.folder, weight_name=ours.manifest.weights)
    yield "diffusers", pictures(pipeline)[0]
    pipeline = loaded(job)
    for folder in sorted((ours.folder / "peft").iterdir()):
        module = getattr(pipeline, folder.name)
        setattr(pipeline, folder.name, PeftModel.from_pretrained(module, folder).base_model.model)
    yield "peft", pictures(pipeline)[0]
    yield "kohya", pictures(merged(job, ours))[0]


def merged(job: Job, ours: Imported) -> Any:
    """Add the file for web interfaces to the base as LyCORIS does."""
    pipeline, card = loaded(job), job.base.card
    file = load_file(ours.folder / webui_file("sks", card.family, ours.manifest.job_id))
    used = 0
    for layer, module in changeable(pipeline).items():
        name, weight = name_of(layer), module.weight.data
        if f"{name}.alpha" not in file:
            continue
        down, up = (file[f"{name}.lora_{part}.weight"] for part in ("down", "up"))
        change = torch.einsum("or,r...->o...", up.flatten(1), down)
        weight = weight + change * file[f"{name}.alpha"] / len(down)
        if (lengths := file.get(f"{name}.dora_scale")) is not None:
            assert lengths.shape == (len(weight), *(1,) * (weight.dim() - 1))
            weight = weight * lengths / weight.flatten(1).norm(dim=1).reshape(lengths.shape)
        module.weight.data = weight
        used += 3 if lengths is None else 4
    assert used == len(file), "every tensor of the file has a layer"
    return pipeline


def test_rows_of_one_pass_are_drawn_each_with_its_own_kind(
    job: Job, imported: dict[str, Imported]
) -> None:
    """Four users, a row without an adapter, and one with half of two mixed."""
    pipeline = loaded(job)
    adapters = {kind: ours.read(pipeline) for kind, ours in imported.items()}
    layers = find_layers({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
    wanted = {kind: drawn_by_formula(job, ours.file) for kind, ours in imported.items()}
    whole = [((adapters[kind], 1.0),) for kind in KINDS]
    mix = ((adapters["LoCon"], 0.5), (adapters["kohya of SD 1"], 0.8))
    with active(layers, [mix]):
        mixed = pictures(pipeline)[0]
    with active(layers, [*whole, (), mix]):
        rows = pictures(pipeline, len(whole) + 2)
    expected = [*(wanted[kind] for kind in KINDS), pictures(loaded(job))[0], mixed]
    for name, row, other in zip([*KINDS, "base", "mixed"], rows, expected, strict=True):
        assert np.abs(row - other).max() < TOLERANCE, name
    both = loaded(job)
    for kind, name, _ in (("LoCon", "one", 0.5), ("kohya of SD 1", "two", 0.8)):
        weights = imported[kind].manifest.weights
        both.load_lora_weights(imported[kind].folder, weight_name=weights, adapter_name=name)
    both.set_adapters(["one", "two"], [0.5, 0.8])
    assert np.abs(pictures(both)[0] - mixed).max() < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_one_users_rows_are_drawn_as_the_tool_does_and_parts_of_an_adapter_add_up(
    job: Job, imported: dict[str, Imported], kind: str
) -> None:
    pipeline = loaded(job)
    adapter = imported[kind].read(pipeline)
    layers = find_layers({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
    wanted = drawn_by_formula(job, imported[kind].file)
    for mix in (((adapter, 1.0),), ((adapter, 0.25), (adapter, 0.75))):
        with active(layers, [mix]):
            assert np.abs(pictures(pipeline)[0] - wanted).max() < TOLERANCE


def test_the_package_passes_the_check_before_publishing(imported: dict[str, Imported]) -> None:
    for kind, ours in imported.items():
        data = (ours.folder / ours.manifest.weights).read_bytes()
        check_lora(data, ours.manifest.rank, ours.manifest.text_encoder_rank)
        card = (ours.folder / "README.md").read_text()
        assert ("| adapter | LoRA, DoRA |" in card) is (kind == "DoRA")


def test_a_pass_without_convolutions_runs_no_code_in_a_convolution(
    job: Job, imported: dict[str, Imported]
) -> None:
    pipeline = loaded(job)
    adapter = imported["LoCon"].read(pipeline)
    layers = find_layers({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
    plain = Adapter("0" * 64, "sks", {n: p for n, p in adapter.pairs.items() if "to_q" in n}, 0)
    hooks = AdapterHooks(layers)

    def hooked() -> list[str]:
        found = (name for name, layer in layers.items() if layer._forward_hooks)  # noqa: SLF001
        return [name for name in found if isinstance(layers[name], nn.Conv2d)]

    hooks.use([((adapter, 1.0),)])
    assert len(hooked()) > 10
    hooks.use([((plain, 1.0),)])
    assert hooked() == []
    hooks.clear()


def test_what_a_dora_needs_beside_its_file_is_counted(
    job: Job, imported: dict[str, Imported]
) -> None:
    adapter = imported["DoRA"].read(loaded(job))
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for pair in adapter.pairs.values()
        for tensor in pair
        if tensor is not None
    }
    assert adapter.size == sum(storages.values())
