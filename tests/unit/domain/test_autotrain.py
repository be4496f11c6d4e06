"""AutoTrain's configuration, in the forms of its repository: what each setting becomes."""

import json
from typing import Any

import pytest

from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError

YAML = """\
task: dreambooth
base_model: stabilityai/stable-diffusion-xl-base-1.0
project_name: my-model
backend: local
data:
  path: data/
  prompt: photo of sks person
params:
  resolution: 1024
  batch_size: 1
  num_steps: 500
  epochs: 3
  lr: 1e-4
  gradient_accumulation: 4
  mixed_precision: fp16
  train_text_encoder: false
  disable_gradient_checkpointing: true
  warmup_steps: 20
  xformers: false
  use_8bit_adam: false
  xl: true
  rank: 16
hub:
  username: ${HF_USERNAME}
  token: ${HF_TOKEN}
  push_to_hub: true
"""
FLAT: dict[str, Any] = {
    "model": "a/b",
    "image_path": "x",
    "class_image_path": None,
    "prompt": "photo of sks dog",
    "class_prompt": "photo of a dog",
    "prior_preservation": True,
    "token": "hf_abcdefghijklm",
    "num_steps": 800,
    "scheduler": "cosine",
    "lr": 2e-4,
    "rank": 8,
}


def read(files: dict[str, str], request: dict[str, Any] | None = None) -> MergedRequest:
    own = None if request is None else json.dumps(request).encode()
    bodies = {name: text.encode() for name, text in files.items()}
    return merge_sources(RequestSources(own, bodies, ("1.jpg",)))


def refused(files: dict[str, str]) -> set[str]:
    with pytest.raises(RequestRefusedError) as caught:
        read(files)
    return {problem.field for problem in caught.value.problems}


@pytest.mark.parametrize("name", ["config.yml", "train/autotrain.yaml"])
def test_the_yaml_of_a_training_is_a_request(name: str) -> None:
    found = read({name: YAML})
    request, (report,) = found.request, found.imported
    assert report.tool == "autotrain"
    assert request.instance_prompt == "photo of sks person"
    assert (request.rank, request.lora_alpha, request.learning_rate) == (16, 16, 1e-4)
    assert (request.max_train_steps, request.num_train_epochs) == (500, None)
    assert (request.train_batch_size, request.gradient_accumulation_steps) == (1, 4)
    assert (request.gradient_checkpointing, request.mixed_precision) == (False, "fp16")
    assert (request.train_text_encoder, request.with_prior_preservation) == (False, False)
    assert (request.lr_scheduler, request.lr_warmup_steps) == ("constant", None)
    ignored = {one.name for one in report.ignored}
    assert {"hub.token", "params.epochs", "params.xl", "params.warmup_steps"} <= ignored


def test_the_flat_form_is_read_as_well_and_its_token_is_no_trigger_word() -> None:
    found = read({"config.json": json.dumps(FLAT)})
    request = found.request
    assert (request.trigger_word, request.instance_prompt) == ("sks", "photo of sks dog")
    assert (request.class_prompt, request.with_prior_preservation) == ("photo of a dog", True)
    assert (request.rank, request.lora_alpha, request.lr_scheduler) == (8, 8, "cosine")
    assert "hf_abcdefghijklm" not in found.imported[0].model_dump_json()


def test_every_setting_is_reported_once() -> None:
    (report,) = read({"job.yaml": YAML}).imported
    listed = (*report.honoured, *report.mapped, *report.ignored)
    names = [setting.name for setting in listed]
    assert len(names) == len(set(names)) == 4 + 2 + 14 + 3


def test_another_task_and_wrong_values_are_refused_under_autotrains_names() -> None:
    assert refused({"job.yaml": YAML.replace("dreambooth", "llm-sft")}) == {"task"}
    assert refused({"job.yaml": YAML.replace("lr: 1e-4", "lr: fast")}) == {"params.lr"}


def test_a_request_beside_it_names_another_trigger_word() -> None:
    other = YAML.replace("sks", "zwx")
    assert refused({"job.yaml": other}) == {"data.prompt"}
    assert read({"job.yaml": other}, {"trigger_word": "zwx"}).request.trigger_word == "zwx"
