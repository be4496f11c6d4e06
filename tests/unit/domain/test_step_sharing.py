"""How many users share a step: those that are alike, as many as fit and gain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import BaseCard
from contracts.documents.capacity import StepShape
from contracts.documents.training import TaskPhoto, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.instances.accelerators import INSTANCES
from contracts.shared.steps import Dataset
from domain.pricing.grid import changed
from domain.pricing.step_sharing import (
    GIB,
    SHARE_OF_PEAK_WHEN_FULL,
    USABLE_MEMORY,
    gain,
    shape_of,
    trains_text_encoder,
    users_per_step,
    users_that_fit,
)
from tests.unit.training_kit import BASE_SHA256, CARD, REQUEST, job_id
from trainer.config.recipe import Recipe, make_recipe, plan_task
from trainer.config.sharing import can_share_step

SIX = Dataset((1,) * 6)
SMALL, LARGE = CARD, CARD.model_copy(update={"resolution": 1024})
G5, G6E, P5 = "ml.g5.2xlarge", "ml.g6e.2xlarge", "ml.p5.4xlarge"

OPTIONS: dict[str, list[object]] = {
    "seed": [0, 1],
    "rank": [None, 4, 8],
    "lora_alpha": [None, 2.0],
    "resolution": [None, 64, 128],
    "max_train_steps": [None, 20, 40],
    "train_batch_size": [None, 1, 4],
    "learning_rate": [None, 1e-3, 1e-4],
    "with_prior_preservation": [True, False],
    "num_class_images": [20, 40],
    "prior_loss_weight": [None, 0.5],
    "max_grad_norm": [1.0, 2.0],
    "gradient_checkpointing": [None, False, True],
    "mixed_precision": [None, "no", "bf16", "fp16"],
    "snr_gamma": [None, 1.0],
    "adam_beta1": [0.9, 0.8],
    "adam_weight_decay": [1e-4, 0.0],
    "lr_scheduler": [None, "constant_with_warmup"],
    "lr_warmup_steps": [None, 3],
    "noise_offset": [0.0, 0.1],
    "caption_dropout_rate": [0.0, 0.1],
    "train_text_encoder": [None, True, False],
    "text_encoder_rank": [None, 4],
    "optimizer": ["adamw", "adafactor"],
    "use_8bit_adam": [False, True],
    "lora_dropout": [0.0, 0.1],
    "gradient_accumulation_steps": [1, 2],
    "enable_bucket": [False, True],
    "resolutions": [(), (64, 128)],
    "validation_steps": [None, 10],
    "target_modules": [None, ("to_q",)],
    "adapter_type": ["lora", "lokr"],
    "use_dora": [False, True],
    "use_rslora": [False, True],
    "loraplus_lr_ratio": [None, 4.0],
    "use_ema": [False, True],
}
"""Each option that a step may depend on, its default first."""

FEW_CHANGES = st.dictionaries(st.sampled_from(sorted(OPTIONS)), st.integers(0, 3), max_size=2)


def chosen(picks: dict[str, int]) -> TrainingRequest | None:
    """Return the request with these options; None: they do not go together."""
    options = {name: OPTIONS[name][pick % len(OPTIONS[name])] for name, pick in picks.items()}
    try:
        return changed(REQUEST, **options)
    except ValueError:
        return None


def recipe_of(request: TrainingRequest, card: BaseCard) -> Recipe:
    photos = tuple(
        TaskPhoto(index=n, file=f"{job_id(1)}/{n:03d}.png", sha256="0" * 64) for n in range(6)
    )
    task = TrainingTask(job_id=job_id(1), request=request, photos=photos)
    return make_recipe(task, card, plan_task(task, card, range(6)))


@given(FEW_CHANGES, FEW_CHANGES)
def test_the_planner_groups_exactly_those_whom_the_trainer_trains_in_one_step(
    one: dict[str, int], other: dict[str, int]
) -> None:
    first, second = chosen(one), chosen(other)
    if first is None or second is None:
        return
    groups = [shape_of(request, SIX, CARD).group for request in (first, second)]
    together = groups[0] is not None and groups[0] == groups[1]
    assert together == can_share_step(recipe_of(first, CARD), recipe_of(second, CARD))


def test_users_of_different_bases_or_lengths_share_no_step() -> None:
    groups = {
        shape_of(REQUEST, SIX, CARD).group,
        shape_of(REQUEST, SIX, CARD.model_copy(update={"sha256": "a" * 64})).group,
        shape_of(REQUEST, Dataset((1,) * 12), CARD).group,
    }
    assert BASE_SHA256 != "a" * 64
    assert len(groups) == 3


@pytest.mark.parametrize(
    ("card", "options", "instance_type", "users"),
    [
        (SMALL, {}, G5, 8),  # a step of 64 pixels is all launching
        (LARGE, {"train_batch_size": 1}, G5, 1),  # a step of 1024 pixels fills an A10G
        (LARGE, {"train_batch_size": 1}, G6E, 1),  # and an L40S
        (LARGE, {"train_batch_size": 1}, P5, 2),  # and not an H100
        (SMALL, {"use_8bit_adam": True}, G5, 1),
        (SMALL, {}, "ml.unknown", 1),
    ],
)
def test_users_share_a_step_where_it_gains(
    card: BaseCard, options: dict[str, object], instance_type: str, users: int
) -> None:
    shape = shape_of(changed(REQUEST, **options), SIX, card)
    assert users_per_step(shape, instance_type, limit=8) == users


def test_the_stack_s_limit_holds_and_an_unknown_shape_is_trained_alone() -> None:
    shape = shape_of(REQUEST, SIX, SMALL)
    assert [users_per_step(shape, G5, limit) for limit in (1, 3)] == [1, 3]
    assert users_per_step(None, G5, limit=8) == 1


def test_no_more_users_than_the_memory_holds() -> None:
    gpu = INSTANCES[G5].gpu
    for options in ({"train_batch_size": 1}, {"train_batch_size": 1, "mixed_precision": "no"}):
        shape = shape_of(changed(REQUEST, **options), SIX, LARGE)
        users = users_that_fit(shape, gpu, limit=8)
        used = shape.base_bytes + users * shape.user_bytes
        more = used + shape.user_bytes
        free = USABLE_MEMORY * gpu.memory_gib * GIB
        assert users == 1 or used <= free
        assert users == 8 or more > free


def test_checkpointing_and_smaller_adapters_take_less_memory() -> None:
    def taken(**options: object) -> int:
        return shape_of(changed(REQUEST, **options), SIX, LARGE).user_bytes

    assert taken(gradient_checkpointing=True) < taken() / 4
    assert taken(rank=4) < taken(rank=64)
    assert taken(rank=64) < taken(rank=64, target_modules=("to_q", "ff.net.2"))
    assert taken(mixed_precision="no") > 1.9 * taken()
    assert taken(with_prior_preservation=False) < 0.6 * taken()


def shaped(**options: object) -> StepShape:
    return shape_of(changed(REQUEST, **options), SIX, CARD)


@pytest.mark.parametrize(
    ("option", "default", "other"),
    [
        ("rank", CARD.training.rank, 8),
        ("learning_rate", CARD.training.learning_rate, 1e-4),
        ("resolution", CARD.resolution, 128),
        ("target_modules", CARD.training.target_modules, ("to_q",)),
        ("gradient_checkpointing", False, True),
        ("num_class_images", 1, None),
    ],
)
def test_a_default_that_is_written_out_is_no_difference(
    option: str, default: object, other: object
) -> None:
    changes: dict[str, object] = {} if other is None else {option: other}
    groups = [
        shaped().group,
        shaped(**{option: default}).group,
        shaped(**changes, with_prior_preservation=other is not None).group,
    ]
    assert None not in groups
    assert groups[0] == groups[1] != groups[2]


def test_jobs_that_wait_during_an_update_of_the_stack_still_share_steps() -> None:
    """The row of a waiting job has the hash of an earlier release."""
    assert shaped().group == "9da303ac26749ee7"


def test_a_step_in_float16_is_shared_with_nobody() -> None:
    assert shaped(mixed_precision="fp16").group is None


@pytest.mark.parametrize(
    ("options", "base_s", "trained"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"train_text_encoder": True}, False, True),
        ({"train_text_encoder": False}, True, False),
        ({"text_encoder_rank": 4}, False, True),
    ],
)
def test_the_request_says_whether_text_encoders_are_trained_then_the_base(
    options: dict[str, object], base_s: bool, trained: bool
) -> None:
    training = CARD.training.model_copy(update={"train_text_encoder": base_s})
    card = CARD.model_copy(update={"training": training})
    assert trains_text_encoder(changed(REQUEST, **options), card) is trained


def test_the_memory_of_a_step_is_its_base_and_each_user_s_batch_adapter_and_latents() -> None:
    """SDXL at half of its side, so a quarter of its activations; 5 photos and 20 class images."""
    options = {"resolution": 512, "rank": 8, "train_batch_size": 2, "num_class_images": 20}
    shape = shaped(**options)
    activations = 4 * 5.3 * GIB / 4
    adapter, latents = 1_453_000 * 8 * 16, (5 + 20) * 64 * 64 * 32
    assert shape.user_bytes == pytest.approx(activations + adapter + latents, abs=4)
    assert shape.base_bytes == round(1.5 * GIB) + 7_000_000_000
    full = shaped(**options, mixed_precision="no")
    assert full.base_bytes == round(1.5 * GIB) + 14_000_000_000
    assert full.user_bytes == pytest.approx(2 * activations + adapter + latents, abs=4)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 4.0), (0.75, 4 / 3), (2.0, 1.0)])
def test_a_step_gains_what_its_users_would_wait_for_launches(share: float, expected: float) -> None:
    """``share``: how long one user's step computes, in launch times."""
    gpu = INSTANCES[G5].gpu
    shape = shaped().model_copy(
        update={"tflop": share * 0.12 * SHARE_OF_PEAK_WHEN_FULL * gpu.peak_tflops}
    )
    assert gain(4, shape, gpu) == pytest.approx(expected)


def test_users_share_no_step_for_a_tenth_of_its_time() -> None:
    peak = SHARE_OF_PEAK_WHEN_FULL * INSTANCES[G5].gpu.peak_tflops
    shapes = [shaped().model_copy(update={"tflop": 0.12 / faster * peak}) for faster in (1.1, 1.2)]
    assert [users_per_step(shape, G5, limit=8) for shape in shapes] == [1, 2]


def test_a_zimage_at_its_own_size_is_trained_by_one_user_a_pass() -> None:
    changes = {"family": "zimage", "prediction_type": "flow_prediction", "resolution": 1024}
    shape = shape_of(REQUEST, SIX, CARD.model_copy(update=changes))
    assert shape.group is not None, "the trainer could"
    assert {users_per_step(shape, kind, 8) for kind in INSTANCES} == {1}
