"""The recipe that a request and a base give."""

import pytest

from contracts.base import BaseCard, TrainingDefaults
from contracts.documents.training import TrainingTask
from contracts.documents.upload.request import TrainingRequest
from trainer.config.recipe import (
    caption_of,
    choose_steps,
    count_held_out,
    make_recipe,
    name_subject,
)

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


@pytest.mark.parametrize(("photos", "steps"), [(1, 100), (8, 240), (50, 300)])
def test_steps_grow_with_photos_between_two_bounds(photos: int, steps: int) -> None:
    assert choose_steps(photos, DEFAULTS) == steps


@pytest.mark.parametrize(("photos", "held_out"), [(1, 0), (5, 0), (6, 1), (10, 2), (100, 4)])
def test_few_photos_are_all_trained_on(photos: int, held_out: int) -> None:
    assert count_held_out(photos) == held_out


def test_options_that_are_not_requested_are_the_bases_defaults() -> None:
    recipe = make_recipe(task(), CARD, photos=8)
    assert (recipe.steps, recipe.rank, recipe.alpha) == (240, 8, 8.0)
    assert (recipe.resolution, recipe.learning_rate, recipe.text_encoder_lr) == (64, 1e-3, None)


def test_requested_numbers_have_priority() -> None:
    options = {"seed": 0, "rank": 4, "lora_alpha": 1, "max_train_steps": 7, "num_class_images": 3}
    recipe = make_recipe(task(**options, train_text_encoder=True), CARD, photos=8)
    assert (recipe.steps, recipe.rank, recipe.alpha, recipe.class_images) == (7, 4, 1.0, 3)
    assert recipe.text_encoder_lr == recipe.learning_rate


def test_no_prior_preservation_means_no_class_images() -> None:
    assert make_recipe(task(with_prior_preservation=False), CARD, photos=8).class_images == 0


@pytest.mark.parametrize("placeholder", ["TOK", "[trigger]", "<<TOK>>"])
def test_placeholders_name_the_subject_and_words_that_hold_one_stay(placeholder: str) -> None:
    prompt = f"{placeholder} in TOKYO, a {placeholder} person"
    assert name_subject(prompt, request()) == "sks in TOKYO, a sks person"


def test_a_caption_that_does_not_name_the_subject_gets_the_prompt_before_it() -> None:
    assert caption_of(None, request()) == "a photo of sks person"
    assert caption_of("TOK smiling", request()) == "sks smiling"
    assert caption_of("smiling", request()) == "a photo of sks person, smiling"
    assert caption_of("TOK, smiling", request()) == "sks, smiling"
    assert caption_of("in asks", request()) == "a photo of sks person, in asks"


def test_a_base_may_ask_for_its_text_encoders_to_be_trained() -> None:
    asking = {"train_text_encoder": True, "text_encoder_lr": 5e-4}
    card = CARD.model_copy(update={"training": DEFAULTS.model_copy(update=asking)})
    assert make_recipe(task(), card, photos=8).text_encoder_lr == 5e-4
    assert make_recipe(task(text_encoder_lr=1e-5), card, photos=8).text_encoder_lr == 1e-5
    assert make_recipe(task(train_text_encoder=False), card, photos=8).text_encoder_lr is None


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
    assert make_recipe(task(**options), CARD, photos=8, photos_per_epoch=8).steps == steps


def test_options_that_are_not_requested_keep_their_defaults() -> None:
    recipe = make_recipe(task(), CARD, photos=8)
    assert (recipe.optimizer, recipe.weight_decay, recipe.max_grad_norm) == ("adamw", 1e-4, 1.0)
    assert (recipe.snr_gamma, recipe.noise_offset, recipe.lora_dropout) == (5.0, 0.0, 0.0)
    assert (recipe.lr_scheduler, recipe.warm_up_steps, recipe.checkpoint_every) == (None, 12, 24)
    assert recipe.gradient_accumulation_steps == 1


def test_requested_options_have_priority() -> None:
    options = {"snr_gamma": 0, "lr_scheduler": "linear", "lr_warmup_steps": 0}
    options |= {"checkpointing_steps": 3, "adam_weight_decay": 0, "target_modules": ["to_q"]}
    recipe = make_recipe(task(**options), CARD, photos=8)
    assert (recipe.snr_gamma, recipe.weight_decay, recipe.warm_up_steps) == (0, 0, 0)
    assert (recipe.checkpoint_every, recipe.target_modules) == (3, ("to_q",))


def test_text_encoders_may_have_a_rank_and_alpha_of_their_own() -> None:
    recipe = make_recipe(task(rank=8, lora_alpha=4, text_encoder_rank=2), CARD, photos=8)
    assert recipe.text_encoder_lr is not None  # a rank for them means that they are trained
    assert (recipe.rank_of("unet"), recipe.rank_of("text_encoder_2")) == (8, 2)
    assert (recipe.alpha_of("unet"), recipe.alpha_of("text_encoder_2")) == (4, 1)
    own = make_recipe(task(text_encoder_rank=2, text_encoder_alpha=8), CARD, photos=8)
    assert own.alpha_of("text_encoder") == 8


def test_prodigy_finds_its_own_rate() -> None:
    recipe = make_recipe(task(optimizer="prodigy", train_text_encoder=True), CARD, photos=8)
    assert (recipe.learning_rate, recipe.text_encoder_lr) == (1.0, 1.0)
