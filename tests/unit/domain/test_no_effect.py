"""A number that changes nothing is refused before a GPU is paid for."""

import json
from typing import Any

import pytest

from domain.requests.merge import RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError

PROMPTS = {"instance_prompt": "a photo of sks dog", "class_prompt": "a photo of a dog"}


def problems(request: dict[str, Any], **files: bytes) -> dict[str, str]:
    named = {name.replace("_", "."): body for name, body in files.items()}
    own = json.dumps({**PROMPTS, **request}).encode()
    try:
        merge_sources(RequestSources(own, named, ("1.jpg",)))
    except RequestRefusedError as refusal:
        return {problem.field: problem.message for problem in refusal.problems}
    return {}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"learning_rate": 1e-320}, "learning_rate"),
        ({"lr": 5e-324}, "lr"),
        ({"text_encoder_lr": 1e-30}, "text_encoder_lr"),
        ({"optimizer": "prodigy", "learning_rate": 1e-45}, "learning_rate"),
        ({"lora_alpha": 1e-30}, "lora_alpha"),
        ({"text_encoder_alpha": 1e-9}, "text_encoder_alpha"),
        ({"loraplus_lr_ratio": 1e-12}, "loraplus_lr_ratio"),
        ({"max_grad_norm": 1e-20}, "max_grad_norm"),
        ({"snr_gamma": 1e-300}, "snr_gamma"),
        ({"sweep": {"learning_rate": [1e-4, 1e-40]}}, "sweep.learning_rate.1"),
        ({"prior_loss_weight": 0}, "prior_loss_weight"),
        ({"max_train_steps": 100, "lr_warmup_steps": 500}, "lr_warmup_steps"),
        ({"sweep": {"max_train_steps": [90, 900]}, "lr_warmup_steps": 100}, "lr_warmup_steps"),
    ],
)
def test_it_is_refused_under_its_own_name(request_: dict[str, Any], field: str) -> None:
    assert set(problems(request_)) == {field}


@pytest.mark.parametrize(
    "request_",
    [
        {"learning_rate": 1e-7, "text_encoder_lr": 5e-8},
        {"lora_alpha": 0.001, "max_grad_norm": 0.01, "snr_gamma": 0},
        {"prior_loss_weight": 0, "with_prior_preservation": False},
        {"max_train_steps": 100, "lr_warmup_steps": 100},
        {"lr_warmup_steps": 500},
    ],
)
def test_small_numbers_of_real_trainings_are_taken(request_: dict[str, Any]) -> None:
    assert not problems(request_)


def test_other_tools_files_are_held_to_it_too_but_for_their_warm_up() -> None:
    config = {"training_method": "LORA", "base_model_name": "x", "learning_rate": 1e-320}
    assert set(problems({}, config_json=json.dumps(config).encode())) == {"learning_rate"}
    kohya = b'class_tokens = "sks dog"\nmax_train_steps = 50\nlr_warmup_steps = 100\n'
    assert not problems({}, kohya_toml=kohya + b'lr_scheduler = "cosine"\n')
    assumed = json.dumps(config | {"learning_rate": 1e-4}).encode()  # 200 steps of warm-up
    assert not problems({"max_train_steps": 50}, config_json=assumed)
