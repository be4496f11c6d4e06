"""Training options: what a request may say, and what it may not."""

import pytest
from pydantic import ValidationError

from contracts.documents.upload.request import TrainingRequest

PROMPTS = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}


def request(**fields: object) -> TrainingRequest:
    return TrainingRequest.model_validate(PROMPTS | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"lora_dropout": 1.0},
        {"target_modules": []},
        {"target_modules": ["conv_in"]},
        {"gradient_accumulation_steps": 0},
        {"mixed_precision": "fp8"},
        {"optimizer": "sgd"},
        {"optimizer": "prodigy", "use_8bit_adam": True},
        {"optimizer": "adafactor", "adam_beta1": 0.5},
        {"optimizer": "prodigy", "text_encoder_lr": 0.01},
        {"optimizer": "prodigy", "learning_rate": 0.5, "text_encoder_lr": 1.0},
        {"text_encoder_lr": 1.0},
        {"learning_rate": 0.5},
        {"adam_beta2": 1.0},
        {"max_grad_norm": 0},
        {"lr_scheduler": "piecewise_constant"},
        {"lr_scheduler": "linear", "lr_num_cycles": 2},
        {"lr_scheduler": "linear", "lr_power": 2.0},
        {"lr_scheduler": "constant", "lr_warmup_steps": 5},
        {"noise_offset": 1.5},
        {"repeats": 10},
        {"resolutions": [64, 64]},
        {"resolutions": [100]},
        {"train_text_encoder": False, "text_encoder_rank": 4},
        {"train_text_encoder": False, "text_encoder_alpha": 4},
    ],
)
def test_an_option_out_of_range_or_without_effect_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        request(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"optimizer": "prodigy", "learning_rate": 1.0},
        {"optimizer": "prodigy", "learning_rate": 1.0, "text_encoder_lr": 1.0},
        {"optimizer": "prodigy", "text_encoder_lr": 1.0},
        {"optimizer": "adafactor", "adam_weight_decay": 0},
        {"use_8bit_adam": True, "target_modules": ["to_q", "ff.net.2"]},
        {"lr_scheduler": "cosine_with_restarts", "lr_num_cycles": 3, "lr_warmup_steps": 5},
        {"num_train_epochs": 10, "repeats": 20, "enable_bucket": True, "resolutions": [512, 768]},
    ],
)
def test_a_request_that_was_written_and_read_again_is_the_same(fields: dict[str, object]) -> None:
    once = request(**fields)
    assert TrainingRequest.model_validate_json(once.model_dump_json()) == once


def test_prior_preservation_needs_class_images_to_learn_from() -> None:
    with pytest.raises(ValidationError, match="num_class_images of at least 1"):
        request(with_prior_preservation=True, num_class_images=0)
    assert request(with_prior_preservation=True, num_class_images=1).num_class_images == 1
    assert request(with_prior_preservation=False, num_class_images=0).num_class_images == 0
