"""The trainer's rules, each against an independent source; small tensors, no pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from diffusers import DDPMScheduler  # noqa: E402
from diffusers.training_utils import compute_snr  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402

from contracts.base import GateFloors, PredictionType  # noqa: E402
from trainer import lora, loss  # noqa: E402
from trainer.checkpoint import Progress, load_state, save_state  # noqa: E402
from trainer.gate import Evidence, Shots, examine  # noqa: E402
from trainer.loop import draw_timesteps  # noqa: E402
from trainer.sampling import Shot  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_noise_target_and_weights_are_diffusers_own(kind: PredictionType) -> None:
    scheduler = DDPMScheduler(prediction_type=kind, beta_schedule="scaled_linear")
    latents, noise = torch.randn(2, 4, 4, 8, 8).unbind(0)
    timesteps = torch.tensor([0, 10, 500, 999])
    signal = scheduler.alphas_cumprod[timesteps]

    assert torch.allclose(
        loss.add_noise(latents, noise, signal), scheduler.add_noise(latents, noise, timesteps)
    )
    velocity = scheduler.get_velocity(latents, noise, timesteps)
    wanted = noise if kind == "epsilon" else velocity
    assert torch.allclose(loss.target_of(kind, latents, noise, signal), wanted, atol=1e-6)
    snr = compute_snr(scheduler, timesteps)
    divisor = snr if kind == "epsilon" else snr + 1
    weights = loss.min_snr_weights(kind, signal, 5.0)
    assert torch.allclose(weights, snr.clamp(max=5) / divisor, rtol=1e-4)


def test_every_photo_comes_once_in_each_round() -> None:
    for first in (0, 5, 10):
        drawn = [loss.pick(5, first + i, 7, "photo") for i in range(5)]
        assert sorted(drawn) == [0, 1, 2, 3, 4]


def test_chance_depends_on_its_key_alone() -> None:
    one, other = loss.normal((3,), 1, "noise", 2), loss.normal((3,), 1, "noise", 3)
    torch.manual_seed(99)
    assert torch.equal(loss.normal((3,), 1, "noise", 2), one)
    assert not torch.equal(one, other)


def test_noise_levels_are_uniform_and_spread_within_a_batch() -> None:
    drawn = torch.cat([draw_timesteps(8, 4, 1000, 0, step) for step in range(500)])
    assert drawn.min() >= 0
    assert drawn.max() < 1000
    assert abs(float(drawn.float().mean()) - 499.5) < 10
    quarters = draw_timesteps(4, 4, 1000, 0, 3).sort().values.diff()
    assert all(abs(int(gap) - 250) <= 1 for gap in quarters)


def make_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)).requires_grad_(requires_grad=False)


def test_an_adapter_goes_in_off_on_and_out_without_a_trace() -> None:
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
    with lora.switched_off(networks):
        assert torch.equal(network(given), before)
    assert torch.equal(network(given), changed)
    assert len(lora.parameters(networks)) == 4
    lora.detach(networks)
    assert torch.equal(network(given), before)
    assert [type(layer) for layer in network] == [nn.Linear, nn.Linear]


def test_a_torn_or_foreign_state_is_passed_over(tmp_path: Path) -> None:
    weights = {"unet.a": nn.Parameter(torch.ones(3))}
    optimizer = torch.optim.AdamW(weights.values())
    weights["unet.a"].sum().backward()
    optimizer.step()
    trained = weights["unet.a"].detach().clone()
    save_state(tmp_path, "mine", Progress(1, [0.5], 2.0), weights, optimizer)
    save_state(tmp_path, "other", Progress(2, [0.5, 0.4], 3.0), weights, optimizer)
    (tmp_path / "step-000003.safetensors").write_bytes(b"torn")
    with torch.no_grad():
        weights["unet.a"].zero_()

    # KEPT is 2 and the torn file is not counted when the second state is saved.
    progress = load_state(tmp_path, "mine", weights, optimizer)

    assert (progress.step, progress.losses) == (1, [0.5])
    assert torch.equal(weights["unet.a"].detach(), trained)


@dataclass
class ColourJudge:
    """A judge that takes a picture's mean colour for its identity; attributes: ``red``."""

    def identities(self, images: Sequence[Image.Image]) -> Any:
        means = np.stack([np.asarray(image).mean(axis=(0, 1)) for image in images])
        return nn.functional.normalize(torch.from_numpy(means).float(), dim=-1)

    def follows(self, prompt: str, image: Image.Image) -> tuple[int, int]:
        if "red" not in prompt:
            return 0, 0
        red, green, _ = np.asarray(image).mean(axis=(0, 1))
        return int(red > green), 1

    def circumstances(self) -> tuple[str, ...]:
        return ()


RED, GREEN, BLUE = (0.9, 0.1, 0.1), (0.1, 0.9, 0.1), (0.1, 0.1, 0.9)


def pictures(*colours: tuple[float, float, float]) -> Any:
    plain = np.ones((len(colours), 8, 8, 3), dtype=np.float32) * np.array(
        colours, dtype=np.float32
    ).reshape(-1, 1, 1, 3)
    plain[:, 0] = 1 - plain[:, 0]  # something to see
    return plain


SHOTS = Shots(subject=[Shot("red sks", 0)], wishes=[], of_class=[Shot("a thing", 1)])
FLOORS = GateFloors(
    min_effect=0.01, min_identity=0.9, min_prompt_following=0.9, max_class_drift=0.1
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
def test_the_gate_names_the_floor_that_was_missed(
    without: tuple[tuple[float, float, float], ...],
    with_adapter: tuple[tuple[float, float, float], ...],
    codes: tuple[str, ...],
) -> None:
    evidence = Evidence(SHOTS, pictures(*without), pictures(*with_adapter))
    report = examine(evidence, REAL, ColourJudge(), FLOORS)
    assert set(codes) <= set(report.codes)
    assert report.passed == (not codes)


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_broken_pictures_fail_whatever_else_they_are(value: float) -> None:
    broken = np.full((2, 8, 8, 3), value, dtype=np.float32)
    report = examine(Evidence(SHOTS, pictures(GREEN, BLUE), broken), REAL, None, FLOORS)
    assert report.codes == ("gate_broken_pictures",)


def test_without_a_judge_only_effect_and_health_count() -> None:
    evidence = Evidence(SHOTS, pictures(GREEN, BLUE), pictures(RED, RED))
    report = examine(evidence, REAL, None, FLOORS)
    assert (report.passed, report.identity) == (True, None)
