"""Files of OneTrainer, SimpleTuner, ai-toolkit and diffusers' scripts become a request."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.documents.upload.imported import ImportReport
from domain.requests.import_state import without_effect
from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError
from domain.requests.tools.recognition import tool_of

PHOTOS = tuple(f"20_ohwx man/{n}.jpg" for n in range(10))
DIFFUSERS: dict[str, Any] = {
    "pretrained_model_name_or_path": "some/base",
    "instance_data_dir": "dog",
    "output_dir": "out",
    "mixed_precision": "fp16",
    "instance_prompt": "a photo of sks dog",
    "class_prompt": "a photo of a dog",
    "with_prior_preservation": True,
    "num_class_images": 50,
    "resolution": 1024,
    "train_batch_size": 1,
    "gradient_accumulation_steps": 4,
    "learning_rate": 1e-4,
    "lr_scheduler": "constant",
    "lr_warmup_steps": 0,
    "max_train_steps": 500,
    "num_train_epochs": 1,
    "optimizer": "AdamW",
    "use_8bit_adam": False,
    "rank": 8,
    "lora_layers": "to_k,to_q,to_v,to_out.0",
    "report_to": "wandb",
    "validation_prompt": "A photo of sks dog in a bucket",
    "validation_epochs": 25,
    "random_flip": False,
    "seed": 0,
    "scale_lr": False,
}
ONE_LEVEL: dict[str, Any] = {
    "training_method": "LORA",
    "model_type": "STABLE_DIFFUSION_XL_10_BASE",
    "base_model_name": "some/base",
    "output_model_destination": "models/lora.safetensors",
    "optimizer": "ADAMW_8BIT",
    "learning_rate_scheduler": "CONSTANT",
    "learning_rate": 0.0001,
    "unet_learning_rate": 0.0003,
    "learning_rate_warmup_steps": 200,
    "learning_rate_cycles": 1.0,
    "weight_decay": 0.01,
    "epochs": 20,
    "batch_size": 4,
    "ema": "OFF",
    "ema_decay": 0.999,
    "train_text_encoder": False,
    "text_encoder_learning_rate": 0.0003,
    "train_unet": True,
    "offset_noise_weight": 0.05,
    "train_dtype": "FLOAT_16",
    "resolution": "1024",
    "masked_training": False,
    "unmasked_weight": 0.2,
    "lora_rank": 32,
    "lora_alpha": 16.0,
}
PARTS: dict[str, Any] = {
    "__version": 6,
    "training_method": "LORA",
    "peft_type": "LORA",
    "base_model_name": "some/base",
    "learning_rate": 0.0002,
    "learning_rate_scheduler": "COSINE",
    "epochs": 10,
    "resolution": "512,768",
    "unet": {"train": True, "learning_rate": None, "weight_dtype": "FLOAT_16"},
    "text_encoder": {"train": True, "learning_rate": 0.00005},
    "text_encoder_2": {"train": True},
    "vae": {"weight_dtype": "FLOAT_32"},
    "optimizer": {"optimizer": "PRODIGY", "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99},
    "loss_weight_fn": "MIN_SNR_GAMMA",
    "loss_weight_strength": 3.0,
    "concepts": [{"name": "ohwx", "enabled": True}, {"name": "old", "enabled": False}],
}
SIMPLE: dict[str, Any] = {
    "model_family": "sdxl",
    "model_type": "lora",
    "lora_type": "standard",
    "lora_rank": 64,
    "data_backend_config": "config/multidatabackend.json",
    "learning_rate": 1e-4,
    "lr_scheduler": "polynomial",
    "max_train_steps": 100,
    "num_train_epochs": 0,
    "mixed_precision": "bf16",
    "optimizer": "adamw_bf16",
    "seed": -1,
    "train_batch_size": 3,
    "noise_offset": 0.1,
    "use_ema": False,
    "ema_decay": 0.99,
    "validation_prompt": "a man in a garden",
    "validation_steps": 50,
    "caption_dropout_probability": 0.1,
}
BACKENDS: list[dict[str, Any]] = [
    {
        "id": "photos",
        "type": "local",
        "crop": False,
        "resolution": 1.0,
        "resolution_type": "area",
        "caption_strategy": "instanceprompt",
        "instance_prompt": "a photo of ohwx man",
        "repeats": 5,
    },
    {"id": "texts", "dataset_type": "text_embeds", "default": True, "type": "local"},
]
JOB = b"""---
job: extension
config:
  name: "first"   # a comment
  process:
    - type: 'sd_trainer'
      device: cuda:0
      trigger_word: "p3r5on"
      network: {type: lora, linear: 16}
      datasets:
        - folder_path: "/photos"
          caption_ext: txt
          resolution: [512, 768]
      train:
        batch_size: 1
        steps: 2000
        lr: 1e-4
        optimizer: adamw8bit
        dtype: bf16
        train_text_encoder: false
        ema_config:
          use_ema: true
          ema_decay: 0.99
      sample:
        prompts:
          - "[trigger] at the sea"
        neg: ""
meta:
  version: '1.0'
"""


def merged(request: object = None, photos: tuple[str, ...] = PHOTOS, **files: Any) -> MergedRequest:
    """Merge a request and files; ``config`` is config.json, ``backends`` SimpleTuner's datasets."""
    names = {"config": "config.json", "backends": "multidatabackend.json", "job": "job.yaml"}
    bodies = {names[name]: as_bytes(content) for name, content in files.items()}
    body = None if request is None else as_bytes(request)
    return merge_sources(RequestSources(body, bodies, photos))


def as_bytes(content: object) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def problems(request: object = None, **files: Any) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        merged(request, **files)
    return {problem.field: problem.message for problem in caught.value.problems}


def listed(report: ImportReport, *kinds: str) -> list[str]:
    chosen = kinds or ("honoured", "mapped", "ignored")
    return sorted(setting.name for kind in chosen for setting in getattr(report, kind))


def test_the_arguments_of_diffusers_scripts_are_carried_and_each_is_listed() -> None:
    found = merged(DIFFUSERS, photos=())
    request, (report,) = found.request, found.imported
    assert (request.instance_prompt, request.num_class_images) == ("a photo of sks dog", 50)
    assert (request.rank, request.lora_alpha, request.max_train_steps) == (8, 8, 500)
    assert (request.lr_scheduler, request.lr_warmup_steps) == ("constant", 0)
    assert request.target_modules == ("to_k", "to_q", "to_v", "to_out.0")
    assert request.sample_prompts == ("A photo of sks dog in a bucket",)
    assert request.train_text_encoder is False
    assert report.tool == "diffusers"
    assert listed(report) == sorted(DIFFUSERS)
    assert "num_train_epochs" in listed(report, "ignored")
    assert "write lora_alpha" in next(s.note for s in report.assumed if s.name == "lora_alpha")


def test_the_dashes_of_a_command_line_are_no_part_of_a_name() -> None:
    found = merged({f"--{name}": value for name, value in DIFFUSERS.items()}, photos=())
    assert found.request == merged(DIFFUSERS, photos=()).request


def test_a_rate_that_a_script_would_multiply_is_asked_for() -> None:
    assert "Write the rate" in problems(DIFFUSERS | {"scale_lr": True})["scale_lr"]


def test_an_unknown_argument_of_a_script_is_listed_with_the_nearest_name() -> None:
    (report,) = merged(DIFFUSERS | {"max_train_step": 5}).imported
    (note,) = (s.note for s in report.ignored if s.name == "max_train_step")
    assert note == "Unknown here; did you mean max_train_steps?"


def test_one_argument_of_a_script_makes_no_script_of_our_own_request() -> None:
    own = {"instance_prompt": "a photo of sks", "class_prompt": "a photo", "report_to": "wandb"}
    assert "Unknown name" in problems(own)["report_to"]


def test_onetrainers_one_level_form_is_carried() -> None:
    found = merged(config=ONE_LEVEL)
    request, (report,) = found.request, found.imported
    assert (request.rank, request.lora_alpha, request.num_train_epochs) == (32, 16, 20)
    assert (request.learning_rate, request.train_text_encoder) == (3e-4, False)
    assert (request.lr_scheduler, request.lr_warmup_steps) == ("constant_with_warmup", 200)
    assert (request.use_8bit_adam, request.mixed_precision) == (True, "fp16")
    assert (request.adam_weight_decay, request.noise_offset) == (0.01, 0.05)
    assert request.enable_bucket, "OneTrainer's default"
    assert (request.trigger_word, request.resolution) == ("ohwx", 1024)
    assert listed(report) == sorted(ONE_LEVEL)
    assert found.origins["rank"] == "config.json"


def test_onetrainers_form_with_parts_is_carried() -> None:
    found = merged(config=PARTS)
    request, (report,) = found.request, found.imported
    assert (request.optimizer, request.adam_beta2) == ("prodigy", 0.99)
    assert (request.resolution, request.resolutions) == (768, (768, 512))
    assert (request.snr_gamma, request.lr_scheduler) == (3, "cosine")
    assert (request.rank, request.lora_alpha) == (16, 1), "OneTrainer's own"
    assert request.train_text_encoder
    assert "rank" in listed(report, "assumed")
    opened = {"unet", "text_encoder", "text_encoder_2", "optimizer"}
    whole = set(PARTS) - opened
    inner = {f"{part}.{name}" for part in opened for name in PARTS[part]}
    assert listed(report) == sorted(whole | inner)


PARTS["text_encoder"]["learning_rate"] = 0.0002
"""Prodigy has one rate."""


def test_simpletuners_config_and_its_datasets_are_read_together() -> None:
    found = merged(config=SIMPLE, backends=BACKENDS)
    request, (report,) = found.request, found.imported
    assert request.instance_prompt == "a photo of ohwx man"
    assert (request.rank, request.lora_alpha, request.max_train_steps) == (64, 64, 100)
    assert (request.resolution, request.caption_dropout_rate) == (1024, 0.1)
    assert (request.noise_offset, request.seed, request.optimizer) == (0, 0, "adamw")
    assert request.sample_prompts == ("a man in a garden",)
    of_photos = {f"multidatabackend.{name}" for name in BACKENDS[0]}
    assert listed(report) == sorted(set(SIMPLE) | of_photos)
    assert "multidatabackend.repeats" in listed(report, "ignored"), "there are no epochs"


def test_simpletuners_repeats_count_what_comes_again() -> None:
    config = SIMPLE | {"max_train_steps": 0, "num_train_epochs": 3}
    request = merged(config=config, backends=BACKENDS).request
    assert (request.num_train_epochs, request.repeats) == (3, 6)


def test_a_prompt_of_simpletuner_without_a_known_word_is_asked_about() -> None:
    with pytest.raises(RequestRefusedError) as caught:
        merged(config=SIMPLE, backends=BACKENDS, photos=())
    (problem,) = caught.value.problems
    assert problem.field == "multidatabackend.instance_prompt"
    assert "Does not name the subject" in problem.message


def test_datasets_of_simpletuner_that_disagree_are_asked_about() -> None:
    other = BACKENDS[0] | {"id": "more", "instance_prompt": "a photo of zwx cat"}
    found = problems(config=SIMPLE, backends=[*BACKENDS, other])
    assert list(found) == ["multidatabackend.instance_prompt"]


def test_sides_of_several_datasets_of_simpletuner_are_all_trained() -> None:
    other = BACKENDS[0] | {"id": "small", "resolution": 512, "resolution_type": "pixel"}
    request = merged(config=SIMPLE, backends=[*BACKENDS, other]).request
    assert (request.resolution, request.resolutions) == (1024, (1024, 512))


def test_a_dataset_of_regularisation_means_prior_preservation() -> None:
    of_class = {"id": "class", "type": "local", "is_regularisation_data": True}
    request = merged(config=SIMPLE, backends=[*BACKENDS, of_class]).request
    assert request.with_prior_preservation


def test_ai_toolkits_job_is_read_from_yaml() -> None:
    found = merged(job=JOB)
    request, (report,) = found.request, found.imported
    assert (request.learning_rate, request.max_train_steps) == (1e-4, 2000), "1e-4 is a number"
    assert (request.rank, request.lora_alpha) == (16, 1), "ai-toolkit's alpha where there is none"
    assert (request.use_ema, request.ema_decay, request.mixed_precision) == (True, 0.99, "bf16")
    assert (request.trigger_word, request.resolutions) == ("p3r5on", (768, 512))
    assert found.origins["rank"] == "yaml"
    assert {"datasets.caption_ext", "device", "sample.neg"} <= set(listed(report, "ignored"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a: &x [1]\nb: *x\n", "References"),
        (b"config: {process: []}\nconfig: 2\n", "Given twice"),
        (b"a: [1\n", "Not YAML of plain data: line 2"),
        (b"a: !!python/object:os.system {}\n", "Not YAML of plain data: line 1"),
        (b"- 1\n", "one table"),
        (b"a: .inf\n", "one table of plain values"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a: " + b"[" * 3000, "nested too deeply"),
        (b"what: ever\n", "which tool"),
        (b"a: !!binary aGk=\n", "plain values"),
        (b"n: " + b"9" * 5000, "Not YAML of plain data"),
    ],
)
def test_a_yaml_file_that_is_not_plain_data_is_refused(body: bytes, message: str) -> None:
    assert message in str(problems(job=body))


def test_a_date_in_yaml_is_a_text() -> None:
    (report,) = merged(job=JOB + b"made: 2024-01-01\n").imported
    assert report.tool == "ai-toolkit"


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ({"config": ONE_LEVEL | {"training_method": "FINE_TUNE"}}, "training_method"),
        (
            {"config": {n: v for n, v in ONE_LEVEL.items() if n != "training_method"}},
            "training_method",
        ),
        ({"config": ONE_LEVEL | {"train_unet": False}}, "train_unet"),
        ({"config": PARTS | {"peft_type": "LOHA"}}, "peft_type"),
        ({"config": PARTS | {"text_encoder_2": {"train": False}}}, "text_encoder_2.train"),
        ({"config": PARTS | {"concepts": [{"name": "a"}, {"name": "b"}]}}, "concepts"),
        ({"config": SIMPLE | {"model_type": "full"}}, "model_type"),
        ({"config": SIMPLE | {"lora_type": "lycoris"}}, "lora_type"),
        ({"config": DIFFUSERS | {"lora_layers": "conv1"}}, "lora_layers"),
        ({"config": ONE_LEVEL | {"lora_rank": 5000}}, "lora_rank"),
        ({"job": JOB.replace(b"sd_trainer", b"slider")}, "config.process.type"),
        ({"backends": b"{}", "config": SIMPLE}, ""),
    ],
)
def test_what_cannot_be_trained_is_refused_under_the_tools_name(
    files: Mapping[str, Any], field: str
) -> None:
    assert field in problems(None, **files)


@pytest.mark.parametrize(
    "config",
    [
        {"LoRA_type": "Standard", "model_family": "sdxl"},
        {"training_method": "LORA", "n_steps": 5},
        {"images_data_url": "a", "optimizer_type": "AdamW"},
    ],
)
def test_a_document_with_names_of_two_tools_is_asked_about(config: dict[str, Any]) -> None:
    assert "two tools" in problems(config=config)["config.json"]


def test_what_only_counts_beside_something_else_is_dropped_and_said() -> None:
    fields = {"optimizer": "prodigy", "use_8bit_adam": True, "lr_power": 2.0, "repeats": 3}
    assert set(without_effect(fields)) == {"use_8bit_adam", "lr_power", "repeats"}


def test_two_files_of_kohya_complete_each_other() -> None:
    training = b'network_module = "networks.lora"\nnetwork_dim = 8\nmax_train_epochs = 2\n'
    datasets = b"""
    [general]
    enable_bucket = true
    [[datasets]]
    resolution = 512
    batch_size = 2
    [[datasets.subsets]]
    image_dir = "x"
    class_tokens = "ohwx man"
    num_repeats = 3
    """
    files = {"train.toml": training, "data.toml": datasets}
    found = merge_sources(RequestSources(None, files, tuple("abcdefgh")))
    assert (found.request.rank, found.request.train_batch_size) == (8, 2)
    assert (found.request.trigger_word, found.request.max_train_steps) == ("ohwx", 8 * 3 * 2 / 2)


def test_a_toml_file_of_another_tool_is_not_taken_for_kohyas() -> None:
    body = b'model_family = "sdxl"\nlora_rank = 32\nmax_train_steps = 7\n'
    found = merge_sources(RequestSources(None, {"config.toml": body}, PHOTOS))
    assert found.imported[0].tool == "simpletuner"
    assert (found.request.rank, found.origins["rank"]) == (32, "toml")


@pytest.mark.parametrize("name", ["run.toml", "config.json"])
def test_kohyas_arguments_may_have_the_dashes_of_a_command_line(name: str) -> None:
    given = {"--network_module": "networks.lora", "--network_dim": 32, "--max_train_steps": 7}
    lines = [f'"{key}" = {json.dumps(value)}' for key, value in given.items()]
    body = json.dumps(given) if name.endswith("json") else "\n".join(lines)
    found = merge_sources(RequestSources(None, {name: body.encode()}, PHOTOS))
    assert (found.request.rank, found.request.max_train_steps) == (32, 7)


def test_two_files_of_kohya_that_both_have_settings_are_asked_about() -> None:
    files = {"a.toml": b"network_dim = 8\n", "b.toml": b"network_dim = 9\n"}
    with pytest.raises(RequestRefusedError) as caught:
        merge_sources(RequestSources(None, files, PHOTOS))
    assert "keep one" in caught.value.problems[0].message


@pytest.mark.parametrize("document", [DIFFUSERS, ONE_LEVEL, PARTS, SIMPLE])
def test_every_document_names_its_tool(document: dict[str, Any]) -> None:
    tools = {id(DIFFUSERS): "diffusers", id(SIMPLE): "simpletuner"}
    assert tool_of(document, "config.json") == tools.get(id(document), "onetrainer")


ANY = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9))
NESTED = ANY | st.lists(ANY, max_size=2) | st.dictionaries(st.text(max_size=5), ANY, max_size=2)
DOCUMENTS = st.sampled_from([DIFFUSERS, ONE_LEVEL, PARTS, SIMPLE])


@settings(max_examples=200, deadline=None)
@given(document=DOCUMENTS, data=st.data(), backends=st.lists(NESTED, max_size=2))
def test_any_document_is_a_request_or_a_list_of_problems(
    document: dict[str, Any], data: st.DataObject, backends: list[Any]
) -> None:
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(document)), NESTED, max_size=5))
    datasets: dict[str, Any] = {"backends": [*BACKENDS, *backends]} if document is SIMPLE else {}
    with suppress(RequestRefusedError):
        (report,) = merged(config=document | changed, **datasets).imported
        names = {name.split(".")[0] for name in listed(report)} - {"multidatabackend"}
        empty = {name for name, value in (document | changed).items() if value == {}}
        assert names >= set(document | changed) - empty


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60).map(str.encode) | st.binary(max_size=60))
def test_any_text_is_yaml_of_a_tool_or_refused(body: bytes) -> None:
    with pytest.raises(RequestRefusedError):
        merged(job=body)
