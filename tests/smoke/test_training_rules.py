"""The trainer's arithmetic, compared with independent sources; small tensors, no pipeline."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from diffusers import DDPMScheduler  # noqa: E402
from diffusers.training_utils import compute_snr  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402
from transformers import ResNetConfig, ResNetForImageClassification  # noqa: E402

from contracts.base import PredictionType  # noqa: E402
from tests.smoke.gate_kit import BLUE, FLOORS, GREEN, RED, ColourJudge, images_of  # noqa: E402
from tests.smoke.trainer_kit import small_recipe  # noqa: E402
from trainer.config import noise as loss  # noqa: E402
from trainer.evaluation.gate import Evidence, SamplingRequests, examine  # noqa: E402
from trainer.evaluation.judge import ClassifierJudge  # noqa: E402
from trainer.examples.batches import draw_timesteps  # noqa: E402
from trainer.model import grouped_lora, lora  # noqa: E402
from trainer.model.sampling import SamplingRequest  # noqa: E402
from trainer.optimisation.checkpoint import (  # noqa: E402
    Progress,
    load_checkpoint,
    load_state,
    save_checkpoint,
    state_dict,
)
from trainer.optimisation.step import OptimizerStep, clip_per_user  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_noise_target_and_weights_are_diffusers_own(kind: PredictionType) -> None:
    scheduler = DDPMScheduler(prediction_type=kind, beta_schedule="scaled_linear")
    latents, noise = torch.randn(2, 4, 4, 8, 8).unbind(0)
    timesteps = torch.tensor([0, 10, 500, 999])
    alphas_cumprod = scheduler.alphas_cumprod[timesteps]

    assert torch.allclose(
        loss.add_noise(latents, noise, alphas_cumprod),
        scheduler.add_noise(latents, noise, timesteps),
    )
    velocity = scheduler.get_velocity(latents, noise, timesteps)
    wanted = noise if kind == "epsilon" else velocity
    assert torch.allclose(loss.target_of(kind, latents, noise, alphas_cumprod), wanted, atol=1e-6)
    snr = compute_snr(scheduler, timesteps)
    divisor = snr if kind == "epsilon" else snr + 1
    weights = loss.min_snr_weights(kind, alphas_cumprod, 5.0)
    assert torch.allclose(weights, snr.clamp(max=5) / divisor, rtol=1e-4)


def test_every_photo_comes_once_in_each_round() -> None:
    for first in (0, 5, 10):
        drawn = [loss.shuffled_index(5, first + i, 7, "photo") for i in range(5)]
        assert sorted(drawn) == [0, 1, 2, 3, 4]


def test_random_values_depend_on_their_key_alone() -> None:
    one, other = loss.normal((3,), 1, "noise", 2), loss.normal((3,), 1, "noise", 3)
    torch.manual_seed(99)
    assert torch.equal(loss.normal((3,), 1, "noise", 2), one)
    assert not torch.equal(one, other)


def test_timesteps_are_uniform_and_spread_within_a_batch() -> None:
    drawn = torch.cat([draw_timesteps(8, 4, 1000, 0, step) for step in range(500)])
    assert drawn.min() >= 0
    assert drawn.max() < 1000
    assert abs(float(drawn.float().mean()) - 499.5) < 10
    quarters = draw_timesteps(4, 4, 1000, 0, 3).sort().values.diff()
    assert all(abs(int(gap) - 250) <= 1 for gap in quarters)


def make_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)).requires_grad_(requires_grad=False)


def test_an_adapter_is_attached_disabled_and_detached_without_a_trace() -> None:
    network, given = make_network(), torch.randn(2, 8)
    before = network(given)
    lora.attach(network, "unet", ("0", "1"), rank=2, alpha=4, seed=0)
    networks = {"unet": network}
    assert torch.equal(network(given), before)  # B starts at zero
    for name, weight in lora.parameters(networks).items():
        if ".lora_B." in name:
            weight.data.fill_(0.5)
    changed = network(given)
    assert not torch.allclose(changed, before)
    with lora.disabled(networks):
        assert torch.equal(network(given), before)
    assert torch.equal(network(given), changed)
    assert len(lora.parameters(networks)) == 4
    lora.detach(networks)
    assert torch.equal(network(given), before)
    assert [type(layer) for layer in network] == [nn.Linear, nn.Linear]


def test_a_damaged_or_foreign_checkpoint_is_ignored(tmp_path: Path) -> None:
    weights = {"unet.a": nn.Parameter(torch.ones(3))}
    optimizer = torch.optim.AdamW(weights.values())
    weights["unet.a"].sum().backward()
    optimizer.step()
    trained = weights["unet.a"].detach().clone()
    mine, foreign = Progress(1, [0.5], 2.0), Progress(2, [0.5, 0.4], 3.0)
    save_checkpoint(tmp_path, "mine", state_dict(mine, weights, optimizer))
    save_checkpoint(tmp_path, "other", state_dict(foreign, weights, optimizer))
    (tmp_path / "step-000003.safetensors").write_bytes(b"torn")
    with torch.no_grad():
        weights["unet.a"].zero_()

    # MAX_CHECKPOINTS is 2; the damaged file is written after the second checkpoint.
    state = load_checkpoint(tmp_path, "mine")

    assert state is not None
    assert state.progress == mine
    load_state(state, weights, optimizer)
    assert torch.equal(weights["unet.a"].detach(), trained)


REQUESTS = SamplingRequests(
    subject=[SamplingRequest("red sks", 0)],
    sample_prompts=[],
    of_class=[SamplingRequest("a thing", 1)],
)
REAL = [Image.new("RGB", (8, 8), (230, 26, 26))]


@pytest.mark.parametrize(
    ("without", "with_adapter", "codes"),
    [
        ((GREEN, BLUE), (RED, BLUE), ()),
        ((RED, BLUE), (RED, BLUE), ("gate_no_effect",)),
        ((GREEN, BLUE), (BLUE, BLUE), ("gate_not_alike",)),
        ((GREEN, BLUE), (RED, RED), ("gate_class_drift",)),
    ],
)
def test_the_gate_returns_the_code_of_the_missed_floor(
    without: tuple[tuple[float, float, float], ...],
    with_adapter: tuple[tuple[float, float, float], ...],
    codes: tuple[str, ...],
) -> None:
    evidence = Evidence(REQUESTS, images_of(*without), images_of(*with_adapter))
    report = examine(evidence, REAL, ColourJudge(), FLOORS)
    assert set(codes) <= set(report.codes)
    assert report.passed == (not codes)


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_broken_images_fail_whatever_they_show(value: float) -> None:
    broken = np.full((2, 8, 8, 3), value, dtype=np.float32)
    report = examine(Evidence(REQUESTS, images_of(GREEN, BLUE), broken), REAL, None, FLOORS)
    assert report.codes == ("gate_broken_pictures",)


def test_without_a_judge_only_effect_and_health_count() -> None:
    evidence = Evidence(REQUESTS, images_of(GREEN, BLUE), images_of(RED, RED))
    report = examine(evidence, REAL, None, FLOORS)
    assert (report.passed, report.identity) == (True, None)


class ThreeLayers(nn.Module):  # type: ignore[misc] # mypy runs without torch
    """The smallest network with target layers by name."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.to_q, self.to_k, self.out = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 1)
        self.requires_grad_(requires_grad=False)

    def forward(self, rows: Any) -> Any:
        return self.out(torch.tanh(self.to_k(torch.tanh(self.to_q(rows)))))


def test_gradients_of_users_in_one_pass_equal_those_of_separate_passes() -> None:
    recipes = [small_recipe(), small_recipe(2, 4.0), small_recipe(3, 1.0)]
    rows = torch.randn(3, 5, 6)
    network = ThreeLayers()
    stacked = grouped_lora.attach(network, "unet", recipes)
    for weight in stacked.values():
        weight.data += 0.1  # so that A has gradients too
    network(rows.reshape(15, 6)).square().sum().backward()
    gradients = {name: weight.grad.clone() for name, weight in stacked.items()}
    norms = clip_per_user(stacked, 1e-3)
    grouped_lora.detach(network)

    for user, own in enumerate(recipes):
        lora.attach(network, "unet", own.target_modules, rank=2, alpha=own.alpha, seed=own.seed)
        weights = lora.parameters({"unet": network})
        assert weights.keys() == stacked.keys()
        for weight in weights.values():
            weight.data += 0.1
        network(rows[user]).square().sum().backward()
        for name, weight in weights.items():
            assert torch.allclose(gradients[name][user], weight.grad, rtol=1e-5, atol=1e-6)
        norm = nn.utils.clip_grad_norm_(list(weights.values()), 1e-3)
        assert torch.allclose(norms[user], norm, rtol=1e-5)
        for name, weight in weights.items():
            assert torch.allclose(stacked[name].grad[user], weight.grad, rtol=1e-4, atol=1e-9)
        lora.detach({"unet": network})


def test_one_users_nan_does_not_reach_the_others() -> None:
    weights = {"a": nn.Parameter(torch.ones(2, 3, 3))}
    weights["a"].grad = torch.ones(2, 3, 3)
    weights["a"].grad[0, 1, 1] = torch.nan
    norms = clip_per_user(weights, 100.0)
    assert torch.isnan(norms[0])
    assert torch.equal(weights["a"].grad[1], torch.ones(3, 3))
    assert torch.equal(weights["a"].grad[0], torch.zeros(3, 3))


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_step_that_is_not_finite_changes_no_weight(broken: str) -> None:
    weights = {"unet.a": nn.Parameter(torch.ones(2, 3))}
    stepper = OptimizerStep(small_recipe(), weights, torch.float32)
    weights["unet.a"].grad = torch.full((2, 3), torch.inf if broken == "gradient" else 0.1)
    loss = torch.tensor([torch.nan if broken == "loss" else 1.0])
    (stats,) = stepper.apply(0, loss)
    assert stats.diverged
    assert torch.equal(weights["unet.a"], torch.ones(2, 3))
    assert weights["unet.a"].grad is None, "the next step does not see the broken gradient"


def test_a_user_that_diverges_leaves_the_others_of_its_step_as_they_would_be_alone() -> None:
    start, gradient = torch.ones(2, 3, 3), torch.full((2, 3, 3), 0.1)
    both = {"unet.a": nn.Parameter(start.clone())}
    alone = {"unet.a": nn.Parameter(start[1:].clone())}
    both["unet.a"].grad, alone["unet.a"].grad = gradient.clone(), gradient[1:].clone()
    both["unet.a"].grad[0, 1, 1] = torch.nan
    group, single = (
        OptimizerStep(small_recipe(), own, torch.float32, clip_per_user) for own in (both, alone)
    )

    stats = group.apply(0, torch.tensor([0.5, 0.25]))

    assert [user.diverged for user in stats] == [True, False]
    assert stats[1:] == single.apply(0, torch.tensor([0.25]))
    assert torch.equal(both["unet.a"][1:], alone["unet.a"])
    assert not torch.equal(both["unet.a"][1:], start[1:])


def test_the_deadline_leaves_time_to_write() -> None:
    assert TimeLimit(deadline_seconds=0).training_is_over
    assert not TimeLimit(deadline_seconds=60).training_is_over
    assert not TimeLimit().training_is_over


def test_judge_json_says_how_the_outputs_of_the_classifier_are_read(tmp_path: Path) -> None:
    sizes = {"embedding_size": 4, "hidden_sizes": [4], "depths": [1], "layer_type": "basic"}
    network = ResNetForImageClassification(ResNetConfig(**sizes, num_labels=4))
    with torch.no_grad():  # two outputs are the identity; the second of the others is always larger
        network.classifier[1].weight.zero_()
        network.classifier[1].bias.copy_(torch.tensor([3.0, 4.0, 0.0, 1.0]))
    network.save_pretrained(tmp_path)
    readers = {"shirt": {"start": 2, "labels": ["red", "blue"]}}
    phrases = {"red shirt": {"shirt": "red"}, "blue shirt": {"shirt": "blue"}}
    settings = {"input_side": 8, "network_side": 16, "identity": [0, 2], "readers": readers}
    settings |= {"phrases": phrases, "prompts": ["a photo of a {subject}, red shirt"]}
    (tmp_path / "judge.json").write_text(json.dumps(settings | {"measured": {}}))

    judge, image = ClassifierJudge(tmp_path), Image.new("RGB", (32, 32))

    assert judge.identities([image]).tolist() == [pytest.approx([0.6, 0.8])]
    assert judge.circumstances("a photo of a man") == ("red shirt",)
    assert judge.describe(image) == "blue shirt"
    assert judge.follows("sks, Blue shirt", image) == (1, 1)
    assert judge.follows("sks, red shirt, hat", image) == (0, 1)
    assert judge.follows("sks", image) == (0, 0)
