"""kohya_ss's JSON is told apart from the avatar guidance's config.json, and read as kohya's."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError

PHOTOS = tuple(f"20_ohwx man/{n}.jpg" for n in range(10))
WINDOW: dict[str, Any] = {
    "LoRA_type": "Standard",
    "adaptive_noise_scale": 0,
    "additional_parameters": "",
    "bucket_no_upscale": True,
    "cache_latents": True,
    "caption_extension": ".txt",
    "enable_bucket": True,
    "epoch": 2,
    "gradient_checkpointing": True,
    "learning_rate": 0.0001,
    "lr_scheduler": "cosine",
    "lr_scheduler_num_cycles": "",
    "lr_warmup": 10,
    "max_resolution": "1024,1024",
    "max_train_epochs": "",
    "max_train_steps": "",
    "min_snr_gamma": 5,
    "mixed_precision": "bf16",
    "network_alpha": 16,
    "network_dim": "32",
    "network_dropout": 0,
    "optimizer": "AdamW8bit",
    "optimizer_args": "",
    "pretrained_model_name_or_path": "stabilityai/stable-diffusion-xl-base-1.0",
    "reg_data_dir": "",
    "sample_every_n_steps": 0,
    "seed": "1234",
    "stop_text_encoder_training": 0,
    "text_encoder_lr": 0.00005,
    "train_batch_size": 2,
    "train_data_dir": "/img",
    "unet_lr": 0.0001,
    "xformers": "xformers",
}


def merged(config: dict[str, Any], photos: tuple[str, ...] = PHOTOS) -> MergedRequest:
    settings = {"config.json": json.dumps(config).encode()}
    return merge_sources(RequestSources(None, settings, photos))


def problems(config: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        merged(config)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_the_window_s_file_keeps_rank_alpha_and_all_that_it_sets() -> None:
    found = merged(WINDOW)
    request = found.request
    assert (request.rank, request.lora_alpha, request.seed) == (32, 16, 1234)
    assert (request.learning_rate, request.text_encoder_lr) == (1e-4, 5e-5)
    assert (request.resolution, request.enable_bucket) == (1024, True)
    assert (request.use_8bit_adam, request.mixed_precision) == (True, "bf16")
    assert request.max_train_steps == 10 * 20 * 2 / 2
    assert request.lr_warmup_steps == 20
    assert (request.trigger_word, request.class_prompt) == ("ohwx", "a photo of a man")
    assert (request.train_text_encoder, request.with_prior_preservation) == (True, False)
    assert found.origins["rank"] == "config.json"


def test_each_of_the_window_s_settings_is_reported_once_under_its_own_name() -> None:
    (report,) = merged(WINDOW).imported
    assert report.tool == "kohya"
    listed = [s.name for s in (*report.honoured, *report.mapped, *report.ignored)]
    assert sorted(listed) == sorted(WINDOW)
    assert not [s for s in report.ignored if "did you mean" in s.note]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"unet_lr": 0, "text_encoder_lr": 0}, {"learning_rate": 1e-4, "train_text_encoder": True}),
        ({"text_encoder_lr": 0}, {"train_text_encoder": False, "text_encoder_lr": None}),
        ({"max_train_steps": 700}, {"max_train_steps": 700, "lr_warmup_steps": 70}),
        ({"max_train_epochs": 3}, {"max_train_steps": 300}),
        ({"lr_warmup": 0}, {"lr_warmup_steps": 0}),
        ({"lr_warmup_steps": 5}, {"lr_warmup_steps": 5}),
        ({"lr_scheduler": "constant"}, {"lr_warmup_steps": None}),
        ({"seed": 0}, {"seed": 0}),
        ({"max_resolution": "768,1024"}, {"resolution": 768}),
        ({"reg_data_dir": "/reg"}, {"with_prior_preservation": True, "max_train_steps": 400}),
        ({"network_alpha": None}, {"lora_alpha": 1}),
        (
            {"optimizer": "Prodigy", "unet_lr": 1.0, "text_encoder_lr": 1.0},
            {"optimizer": "prodigy", "text_encoder_lr": 1.0},
        ),
    ],
)
def test_a_zero_means_what_it_means_to_the_window(
    changed: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = merged(WINDOW | changed)
    assert {name: getattr(found.request, name) for name in expected} == expected
    (report,) = found.imported
    listed = [s.name for s in (*report.honoured, *report.mapped, *report.ignored)]
    assert sorted(listed) == sorted(WINDOW | changed)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"LoRA_type": "LyCORIS/LoHa"}, "LoRA_type"),
        ({"unet_lr": 0}, "unet_lr"),
        ({"network_dim": 9999}, "network_dim"),
        ({"max_resolution": "wide"}, "max_resolution"),
        ({"lr_warmup": "much"}, "lr_warmup"),
        ({"text_encoder_lr": 10**400}, "text_encoder_lr"),
        ({"epoch": -1e182}, "epoch"),
        ({"train_batch_size": 10**13}, "train_batch_size"),
        ({"max_resolution": "1" * 400}, "max_resolution"),
    ],
)
def test_what_cannot_be_done_is_refused_under_the_window_s_name(
    changed: dict[str, Any], field: str
) -> None:
    assert list(problems(WINDOW | changed)) == [field]


def test_a_file_with_settings_of_two_tools_is_asked_about_and_not_guessed() -> None:
    assert "two tools" in problems(WINDOW | {"n_steps": 3})["config.json"]


def test_the_avatar_guidance_s_file_is_still_its_own() -> None:
    config = {"n_steps": 300, "lora_alpha": 1, "learning_rate": 1e-4, "resolution": 512}
    (report,) = merged(config).imported
    assert report.tool == "avatar"


def test_our_own_names_in_a_config_are_no_marks_of_the_window() -> None:
    config = {"n_steps": 300, "text_encoder_lr": 1e-5}
    (report,) = merged(config).imported
    assert report.tool == "avatar"


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5000), st.floats(), st.text("abc1, ", max_size=9)
) | st.sampled_from([10**400, [], {}, [1], {"a": 1}, "1e999", "0", "", "nan"])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(WINDOW)), VALUES, max_size=6))
def test_any_file_of_the_window_is_a_request_or_a_list_of_problems(changed: dict[str, Any]) -> None:
    found = merged_or_refused(WINDOW | changed)
    if found is not None:
        (report,) = found.imported
        listed = [s.name for s in (*report.honoured, *report.mapped, *report.ignored)]
        assert sorted(listed) == sorted(WINDOW | changed)


def merged_or_refused(config: dict[str, Any]) -> MergedRequest | None:
    with suppress(RequestRefusedError):
        return merged(config)
    return None
