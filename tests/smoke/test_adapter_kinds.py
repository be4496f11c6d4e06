"""DoRA, rsLoRA, LoRA+, LoKr and EMA: what each trains, and that every file carries it exactly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from diffusers.training_utils import EMAModel  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from peft.optimizers import create_loraplus_optimizer  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

from contracts.shared.weights.families import TEXT_TARGETS  # noqa: E402
from domain.publishing.lora_file import check_lora  # noqa: E402
from serving.adapters.hooks import active  # noqa: E402
from serving.adapters.reader import AdapterReader, find_layers  # noqa: E402
from tests.smoke.test_exports import Exported  # noqa: E402
from tests.smoke.trainer_kit import TOLERANCE, full_recipe, picture  # noqa: E402
from trainer.config.recipe import Recipe  # noqa: E402
from trainer.export.delivered_size import delivered_values, refuse_too_large  # noqa: E402
from trainer.export.low_rank import as_low_rank  # noqa: E402
from trainer.model import lora  # noqa: E402
from trainer.optimisation.checkpoint import Progress  # noqa: E402
from trainer.optimisation.optimizers import make_optimizer, set_rate  # noqa: E402
from trainer.optimisation.step import OptimizerStep  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


class Attention(nn.Module):  # type: ignore[misc] # mypy runs without torch
    def __init__(self) -> None:
        super().__init__()
        self.to_q, self.to_k = nn.Linear(32, 48), nn.Linear(24, 48, bias=False)

    def forward(self, x: Any) -> Any:
        return self.to_q(x) * self.to_k(x[:, :24])


def network() -> Attention:
    torch.manual_seed(7)
    return Attention()


def attach(module: nn.Module, recipe: Recipe, **more: Any) -> lora.Networks:
    ranked: dict[str, Any] = {"rank": recipe.rank, "alpha": recipe.alpha_of("unet"), "seed": 1}
    lora.attach(module, "unet", ("to_q", "to_k"), **ranked, **more)
    return {"unet": module}


def randomise(networks: lora.Networks) -> None:
    generator = torch.Generator().manual_seed(5)
    for weight in lora.parameters(networks).values():
        weight.data += torch.randn(weight.shape, generator=generator) * 0.3


X = torch.randn(6, 32, generator=torch.Generator().manual_seed(3))


def test_rslora_is_pefts() -> None:
    ours, theirs = network(), network()
    recipe = replace(full_recipe(), use_rslora=True)
    networks = attach(ours, recipe)
    randomise(networks)
    config = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules=["to_q", "to_k"], use_rslora=True
    )
    wrapped = get_peft_model(theirs, config)
    weights = dict(wrapped.base_model.model.named_parameters())
    with torch.no_grad():
        for name, weight in lora.parameters(networks).items():
            weights[name.removeprefix("unet.")].copy_(weight)
    assert torch.allclose(ours(X), theirs(X), atol=1e-5)
    assert recipe.alpha_of("text_encoder") == pytest.approx(3.0 * 2**0.5)


def test_a_new_adapter_of_each_kind_changes_nothing() -> None:
    for more in ({"dora": True}, {"decompose_factor": 4}):
        module = network()
        plain = module(X)
        networks = attach(module, replace(full_recipe(), rank=2), **more)
        assert torch.allclose(module(X), plain, atol=1e-6), more
        lora.detach(networks)
        assert torch.equal(module(X), plain), more


def test_the_lora_of_a_lokr_is_exact() -> None:
    module, recipe = network(), replace(full_recipe(), rank=2, alpha=3.0, adapter_type="lokr")
    networks = attach(module, recipe, decompose_factor=4)
    randomise(networks)
    wanted = module(X)
    weights, plain = as_low_rank(lora.weights(networks), recipe)
    assert plain.rank == 4 * recipe.rank
    lora.detach(networks)
    again = attach(module, plain)
    lora.restore(again, weights)
    assert torch.allclose(module(X), wanted, atol=1e-5)


@pytest.mark.parametrize("kind", [{}, {"use_dora": True}, {"adapter_type": "lokr", "rank": 2}])
def test_the_size_of_the_delivered_file_is_known_before_training(kind: dict[str, Any]) -> None:
    recipe = replace(full_recipe(), decompose_factor=4, **kind)
    module = network()
    expected = delivered_values(module, "unet", recipe)
    is_lokr = recipe.adapter_type == "lokr"
    networks = attach(module, recipe, dora=recipe.use_dora, decompose_factor=4 if is_lokr else None)
    weights, _ = as_low_rank(lora.weights(networks), recipe)
    assert expected == sum(tensor.numel() for tensor in weights.values())


def test_a_training_whose_adapter_could_not_be_published_is_refused_with_the_rank_that_fits() -> (
    None
):
    with torch.device("meta"):
        wide = nn.ModuleDict({"to_q": nn.Linear(200_000, 200_000)})
    recipe = replace(full_recipe(), rank=512)
    with pytest.raises(TrainingError, match="782 MiB; rank 327 fits") as error:
        refuse_too_large({"unet": wide}, recipe)
    assert error.value.code == "adapter_too_large"
    refuse_too_large({"unet": wide}, replace(recipe, rank=327))


def test_a_rank_at_which_lokr_saves_nothing_is_refused_with_the_largest() -> None:
    with pytest.raises(TrainingError, match="at most rank 5 with decompose_factor 4") as error:
        attach(network(), replace(full_recipe(), rank=8), decompose_factor=4)
    assert error.value.code == "option_unavailable"


def test_loraplus_groups_are_pefts() -> None:
    recipe = replace(full_recipe(), loraplus_lr_ratio=16.0, weight_decay=0.01)
    networks = attach(network(), recipe)
    randomise(networks)
    ours = make_optimizer(recipe, lora.parameters(networks))
    set_rate(ours, 1.0)
    config = LoraConfig(r=recipe.rank, target_modules=["to_q", "to_k"])
    model = get_peft_model(network(), config)
    theirs = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=recipe.learning_rate, loraplus_lr_ratio=16.0
    )
    rates = {id(weight): group["lr"] for group in theirs.param_groups for weight in group["params"]}
    wanted = {
        name.removeprefix("base_model.model."): rates[id(weight)]
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    own = {id(weight): group["lr"] for group in ours.param_groups for weight in group["params"]}
    for name, weight in lora.parameters(networks).items():
        assert own[id(weight)] == pytest.approx(wanted[name.removeprefix("unet.")]), name


def test_the_average_is_diffusers_and_survives_a_checkpoint() -> None:
    recipe = replace(full_recipe(), use_ema=True, ema_decay=0.9)
    networks = attach(network(), recipe)
    stepper = OptimizerStep(recipe, lora.parameters(networks), torch.float32)
    theirs = EMAModel([w.detach().clone() for w in stepper.weights.values()], decay=0.9)
    progress = Progress.none()
    for step in range(4):
        loss = networks["unet"](X).square().mean()
        loss.backward()
        stepper.apply(step, loss.detach().reshape(1))
        theirs.step(stepper.weights.values())
        progress.advance(float(loss.detach()), 0.0)
    state = stepper.state_dict(progress)
    last = {name: weight.detach().clone() for name, weight in stepper.weights.items()}
    with stepper.averaged():
        for weight, average in zip(stepper.weights.values(), theirs.shadow_params, strict=True):
            assert torch.equal(weight, average)
    for name, weight in stepper.weights.items():
        assert torch.equal(weight, last[name])
    exported = state.adapter()
    for name, average in zip(stepper.weights, theirs.shadow_params, strict=True):
        assert torch.equal(exported[lora.file_key(name)], average)

    resumed = OptimizerStep(recipe, lora.parameters(attach(network(), recipe)), torch.float32)
    resumed.load_state(state)
    resumed.use_average()
    for weight, average in zip(resumed.weights.values(), theirs.shadow_params, strict=True):
        assert torch.equal(weight, average)


class ExportedKind(Exported):
    """An adapter of another kind with random weights."""

    kind: dict[str, Any]

    def random_weights(self) -> dict[str, Any]:
        self.recipe = replace(self.recipe, **self.kind)
        networks = self.attach_to(self.base.pipeline)
        randomise(networks)
        weights = lora.weights(networks)
        lora.detach(networks)
        return weights

    def attach_to(self, pipeline: Any) -> lora.Networks:
        networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
        for name, module in networks.items():
            targets = self.recipe.target_modules if name == "unet" else TEXT_TARGETS
            factor = self.recipe.decompose_factor
            lora.attach(
                module,
                name,
                targets,
                rank=self.recipe.rank_of(name),
                alpha=self.recipe.alpha_of(name),
                seed=1,
                dora=self.recipe.use_dora and name == "unet",
                decompose_factor=factor if self.recipe.adapter_type == "lokr" else None,
            )
        return networks

    def trained(self) -> Any:
        """Return the pipeline as it was trained: with peft's own layers."""
        pipeline = self.pipeline()
        lora.restore(self.attach_to(pipeline), self.weights)
        return pipeline


KINDS: list[dict[str, Any]] = [
    {"use_dora": True},
    {"use_rslora": True},
    {"adapter_type": "lokr", "decompose_factor": 4, "rank": 2},
]


@pytest.mark.parametrize("kind", KINDS, ids=["dora", "rslora", "lokr"])
def test_every_file_draws_what_was_trained(tmp_path: Path, kind: dict[str, Any]) -> None:
    exported = type("ExportedKind", (ExportedKind,), {"kind": kind})(tmp_path, "sd1")
    plain, drawn = picture(exported.pipeline()), picture(exported.trained())
    assert np.abs(drawn - plain).max() > 10 * TOLERANCE
    pipeline = exported.pipeline()
    pipeline.load_lora_weights(exported.adapter, weight_name="pytorch_lora_weights.safetensors")
    assert np.abs(picture(pipeline) - drawn).max() < TOLERANCE, "diffusers"
    assert np.abs(picture(merged_by_hand(exported)) - drawn).max() < TOLERANCE, "kohya"
    pipeline = exported.pipeline()
    for folder in sorted((exported.adapter / "peft").iterdir()):
        module = getattr(pipeline, folder.name)
        setattr(pipeline, folder.name, PeftModel.from_pretrained(module, folder).base_model.model)
    assert np.abs(picture(pipeline) - drawn).max() < TOLERANCE, "peft"
    for name, other in served(exported).items():
        assert np.abs(other - drawn).max() < TOLERANCE, name


def merged_by_hand(exported: Exported) -> Any:
    """Add kohya's file to the base as LyCORIS does; diffusers' loader ignores ``dora_scale``."""
    pipeline, tensors = exported.pipeline(), load_file(exported.adapter / exported.webui)
    networks = {"lora_unet": pipeline.unet, "lora_te_text_model": pipeline.text_encoder}
    used = 0
    for head, network in networks.items():
        for path, layer in network.named_modules():
            name = f"{head}_{path.replace('.', '_')}"
            if f"{name}.alpha" not in tensors:
                continue
            down, up = (tensors[f"{name}.lora_{part}.weight"] for part in ("down", "up"))
            changed = layer.weight.data + float(tensors[f"{name}.alpha"]) / len(down) * (up @ down)
            lengths = tensors.get(f"{name}.dora_scale")
            if lengths is not None:
                changed *= lengths / changed.norm(dim=1, keepdim=True)
            layer.weight.data = changed
            used += 3 if lengths is None else 4
    assert used == len(tensors), "every tensor of the file has a layer"
    return pipeline


def served(exported: Exported) -> dict[str, Any]:
    """Return the pictures of the serving image's layers, alone and beside a row without adapter."""
    manifest = exported.manifest
    data = (exported.adapter / manifest.weights).read_bytes()
    check_lora(data, manifest.rank, manifest.text_encoder_rank)
    pipeline = exported.pipeline()
    components = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    layers = find_layers(components)
    reader = AdapterReader(manifest.base_sha256, layers, torch.device("cpu"), torch.float32)
    adapter = reader.read(exported.adapter)
    with active(layers, [((adapter, 1.0),)]):
        alone = picture(pipeline)
    with active(layers, [((adapter, 0.25), (adapter, 0.75)), ()]):
        noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        prompts = ["a photo of sks person"] * 2
        pictures = pipeline(
            prompts, num_inference_steps=2, latents=noise.repeat(2, 1, 1, 1), output_type="np"
        )
        both = pictures.images[0]
    return {"served alone": alone, "served beside the base, in two parts": both}
