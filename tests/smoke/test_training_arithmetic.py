"""The trainer's arithmetic on small tensors: buckets, masked losses, metrics, an optimizer step."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from tests.smoke.trainer_kit import full_recipe  # noqa: E402
from trainer.config.noise import squared_error  # noqa: E402
from trainer.config.recipe import Recipe  # noqa: E402
from trainer.evaluation.gate import (  # noqa: E402
    likeness_within,
    measure_following,
    share_forgotten,
)
from trainer.examples.buckets import Size, choose_bucket, sizes_of  # noqa: E402
from trainer.optimisation.checkpoint import Progress  # noqa: E402
from trainer.optimisation.step import OptimizerStep, Weights  # noqa: E402

pytestmark = pytest.mark.training
RECIPE = replace(full_recipe(), use_ema=True, ema_decay=0.9)


# ---- buckets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [320, 512])
def test_sizes_are_the_square_and_pairs_of_about_its_pixels(side: int) -> None:
    sizes = sizes_of(side, 64)
    assert sizes.count(Size(side, side)) == 1
    assert [size for size in sizes if size.height == size.width] == [Size(side, side)]
    assert {Size(size.width, size.height) for size in sizes} == {*sizes}
    for size in sizes:
        assert 0.7 * side**2 <= size.height * size.width <= side**2
        assert 0.5 <= size.width / size.height <= 2
        assert size == Size(side, side) or size.height % 64 == size.width % 64 == 0


def test_each_batch_of_a_bucket_is_its_next_one_and_rounds_differ() -> None:
    entries, seed = [6, 2, 4], 7
    rounds = []
    earlier: Counter[int] = Counter()
    for round_ in range(3):
        chosen = [choose_bucket(entries, round_ * 6 + index, seed) for index in range(6)]
        for number, first in chosen:
            assert first == earlier[number]
            earlier[number] += 1
        rounds.append([number for number, _ in chosen])
        assert Counter(rounds[-1]) == {0: 3, 1: 1, 2: 2}
    assert len({tuple(one) for one in rounds}) > 1
    assert [choose_bucket(entries, index, seed)[0] for index in range(6)] == rounds[0]


# ---- losses and metrics --------------------------------------------------------------------------


def test_a_mask_counts_what_it_shows_and_does_not_change_the_size_of_a_loss() -> None:
    target = torch.zeros(2, 3, 4, 4)
    prediction = torch.ones(2, 3, 4, 4)
    prediction[0, :, :, 2:] = 3
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, :, :, :2] = 0.5
    mask[1] = 1
    masked = squared_error(prediction, target, mask)
    assert torch.allclose(masked, torch.tensor([1.0, 1.0]))
    assert torch.allclose(squared_error(prediction, target), torch.tensor([5.0, 1.0]))


def test_likeness_within_photos_is_the_mean_over_all_pairs() -> None:
    photos = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    half = 0.5**0.5
    assert likeness_within(photos) == pytest.approx((half + 0 + half) / 3)
    assert likeness_within(photos[:1]) is None


class Reader:
    """A judge that finds so many of the attributes that a prompt names."""

    def follows(self, prompt: str, image: int) -> tuple[int, int]:
        return image, len(prompt.split())


def test_following_is_the_share_of_all_attributes_that_were_asked_for() -> None:
    judge = Reader()
    assert measure_following(judge, ["red hat", "tree"], [1, 1]) == pytest.approx(2 / 3)  # type: ignore[arg-type, list-item]
    assert measure_following(judge, [""], [0]) is None  # type: ignore[arg-type, list-item]


def test_what_is_forgotten_is_a_share_of_what_was_shown_before() -> None:
    assert share_forgotten(0.8, 0.2) == pytest.approx(0.75)
    assert share_forgotten(0.8, 0.9) == 0
    assert share_forgotten(0.0, 0.0) == share_forgotten(None, 0.5) == 0


# ---- one optimizer step --------------------------------------------------------------------------


def stepped(steps: int, step: OptimizerStep, weights: Weights) -> None:
    """Take steps towards zero."""
    for number in range(steps):
        loss = sum((weight**2).sum() for weight in weights.values())
        step.scale(loss).backward()
        step.apply(number, loss.detach().reshape(1))


def fresh(dtype: Any, recipe: Recipe = RECIPE) -> tuple[OptimizerStep, Weights]:
    """Return a step, and the weights that it trains."""
    weights = {name: torch.nn.Parameter(torch.full((2, 2), 3.0)) for name in ("a", "b")}
    return OptimizerStep(recipe, weights, dtype), weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_state_holds_average_and_loss_scale_and_goes_on_from_there(
    dtype: Any,
) -> None:
    step, weights = fresh(dtype)
    stepped(3, step, weights)
    state = step.state_dict(Progress(3, [1.0] * 3, 1.0))
    assert {"ema/a", "ema/b"} <= state.tensors.keys()
    assert state.numbers["ema/optimization_step"] == 3
    assert ("scaler/scale" in state.numbers) == (dtype == torch.float16)
    other, theirs = fresh(dtype)
    stepped(1, other, theirs)
    other.load_state(state)
    for one, weight in ((step, weights), (other, theirs)):
        stepped(2, one, weight)
    for name, weight in weights.items():
        assert torch.equal(weight, theirs[name])
    for one in (step, other):
        one.use_average()
    for name, weight in weights.items():
        assert torch.equal(weight, theirs[name])
    assert not torch.equal(weights["a"], torch.full((2, 2), 3.0))
