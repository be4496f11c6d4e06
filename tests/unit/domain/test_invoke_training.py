"""invoke-training's configuration, as its samples and its own output write it."""

import json
from typing import Any

import pytest

from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError

CONFIG: dict[str, Any] = {
    "type": "SDXL_LORA",
    "seed": 1,
    "base_output_dir": "output/bruce",
    "optimizer": {"optimizer_type": "AdamW", "learning_rate": 7e-5, "weight_decay": 0.01},
    "lr_scheduler": "constant_with_warmup",
    "lr_warmup_steps": 50,
    "data_loader": {
        "type": "DREAMBOOTH_SD_DATA_LOADER",
        "instance_caption": "a photo of sks gnome",
        "instance_dataset": {"type": "IMAGE_DIR_DATASET", "dataset_dir": "x"},
        "resolution": 1024,
        "aspect_ratio_buckets": {"target_resolution": 1024, "start_dim": 512},
    },
    "model": "a/b",
    "gradient_accumulation_steps": 1,
    "weight_dtype": "bfloat16",
    "gradient_checkpointing": True,
    "max_train_steps": 500,
    "validate_every_n_steps": 50,
    "validation_prompts": ["sks gnome at the beach"],
    "train_batch_size": 4,
}


def read(**changed: object) -> MergedRequest:
    body = json.dumps(CONFIG | changed).encode()
    return merge_sources(RequestSources(None, {"config.json": body}, ("1.jpg",)))


def loader(**changed: object) -> MergedRequest:
    return read(data_loader=CONFIG["data_loader"] | changed)


def test_a_configuration_is_a_request() -> None:
    found = read()
    request = found.request
    assert found.imported[0].tool == "invoke-training"
    assert request.instance_prompt == "a photo of sks gnome"
    assert (request.rank, request.lora_alpha, request.max_train_steps) == (4, 1, 500)
    assert (request.learning_rate, request.text_encoder_lr) == (7e-5, 7e-5)
    assert (request.train_text_encoder, request.enable_bucket) == (True, True)
    assert (request.resolution, request.train_batch_size, request.seed) == (1024, 4, 1)
    assert (request.lr_scheduler, request.lr_warmup_steps) == ("constant_with_warmup", 50)
    assert (request.validation_steps, request.max_grad_norm) == (50, 1000)
    assert request.sample_prompts == ("sks gnome at the beach",)
    assert not request.with_prior_preservation


def test_null_switches_off_what_is_on_by_default() -> None:
    assert read(min_snr_gamma=None).request.snr_gamma == 0
    assert read(max_grad_norm=None).request.max_grad_norm == 1000
    assert read(max_grad_norm=1.0).request.max_grad_norm == 1


def test_a_rate_of_the_unet_goes_before_the_optimizers() -> None:
    request = read(unet_learning_rate=2e-4, text_encoder_learning_rate=1e-5).request
    assert (request.learning_rate, request.text_encoder_lr) == (2e-4, 1e-5)
    assert read(train_text_encoder=False).request.text_encoder_lr is None


def test_pictures_of_the_class_mean_prior_preservation() -> None:
    more = {"class_caption": "a photo of a gnome", "class_data_loss_weight": 0.5}
    request = loader(class_dataset={"type": "IMAGE_DIR_DATASET"}, **more).request
    assert (request.with_prior_preservation, request.prior_loss_weight) == (True, 0.5)


def test_height_and_width_are_no_two_resolutions() -> None:
    request = loader(resolution=[768, 1024]).request
    assert (request.resolution, request.resolutions) == (768, ())


def test_the_layers_of_its_defaults_are_no_wish_and_ours_are() -> None:
    own = ["to_q", "to_k", "to_v", "to_out.0"]
    assert read(unet_lora_target_modules=own).request.target_modules == tuple(own)
    everything = [*own, "proj_in", "conv1"]
    assert read(unet_lora_target_modules=everything).request.target_modules is None


@pytest.mark.parametrize("kind", ["SDXL_FINETUNE", "SD_TEXTUAL_INVERSION"])
def test_what_trains_more_or_less_than_an_adapter_is_refused(kind: str) -> None:
    with pytest.raises(RequestRefusedError) as caught:
        read(type=kind)
    assert [problem.field for problem in caught.value.problems] == ["type"]
