"""Request bodies of Replicate, fal and Astria: each setting is carried, changed or ignored."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.documents.upload.imported import ImportReport
from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError

REPLICATE = {
    "destination": "me/my-model",
    "input": {
        "input_images": "https://example.com/photos.zip",
        "trigger_word": "zoë",
        "steps": 1000,
        "lora_rank": 16,
        "optimizer": "adamw8bit",
        "batch_size": 1,
        "resolution": "512,768,1024",
        "autocaption": True,
        "autocaption_prefix": "a photo of TOK",
        "learning_rate": 0.0004,
        "caption_dropout_rate": 0.05,
        "cache_latents_to_disk": False,
        "wandb_project": "flux_train_replicate",
        "layers_to_optimize_regex": "",
        "seed": None,
    },
    "webhook": "https://example.com/hook",
}
REPLICATE_SDXL = {
    "input_images": "https://example.com/photos.zip",
    "token_string": "TOK",
    "caption_prefix": "a photo of TOK, ",
    "max_train_steps": 800,
    "num_train_epochs": 4000,
    "use_face_detection_instead": True,
    "is_lora": True,
    "lora_rank": 32,
    "lora_lr": 0.0001,
    "ti_lr": 0.0003,
    "unet_learning_rate": 0.000001,
    "resolution": 768,
    "seed": 5,
}
FAL = {
    "images_data_url": "https://example.com/photos.zip",
    "trigger_word": "ohwx man",
    "steps": 900,
    "create_masks": True,
    "is_style": False,
    "is_input_format_already_preprocessed": False,
    "data_archive_format": None,
}
AI_TOOLKIT = {
    "job": "extension",
    "config": {
        "name": "my_first_lora",
        "process": [
            {
                "type": "sd_trainer",
                "training_folder": "output",
                "device": "cuda:0",
                "trigger_word": "p3r5on",
                "network": {"type": "lora", "linear": 16, "linear_alpha": 8},
                "save": {"dtype": "float16", "save_every": 250, "max_step_saves_to_keep": 4},
                "datasets": [
                    {
                        "folder_path": "/path/to/images",
                        "caption_ext": "txt",
                        "caption_dropout_rate": 0.05,
                        "cache_latents_to_disk": True,
                        "resolution": [512, 768, 1024],
                    }
                ],
                "train": {
                    "batch_size": 1,
                    "steps": 2000,
                    "gradient_accumulation_steps": 2,
                    "train_unet": True,
                    "gradient_checkpointing": True,
                    "optimizer": "adamw8bit",
                    "lr": 1e-4,
                    "ema_config": {"use_ema": True},
                },
                "model": {"name_or_path": "a/base", "is_flux": True},
                "sample": {"sample_every": 250, "prompts": ["[trigger] at the sea"]},
            }
        ],
    },
    "meta": {"name": "[name]"},
}
ASTRIA = {
    "tune": {
        "title": "John Doe",
        "name": "man",
        "token": "ohwx",
        "branch": "flux1",
        "base_tune_id": 1504944,
        "model_type": "lora",
        "preset": "flux-lora-portrait",
        "steps": 600,
        "face_crop": True,
        "image_urls": ["https://example.com/a.jpg"],
        "callback": "https://example.com/ready",
        "prompts_attributes": [{"text": "ohwx man in space", "callback": "https://example.com"}],
    }
}
BODIES: dict[str, Any] = {
    "replicate": REPLICATE,
    "replicate sdxl": REPLICATE_SDXL,
    "fal": FAL,
    "fal wrapped": {"input": FAL},
    "astria": ASTRIA,
    "astria form": {
        "tune[title]": "John Doe",
        "tune[name]": "man",
        "tune[token]": "ohwx",
        "tune[steps]": "600",
        "tune[face_crop]": "true",
        "tune[images][]": "photo.jpg",
    },
    "astria flat": {**ASTRIA["tune"]},
}


def merged(body: Any, photos: tuple[str, ...] = ()) -> MergedRequest:
    return merge_sources(RequestSources(json.dumps(body).encode(), {}, photos))


def problems(body: Any) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        merged(body)
    return {problem.field: problem.message for problem in caught.value.problems}


def names(report: ImportReport, *kinds: str) -> set[str]:
    return {setting.name for kind in kinds for setting in getattr(report, kind)}


def test_replicates_body_is_mapped() -> None:
    request = merged(REPLICATE).request
    assert (request.trigger_word, request.max_train_steps, request.rank) == ("zoë", 1000, 16)
    assert (request.train_batch_size, request.learning_rate) == (1, 4e-4)
    assert (request.resolution, request.resolutions) == (1024, (1024, 768, 512))
    assert (request.use_8bit_adam, request.autocaption) == (True, True)
    assert request.autocaption_prefix == "a photo of TOK"
    assert request.with_prior_preservation is False


def test_replicates_sdxl_body_is_mapped() -> None:
    found = merged(REPLICATE_SDXL)
    request = found.request
    assert (request.instance_prompt, request.trigger_word) == ("a photo of TOK", "TOK")
    assert (request.max_train_steps, request.num_train_epochs) == (800, None)
    assert (request.rank, request.learning_rate, request.resolution) == (32, 1e-4, 768)
    assert (request.mask_of, request.use_masks, request.seed) == ("face", True, 5)
    assert "num_train_epochs" in names(found.imported[0], "ignored")


def test_fals_body_is_mapped_and_a_style_is_a_preset() -> None:
    request = merged(FAL).request
    assert (request.trigger_word, request.max_train_steps) == ("ohwx man", 900)
    assert (request.use_masks, request.preset) == (True, None)
    style = merged(FAL | {"is_style": True})
    assert (style.request.preset, style.request.class_prompt) == ("style", "a picture")
    assert "is_style" in names(style.imported[0], "mapped")


def test_fals_other_trainers_are_mapped() -> None:
    turbo = {"images_data_url": "a.zip", "trigger_phrase": "zwx", "training_style": "style"}
    found = merged(turbo | {"face_crop": True, "steps": 500})
    assert (found.request.preset, found.request.face_crop) == ("style", "crop")
    portrait = {
        "images_data_url": "a.zip",
        "trigger_phrase": "zwx",
        "learning_rate": 0.00009,
        "steps": 2500,
        "multiresolution_training": True,
        "subject_crop": True,
        "create_masks": False,
        "webhookUrl": "https://example.com/hook",
    }
    found = merged(portrait)
    assert (found.request.trigger_word, found.request.max_train_steps) == ("zwx", 2500)
    ignored = {"images_data_url", "multiresolution_training", "subject_crop", "webhookUrl"}
    assert names(found.imported[0], "ignored") == ignored


def test_replicates_whole_body_with_its_defaults_and_lines_of_prompts_is_mapped() -> None:
    body = {
        "version": "ostris/flux-dev-lora-trainer:abc",
        "destination": "me/model",
        "webhook": "https://example.com/hook",
        "webhook_events_filter": ["start", "completed"],
        "input": {
            **REPLICATE_SDXL,
            "lr_scheduler": "constant",
            "lr_warmup_steps": 100,
            "checkpointing_steps": 999999,
            "wandb_sample_prompts": "TOK at the sea\n\nTOK in\ta hat\n",
            "clipseg_temperature": 1.0,
            "verbose": True,
        },
    }
    found = merged(body)
    assert found.request.sample_prompts == ("TOK at the sea", "TOK in a hat")
    assert found.request.lr_warmup_steps is None
    assert "lr_warmup_steps" in names(found.imported[0], "ignored")


def test_astrias_form_may_list_prompts_of_several_lines() -> None:
    form = {
        "tune[title]": "a",
        "tune[name]": "woman",
        "tune[prompts_attributes][0][text]": "ohwx woman\n  in space",
        "tune[prompts_attributes][0][callback]": "https://example.com",
        "tune[prompts_attributes][1][text]": "ohwx woman at sea",
        "tune[characteristics][eye_color]": "blue",
    }
    found = merged(form)
    assert found.request.sample_prompts == ("ohwx woman in space", "ohwx woman at sea")
    assert names(found.imported[0], "honoured", "mapped", "ignored") == {n[:40] for n in form}


@pytest.mark.parametrize("form", ["astria", "astria form", "astria flat"])
def test_astrias_body_is_mapped_in_all_its_forms(form: str) -> None:
    request = merged(BODIES[form]).request
    assert (request.trigger_word, request.max_train_steps) == ("ohwx", 600)
    assert request.instance_prompt == "a photo of TOK man"
    assert request.class_prompt == "a photo of a man"
    assert (request.face_crop, request.with_prior_preservation) == ("crop", True)


@pytest.mark.parametrize("form", BODIES)
def test_each_setting_of_a_body_is_reported_once(form: str) -> None:
    body = BODIES[form]
    (report,) = merged(body).imported
    given = [
        name
        for outer, value in body.items()
        for name in (value if outer in {"input", "tune"} else [outer])
    ]
    listed = [s.name for s in (*report.honoured, *report.mapped, *report.ignored)]
    assert sorted(listed) == sorted(given)
    assert report.tool == form.split(maxsplit=1)[0]


def test_what_a_body_leaves_out_is_assumed_and_said() -> None:
    found = merged({"input_images": "a.zip"})
    assert found.request.instance_prompt == "a photo of TOK"
    assumed = {"instance_prompt", "class_prompt", "with_prior_preservation"}
    assert names(found.imported[0], "assumed") == assumed


@pytest.mark.parametrize(
    ("tune", "trigger"),
    [({"branch": "sdxl1"}, "ohwx"), ({"branch": "sd15"}, "sks"), ({"base_tune_id": 7}, "ohwx")],
)
def test_astrias_default_word_is_that_of_the_base(tune: dict[str, Any], trigger: str) -> None:
    request = merged({"tune": {"title": "a", "name": "cat", **tune}}).request
    assert request.trigger_word == trigger


def test_a_folder_counts_before_what_is_assumed() -> None:
    request = merged({"input_images": "a.zip"}, ("20_zwx man/a.jpg",)).request
    assert (request.trigger_word, request.class_prompt) == ("zwx", "a photo of a man")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (FAL | {"steps": "many"}, "steps"),
        (FAL | {"is_style": 3}, "is_style"),
        (FAL | {"steps": 5, "max_train_steps": 6}, "max_train_steps"),
        (FAL | {"input_images": "a.zip"}, ""),
        (REPLICATE_SDXL | {"is_lora": False}, "is_lora"),
        (REPLICATE_SDXL | {"resolution": 1023}, "resolution"),
        ({"tune": {"name": "../x"}}, "name"),
        ({"tune": {"token": "a"}}, "token"),
    ],
)
def test_what_cannot_be_done_is_refused_under_the_service_s_name(body: Any, field: str) -> None:
    found = problems(body)
    assert list(found) == [field]
    assert "did you mean" not in str(found)


ANY = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9))
NESTED = ANY | st.lists(ANY, max_size=2) | st.dictionaries(st.text(max_size=5), ANY, max_size=2)
NAMES = st.sampled_from(
    sorted({name for body in (REPLICATE["input"], FAL, ASTRIA["tune"]) for name in body})
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, NESTED, max_size=6), st.sampled_from(["input", "tune", "flat"]))
def test_any_body_is_a_request_or_a_list_of_problems(body: dict[str, Any], form: str) -> None:
    with suppress(RequestRefusedError):
        merged(body if form == "flat" else {form: body})


def test_epochs_beside_steps_do_not_count_even_if_they_are_0() -> None:
    found = merged(REPLICATE_SDXL | {"num_train_epochs": 0})
    assert "num_train_epochs" in names(found.imported[0], "ignored")
    assert "num_train_epochs" not in names(found.imported[0], "honoured")


def test_a_request_of_our_own_is_still_read_strictly() -> None:
    assert "did you mean rank?" in problems({"rnak": 3})["rnak"]


def test_a_job_of_ai_toolkit_is_carried_and_every_setting_is_listed() -> None:
    done = merged(AI_TOOLKIT)
    request, (report,) = done.request, done.imported
    assert (request.trigger_word, request.rank, request.lora_alpha) == ("p3r5on", 16, 8)
    assert (request.max_train_steps, request.gradient_accumulation_steps) == (2000, 2)
    assert (request.learning_rate, request.use_8bit_adam) == (1e-4, True)
    assert (request.resolution, request.resolutions) == (1024, (1024, 768, 512))
    assert request.sample_prompts == ("[trigger] at the sea",)
    assert report.tool == "ai-toolkit"
    listed = {s.name for s in (*report.honoured, *report.mapped, *report.ignored)}
    (process,) = AI_TOOLKIT["config"]["process"]  # type: ignore[index]
    assert {"save.dtype", "model.is_flux", "datasets.caption_ext"} <= listed
    assert {f"train.{name}" for name in process["train"] if name != "ema_config"} <= listed
    assert request.use_ema


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"network": {"type": "lorm"}}, "network.type"),
        ({"datasets": [{}, {}]}, "datasets"),
    ],
)
def test_what_a_job_of_ai_toolkit_asks_in_vain_is_refused(
    change: dict[str, Any], field: str
) -> None:
    (process,) = AI_TOOLKIT["config"]["process"]  # type: ignore[index]
    body = {"config": {"process": [process | change]}}
    with pytest.raises(RequestRefusedError) as refused:
        merged(body)
    assert [problem.field for problem in refused.value.problems] == [field]
