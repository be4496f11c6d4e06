"""The recipe that a request and a base give."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from contracts.base import BaseCard, TrainingDefaults
from contracts.documents.training import TrainingPlan, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_TRAIN_STEPS
from contracts.shared.steps import Dataset, count_steps
from trainer.config.recipe import Recipe, make_recipe, read_plan, warm_cosine
from trainer.config.sharing import can_share_step
from trainer.process.results import TrainingError

DEFAULTS = TrainingDefaults(
    learning_rate=1e-3,
    train_batch_size=4,
    rank=8,
    steps_per_photo=30,
    min_train_steps=100,
    max_train_steps=300,
)
CARD = BaseCard.model_validate(
    {
        "base_id": "tiny",
        "family": "sdxl",
        "revision": "1",
        "sha256": "0" * 64,
        "files": {},
        "prediction_type": "epsilon",
        "resolution": 64,
        "training": DEFAULTS,
        "inference": {"num_inference_steps": 2, "guidance_scale": 1, "scheduler": "DDIMScheduler"},
        "gate": {"min_effect": 0.0},
    }
)


def request(**options: object) -> TrainingRequest:
    prompts = {"instance_prompt": "a photo of TOK person", "class_prompt": "a photo of a person"}
    return TrainingRequest.model_validate(prompts | options)


def task(**options: object) -> TrainingTask:
    photos = [{"index": 0, "file": f"{'0' * 32}/000.png", "sha256": "0" * 64}]
    return TrainingTask.model_validate(
        {"job_id": "0" * 32, "request": request(**options), "photos": photos}
    )


def recipe_of(card: BaseCard = CARD, /, **options: object) -> Recipe:
    """The recipe for ten photos, of which two are held out."""
    return recipe_for(task(**options), card)


def recipe_for(given: TrainingTask, card: BaseCard, *repeats: int) -> Recipe:
    dataset = Dataset(repeats or (1,) * 10, len(given.class_photos))
    return make_recipe(given, card, count_steps(given.request, card.training, dataset))


def test_options_that_are_not_requested_are_the_bases_defaults() -> None:
    recipe = recipe_of()
    assert (recipe.steps, recipe.rank, recipe.alpha) == (240, 8, 8.0)
    assert (recipe.resolution, recipe.learning_rate, recipe.text_encoder_lr) == (64, 1e-3, None)


def test_requested_numbers_have_priority() -> None:
    options = {"seed": 0, "rank": 4, "lora_alpha": 1, "max_train_steps": 7, "num_class_images": 3}
    recipe = recipe_of(**options, train_text_encoder=True)
    assert (recipe.steps, recipe.rank, recipe.alpha, recipe.class_images) == (7, 4, 1.0, 3)
    assert recipe.text_encoder_lr == recipe.learning_rate


def test_no_prior_preservation_means_no_class_images() -> None:
    assert recipe_of(with_prior_preservation=False).class_images == 0


def test_the_prompt_of_a_recipe_names_the_subject() -> None:
    named = recipe_of(instance_prompt="a TOK in TOKYO").instance_prompt
    assert named == "a sks in TOKYO"


def test_a_base_may_ask_for_its_text_encoders_to_be_trained() -> None:
    asking = {"train_text_encoder": True, "text_encoder_lr": 5e-4}
    card = CARD.model_copy(update={"training": DEFAULTS.model_copy(update=asking)})
    assert recipe_of(card).text_encoder_lr == 5e-4
    assert recipe_of(card, text_encoder_lr=1e-5).text_encoder_lr == 1e-5
    assert recipe_of(card, train_text_encoder=False).text_encoder_lr is None


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"num_train_epochs": 10}, 20),  # 8 photos in batches of 4
        ({"num_train_epochs": 10, "gradient_accumulation_steps": 2}, 10),
        ({"num_train_epochs": 3, "train_batch_size": 5}, 5),  # 24 of 5 at a time
        ({"num_train_epochs": 1000, "train_batch_size": 1, "max_train_steps": 7}, 7),
    ],
)
def test_epochs_choose_the_steps_unless_these_are_given(
    options: dict[str, object], steps: int
) -> None:
    assert recipe_of(**options).steps == steps


def test_options_that_are_not_requested_keep_their_defaults() -> None:
    recipe = recipe_of()
    assert (recipe.optimizer, recipe.weight_decay, recipe.max_grad_norm) == ("adamw", 1e-4, 1.0)
    assert (recipe.snr_gamma, recipe.noise_offset, recipe.lora_dropout) == (5.0, 0.0, 0.0)
    assert (recipe.lr_scheduler, recipe.warm_up_steps, recipe.checkpoint_every) == (None, 12, 24)
    assert recipe.gradient_accumulation_steps == 1


def test_requested_options_have_priority() -> None:
    options = {"snr_gamma": 0, "lr_scheduler": "linear", "lr_warmup_steps": 0}
    options |= {"checkpointing_steps": 3, "adam_weight_decay": 0, "target_modules": ["to_q"]}
    recipe = recipe_of(**options)
    assert (recipe.snr_gamma, recipe.weight_decay, recipe.warm_up_steps) == (0, 0, 0)
    assert (recipe.checkpoint_every, recipe.target_modules) == (3, ("to_q",))


def test_text_encoders_may_have_a_rank_and_alpha_of_their_own() -> None:
    recipe = recipe_of(rank=8, lora_alpha=4, text_encoder_rank=2)
    assert recipe.text_encoder_lr is not None  # a rank for them means that they are trained
    assert (recipe.rank_of("unet"), recipe.rank_of("text_encoder_2")) == (8, 2)
    assert (recipe.alpha_of("unet"), recipe.alpha_of("text_encoder_2")) == (4, 1)
    own = recipe_of(text_encoder_rank=2, text_encoder_alpha=8)
    assert own.alpha_of("text_encoder") == 8


def test_rslora_scales_by_the_root_of_the_rank() -> None:
    recipe = recipe_of(rank=16, lora_alpha=4, use_rslora=True)
    assert recipe.alpha_of("unet") / recipe.rank_of("unet") == 4 / 16**0.5


def test_prodigy_finds_its_own_rate() -> None:
    recipe = recipe_of(optimizer="prodigy", train_text_encoder=True)
    assert (recipe.learning_rate, recipe.text_encoder_lr) == (1.0, 1.0)


def test_the_rate_warms_up_and_then_falls_along_a_cosine_to_nothing() -> None:
    plain = recipe_of(max_train_steps=100, lr_warmup_steps=0)
    assert [round(warm_cosine(plain, step), 4) for step in (0, 25, 50, 75, 100)] == [
        1.0, 0.8536, 0.5, 0.1464, 0.0,
    ]  # fmt: skip
    warm = recipe_of(max_train_steps=100, lr_warmup_steps=10)
    assert warm_cosine(warm, 0) == pytest.approx(0.1)
    assert warm_cosine(warm, 4) == pytest.approx(0.5 * warm_cosine(plain, 4))
    assert [warm_cosine(warm, step) for step in (9, 60)] == [
        warm_cosine(plain, step) for step in (9, 60)
    ]


WHOLE: dict[str, object] = {
    "seed": 5,
    "resolution": 128,
    "max_train_steps": 500,
    "train_batch_size": 2,
    "rank": 16,
    "lora_alpha": 4,
    "learning_rate": 2e-4,
    "text_encoder_lr": 3e-5,
    "text_encoder_rank": 4,
    "text_encoder_alpha": 2,
    "train_text_encoder": True,
    "target_modules": ["to_q", "to_k"],
    "class_prompt": "a photo of a cat",
    "instance_prompt": "a photo of TOK cat",
    "trigger_word": "zwx",
    "num_class_images": 12,
    "prior_loss_weight": 0.5,
    "snr_gamma": 4.0,
    "max_grad_norm": 2.0,
    "lora_dropout": 0.25,
    "gradient_accumulation_steps": 3,
    "gradient_checkpointing": True,
    "mixed_precision": "bf16",
    "use_8bit_adam": True,
    "adam_beta1": 0.8,
    "adam_beta2": 0.95,
    "adam_weight_decay": 0.01,
    "lr_scheduler": "cosine_with_restarts",
    "lr_warmup_steps": 7,
    "lr_num_cycles": 2,
    "noise_offset": 0.05,
    "checkpointing_steps": 11,
    "validation_steps": 13,
    "enable_bucket": True,
    "caption_dropout_rate": 0.1,
    "use_dora": True,
    "use_rslora": True,
    "loraplus_lr_ratio": 16.0,
    "use_ema": True,
    "ema_decay": 0.99,
}


def test_every_wish_of_a_request_is_in_the_recipe() -> None:
    recipe = recipe_of(**WHOLE)
    assert asdict(recipe) == {
        "job_id": "0" * 32,
        "seed": 5,
        "resolution": 128,
        "steps": 500,
        "batch_size": 2,
        "rank": 16,
        "alpha": 4.0,
        "learning_rate": 2e-4,
        "text_encoder_lr": 3e-5,
        "text_encoder_rank": 4,
        "text_encoder_alpha": 2.0,
        "target_modules": ("to_q", "to_k"),
        "subjects": (("zwx", "a photo of zwx cat", "a photo of a cat"),),
        "class_images": 12,
        "prior_loss_weight": 0.5,
        "snr_gamma": 4.0,
        "max_grad_norm": 2.0,
        "lora_dropout": 0.25,
        "gradient_accumulation_steps": 3,
        "gradient_checkpointing": True,
        "mixed_precision": "bf16",
        "optimizer": "adamw",
        "use_8bit_adam": True,
        "adam_beta1": 0.8,
        "adam_beta2": 0.95,
        "weight_decay": 0.01,
        "lr_scheduler": "cosine_with_restarts",
        "lr_warmup_steps": 7,
        "lr_num_cycles": 2,
        "lr_power": 1.0,
        "noise_offset": 0.05,
        "checkpointing_steps": 11,
        "validation_steps": 13,
        "enable_bucket": True,
        "resolutions": (),
        "caption_dropout_rate": 0.1,
        "adapter_type": "lora",
        "decompose_factor": 8,
        "use_dora": True,
        "use_rslora": True,
        "loraplus_lr_ratio": 16.0,
        "use_ema": True,
        "ema_decay": 0.99,
    }


def test_several_subjects_share_a_class_by_its_prompt_and_no_step_with_another_user() -> None:
    people = [
        {"trigger_word": word, "instance_prompt": f"a TOK {kind}", "class_prompt": f"a {kind}"}
        for word, kind in (("zwx", "cat"), ("rex", "dog"), ("ohwx", "cat"))
    ]
    several = make_recipe(
        TrainingTask.model_validate(
            {**task().model_dump(), "request": {"subjects": people, "snr_gamma": None}}
        ),
        CARD,
        count_steps(request(), DEFAULTS, Dataset((1,) * 10)),
    )
    assert several.class_prompts == ("a cat", "a dog")
    assert [several.class_of(number) for number in range(3)] == [0, 1, 0]
    assert several.subjects[1].instance_prompt == "a rex dog"
    assert can_share_step(recipe_of(), recipe_of())
    assert not can_share_step(several, several)


def test_a_request_without_wishes_is_the_base_s_in_everything() -> None:
    bare, given_text = recipe_of(), recipe_of(**WHOLE)
    assert asdict(bare) == asdict(given_text) | {
        "seed": 0,
        "resolution": 64,
        "steps": 240,
        "batch_size": 4,
        "rank": 8,
        "alpha": 8.0,
        "learning_rate": 1e-3,
        "text_encoder_lr": None,
        "text_encoder_rank": None,
        "text_encoder_alpha": None,
        "target_modules": DEFAULTS.target_modules,
        "subjects": (("sks", "a photo of sks person", "a photo of a person"),),
        "class_images": 200,
        "prior_loss_weight": DEFAULTS.prior_loss_weight,
        "snr_gamma": 5.0,
        "max_grad_norm": 1.0,
        "use_dora": False,
        "use_rslora": False,
        "loraplus_lr_ratio": None,
        "use_ema": False,
        "ema_decay": 0.9999,
        "lora_dropout": 0.0,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
        "mixed_precision": None,
        "use_8bit_adam": False,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "weight_decay": 1e-4,
        "lr_scheduler": None,
        "lr_warmup_steps": None,
        "lr_num_cycles": 1,
        "noise_offset": 0.0,
        "checkpointing_steps": None,
        "validation_steps": None,
        "enable_bucket": False,
        "caption_dropout_rate": 0.0,
    }


@pytest.mark.parametrize(
    ("options", "defaults", "rate"),
    [
        ({}, {}, None),
        ({"train_text_encoder": True}, {}, 1e-3),
        ({"train_text_encoder": True}, {"text_encoder_lr": 4e-4}, 4e-4),
        ({"train_text_encoder": True, "learning_rate": 2e-4}, {}, 2e-4),
        ({"text_encoder_lr": 1e-5}, {"text_encoder_lr": 4e-4}, 1e-5),
        ({"text_encoder_rank": 4}, {}, 1e-3),
        ({"text_encoder_alpha": 4}, {}, 1e-3),
        ({}, {"train_text_encoder": True}, 1e-3),
        ({"train_text_encoder": False}, {"train_text_encoder": True}, None),
        ({"train_text_encoder": True, "optimizer": "prodigy"}, {"text_encoder_lr": 4e-4}, 1.0),
        (
            {"train_text_encoder": True, "optimizer": "prodigy", "learning_rate": 0.5},
            {},
            0.5,
        ),
    ],
)
def test_the_text_encoders_rate(
    options: dict[str, object], defaults: dict[str, object], rate: float | None
) -> None:
    card = CARD.model_copy(update={"training": DEFAULTS.model_copy(update=defaults)})
    assert recipe_of(card, **options).text_encoder_lr == rate


def test_own_class_pictures_count_in_the_place_of_drawn_ones() -> None:
    own = [{"file": f"{n}.png", "sha256": "0" * 64} for n in range(3)]
    some = TrainingTask.model_validate(task().model_dump() | {"class_photos": own})
    assert recipe_for(some, CARD).class_images == 3
    none = some.model_dump() | {"request": request(with_prior_preservation=False)}
    assert recipe_for(TrainingTask.model_validate(none), CARD).class_images == 0


def test_what_weighs_nothing_is_a_wish_too() -> None:
    recipe = recipe_of(prior_loss_weight=0, snr_gamma=0)
    assert (recipe.prior_loss_weight, recipe.snr_gamma) == (0, 0)


def test_epochs_end_somewhere_and_count_photos_as_often_as_they_come() -> None:
    many = recipe_for(task(num_train_epochs=1000, train_batch_size=1), CARD, *([1] * 100))
    assert many.steps == MAX_TRAIN_STEPS == 20_000
    assert recipe_for(task(num_train_epochs=2), CARD, *([10] * 10)).steps == 40
    assert recipe_of(num_train_epochs=2).steps == 4


@pytest.mark.parametrize(("steps", "every"), [(50, 10), (100, 10), (109, 10), (500, 50)])
def test_states_are_saved_after_a_tenth_but_not_after_every_few_steps(
    steps: int, every: int
) -> None:
    assert recipe_of(max_train_steps=steps).checkpoint_every == every


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, 12),
        ({"lr_scheduler": "constant"}, 0),
        ({"lr_scheduler": "linear"}, 12),
        ({"lr_scheduler": "linear", "lr_warmup_steps": 3}, 3),
    ],
)
def test_a_twentieth_of_the_steps_warms_up(options: dict[str, object], steps: int) -> None:
    assert recipe_of(**options).warm_up_steps == steps


# --- the plan -------------------------------------------------------------------------------


def plan_in(root: Path, body: bytes) -> Path:
    folder = root / "input" / "data" / "plan"
    folder.mkdir(parents=True)
    (folder / "plan.json").write_bytes(body)
    return root


def test_a_plan_is_read_from_its_channel(tmp_path: Path) -> None:
    plan = TrainingPlan(plan_id="1" * 32, base_sha256="b" * 64, tasks=(task(),))
    assert read_plan(plan_in(tmp_path, plan.model_dump_json().encode())) == plan


def test_a_plan_that_is_none_is_said_by_its_fields_and_without_values(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as missing:
        read_plan(tmp_path)
    assert missing.value.code == "plan_invalid"
    assert missing.value.message == "the plan channel has no plan.json"
    words = "my aunt"
    body = {"plan_id": words, "tasks": [{"job_id": words}], "base_sha256": "b" * 64}
    with pytest.raises(TrainingError) as wrong:
        read_plan(plan_in(tmp_path, json.dumps(body).encode()))
    assert wrong.value.code == "plan_invalid"
    assert wrong.value.message == (
        "check the fields plan_id, tasks.0.job_id, tasks.0.photos, tasks.0.request"
    )
