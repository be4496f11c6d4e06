"""What an upload asks for, in the files and folders of several tools; and which of them counts."""

import json
from typing import Any

import pytest

from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError

PROMPTS = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
TOML = b"network_dim = 8\nnetwork_alpha = 4\nmax_train_epochs = 2\ntrain_batch_size = 1\n"
CONFIG = "config.json"
KOHYA_FOLDER = ("60_dwjz/a.jpg", "60_dwjz/b.jpg")


def merged(
    request: dict[str, Any] | None,
    photos: tuple[str, ...] = (),
    settings: dict[str, bytes] | None = None,
) -> MergedRequest:
    body = None if request is None else json.dumps(request).encode()
    return merge_sources(RequestSources(body, settings or {}, photos))


def problems(
    request: dict[str, Any] | None,
    photos: tuple[str, ...] = (),
    settings: dict[str, bytes] | None = None,
) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        merged(request, photos, settings)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_an_avatar_config_stands_instead_of_a_request() -> None:
    body = json.dumps({"n_steps": 300, "lora_r": 16, "lora_alpha": 16, "resolution": 512}).encode()
    found = merged(None, (), {CONFIG: body})
    request = found.request
    assert (request.max_train_steps, request.rank, request.lora_alpha) == (300, 16, 16)
    assert (request.instance_prompt, request.text_encoder_rank) == ("photo of <<TOK>>", 64)
    assert request.train_text_encoder is True
    assert found.origins["max_train_steps"] == "config.json"
    (report,) = found.imported
    assert {setting.name for setting in report.mapped} == {"n_steps", "lora_r"}
    assert "lora_text_encoder_r" in {setting.name for setting in report.assumed}


def test_an_avatar_config_carries_alpha_and_never_guesses_it() -> None:
    request = merged(None, (), {CONFIG: b"{}"}).request
    assert (request.rank, request.lora_alpha) == (128, 1)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"lora_bias": "all"}, "lora_bias"),
        ({"lora_r": 4096}, "lora_r"),
        ({"n_steps": "many"}, "n_steps"),
        ({"fp16": True, "mixed_precision": 5}, "mixed_precision"),
    ],
)
def test_a_bad_setting_is_reported_under_its_own_name(config: dict[str, Any], field: str) -> None:
    assert set(problems(None, (), {CONFIG: json.dumps(config).encode()})) == {field}


def test_settings_without_effect_are_listed_and_not_obeyed() -> None:
    config = {"base_model": "evil/model", "fp16": False, "train_text_encoder": False, "x\ny": 1}
    found = merged(None, (), {CONFIG: json.dumps(config | {"lora_text_encoder_r": 8}).encode()})
    (report,) = found.imported
    assert {s.name for s in report.ignored} == {"base_model", "x?y", "lora_text_encoder_r"}
    assert found.request.mixed_precision == "no"
    assert found.request.text_encoder_rank is None


def test_kohyas_file_and_folder_say_all_there_is_to_say() -> None:
    found = merged(None, KOHYA_FOLDER, {"kohya.toml": TOML})
    request = found.request
    assert (request.trigger_word, request.rank, request.lora_alpha) == ("dwjz", 8, 4)
    assert request.instance_prompt == "a photo of dwjz"
    assert request.max_train_steps == 2 * 2 * 60
    assert set(found.origins.values()) <= {"toml", "folder"}


def test_the_request_counts_before_the_file_beside_it() -> None:
    found = merged({**PROMPTS, "rank": 32}, KOHYA_FOLDER, {"kohya.toml": TOML})
    assert (found.request.rank, found.request.lora_alpha) == (32, 4)
    assert found.request.trigger_word == "sks"  # the prompt was written with it
    assert "rank" not in found.origins


def test_a_kohya_folder_fills_what_an_empty_request_leaves() -> None:
    request = merged({}, ("10_tgr cat/a.jpg", "b.jpg")).request
    assert (request.trigger_word, request.class_prompt) == ("tgr", "a photo of a cat")
    assert request.instance_prompt == "a photo of TOK cat"


def test_a_folder_with_a_year_is_no_subject() -> None:
    found = merged(PROMPTS, ("2024_summer/a.jpg", "12_months/b.jpg"))
    assert (found.request.trigger_word, found.origins) == ("sks", {})


def test_a_folder_with_underscores_names_word_and_class() -> None:
    request = merged({}, ("20_ohwx_man/a.jpg",)).request
    assert (request.trigger_word, request.class_prompt) == ("ohwx", "a photo of a man")
    assert request.instance_prompt == "a photo of TOK man"


def test_two_files_of_one_kind_are_a_problem() -> None:
    assert "more than one toml" in problems(PROMPTS, (), {"a.toml": b"", "b.toml": b""})[""]


def test_prompts_may_stand_in_dataset_info() -> None:
    found = merge_sources(
        RequestSources(b"{}", {"dataset_info.json": json.dumps(PROMPTS).encode()}, ())
    )
    assert found.request.class_prompt == PROMPTS["class_prompt"]
    assert found.origins["class_prompt"] == "dataset_info.json"


@pytest.mark.parametrize("preset", ["face", "object", "style"])
def test_a_preset_fills_only_what_nothing_gives_and_is_reported(preset: str) -> None:
    found = merged({"preset": preset, "class_prompt": "a photo of a boat", "rank": 4})
    assert (found.request.class_prompt, found.request.rank) == ("a photo of a boat", 4)
    assert set(found.origins) == {"instance_prompt", "with_prior_preservation"}
    assert set(found.origins.values()) == {"preset"}
    assert found.request.with_prior_preservation == (preset != "style")


def test_an_unknown_preset_is_a_problem_like_any_other() -> None:
    assert set(problems({**PROMPTS, "preset": "cats"})) == {"preset"}
    assert set(problems({**PROMPTS, "preset": ["face"]})) == {"preset"}


def test_problems_of_all_files_are_reported_at_once() -> None:
    found = problems({**PROMPTS, "rnak": 3}, (), {"kohya.toml": b'network_module = "networks.oft"'})
    assert set(found) == {"rnak", "network_module"}


NAMELESS = {"instance_prompt": "a photo of zwx person", "class_prompt": "a photo of a person"}


def test_an_instance_prompt_that_names_nobody_is_refused_and_both_words_are_reported() -> None:
    found = problems(NAMELESS)
    assert set(found) == {"instance_prompt"}
    assert "sks" in found["instance_prompt"]
    assert "set trigger_word to zwx" in found["instance_prompt"]
    assert "zwx" not in problems({**NAMELESS, "trigger_word": "dwjz"})["instance_prompt"][:80]


@pytest.mark.parametrize(
    "request_",
    [
        {**NAMELESS, "trigger_word": "zwx"},
        {**NAMELESS, "token_string": "ZWX"},
        {**NAMELESS, "token": "zwx"},
        {"concept_prompt": "photo of <<TOK>>", "class_prompt": "a photo"},
        {"preset": "style", "trigger_word": "zwx"},
        {**NAMELESS, "instance_prompt": "a photo of <s0><s1> man"},
        {**NAMELESS, "instance_prompt": "SKS!"},
    ],
)
def test_a_prompt_that_names_the_subject_in_any_form_is_taken(request_: dict[str, Any]) -> None:
    merged(request_)


def test_a_nameless_prompt_is_reported_under_its_own_name_once_the_fields_are_in_order() -> None:
    config = {CONFIG: json.dumps({"concept_prompt": "photo of zwx man"}).encode()}
    assert set(problems(None, (), config)) == {"concept_prompt"}
    assert set(problems({**NAMELESS, "trigger_word": "two  words"})) == {"trigger_word"}
    assert set(problems({**NAMELESS, "instance_prompt": 5})) == {"instance_prompt"}


def test_a_prompt_of_jumpstart_needs_its_trigger_word_beside_it() -> None:
    info = {"dataset_info.json": json.dumps(NAMELESS).encode()}
    assert set(problems({}, (), info)) == {"instance_prompt"}
    assert merged({"trigger_word": "zwx"}, (), info).request.trigger_word == "zwx"


def test_the_folder_names_the_subject_of_a_prompt_that_is_written_with_its_word() -> None:
    prompts = {**NAMELESS, "instance_prompt": "a photo of dwjz person"}
    found = merged(prompts, KOHYA_FOLDER)
    assert found.request.trigger_word == "dwjz"
    assert found.request.instance_prompt == "a photo of dwjz person"
    assert found.origins == {"trigger_word": "folder"}
    assert set(problems(NAMELESS, KOHYA_FOLDER)) == {"instance_prompt"}
    placeholder = {**NAMELESS, "instance_prompt": "a photo of TOK person"}
    assert merged(placeholder, KOHYA_FOLDER).request.trigger_word == "sks"
