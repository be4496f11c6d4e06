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


EXTRA: dict[str, Any] = {
    "additional_parameters": "--network_train_unet_only --min_snr_gamma=3",
    "optimizer": "DAdaptAdam",
    "optimizer_args": '"decouple=True" "weight_decay=0.1" "betas=0.9,0.91"',
    "unet_lr": 1.0,
    "text_encoder_lr": 1.0,
    "noise_offset": "0.05",
    "noise_offset_type": "Multires",
    "sample_prompts": "a man in a hat --w 768 --s 20\n# a comment\n\na man at sea --l 3",
    "loraplus_lr_ratio": 0,
    "lr_scheduler_power": 2,
}


def test_what_other_releases_of_the_window_write_is_read() -> None:
    found = merged(WINDOW | EXTRA)
    request, (report,) = found.request, found.imported
    assert (request.train_text_encoder, request.snr_gamma) == (False, 3)
    assert (request.optimizer, request.learning_rate) == ("prodigy", 1)
    assert (request.adam_weight_decay, request.adam_beta2) == (0.1, 0.91)
    assert (request.noise_offset, request.lr_power) == (0, 1)
    assert request.sample_prompts == ("a man in a hat", "a man at sea")
    assert request.loraplus_lr_ratio is None
    listed = {s.name: s.note for s in (*report.honoured, *report.mapped, *report.ignored)}
    arguments = {"additional_parameters --network_train_unet_only"}
    arguments |= {"additional_parameters --min_snr_gamma"}
    assert set(listed) == {*WINDOW, *EXTRA, *arguments}
    assert "decouple" in listed["optimizer_args"]
    assert listed["min_snr_gamma"] == "additional_parameters is used instead."


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"additional_parameters": "network_train_unet_only"}, "additional_parameters"),
        ({"additional_parameters": '--a "'}, "additional_parameters"),
        ({"optimizer_args": "weight_decay=much"}, "optimizer_args"),
        ({"optimizer_args": "weight_decay"}, "optimizer_args"),
        ({"LoRA_type": "LyCORIS/Diag-OFT"}, "LoRA_type"),
        ({"LoRA_type": "Flux1 OFT"}, "LoRA_type"),
    ],
)
def test_arguments_that_cannot_be_read_are_refused(changed: dict[str, Any], field: str) -> None:
    assert list(problems(WINDOW | changed)) == [field]


def test_a_file_of_the_tab_for_whole_models_is_refused_by_name() -> None:
    lora = {"LoRA_type", "network_alpha", "network_dim", "network_dropout", "unet_lr"}
    config = {name: v for name, v in WINDOW.items() if name not in lora | {"text_encoder_lr"}}
    assert "LoRA tab" in problems(config)["LoRA_type"]


def test_adafactor_that_finds_its_own_rate_gets_none() -> None:
    changed = {"optimizer": "Adafactor", "optimizer_args": "relative_step=True", "unet_lr": 1.0}
    found = merged(WINDOW | changed | {"text_encoder_lr": 1.0})
    assert (found.request.optimizer, found.request.learning_rate) == ("adafactor", None)
    assert {"unet_lr", "text_encoder_lr"} <= {s.name for s in found.imported[0].ignored}


def test_the_window_s_file_may_be_the_request_and_keeps_our_own_fields() -> None:
    body = json.dumps(WINDOW | {"dry_run": True, "max_cost_usd": 2}).encode()
    found = merge_sources(RequestSources(body, {}, PHOTOS))
    assert (found.request.rank, found.request.dry_run, found.request.max_cost_usd) == (32, True, 2)
    assert "dry_run" not in {s.name for s in found.imported[0].ignored}


def test_the_datasets_beside_the_window_s_file_are_its_own() -> None:
    toml = b"""
    [[datasets]]
    resolution = 768
    [[datasets.subsets]]
    class_tokens = "zwx cat"
    num_repeats = 4
    """
    files = {"config.json": json.dumps(WINDOW).encode(), "data.toml": toml}
    found = merge_sources(RequestSources(None, files, tuple("abcdefgh")))
    assert (found.request.trigger_word, found.request.resolution) == ("zwx", 768)
    assert found.request.max_train_steps == 8 * 4 * 2 / 2
    assert len(found.imported) == 1


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5000), st.floats(), st.text("abc1, ", max_size=9)
) | st.sampled_from([10**400, [], {}, [1], {"a": 1}, "1e999", "0", "", "nan"])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(WINDOW | EXTRA)), VALUES, max_size=6))
def test_any_file_of_the_window_is_a_request_or_a_list_of_problems(changed: dict[str, Any]) -> None:
    found = merged_or_refused(WINDOW | changed)
    if found is not None:
        (report,) = found.imported
        listed = [s.name for s in (*report.honoured, *report.mapped, *report.ignored)]
        own = [name for name in listed if not name.startswith("additional_parameters --")]
        assert sorted(own) == sorted(WINDOW | changed)


def merged_or_refused(config: dict[str, Any]) -> MergedRequest | None:
    with suppress(RequestRefusedError):
        return merged(config)
    return None
