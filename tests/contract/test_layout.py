"""Keys that are in people's buckets already, and the names that the template's filters wait for."""

import re

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.document import OpaqueId
from contracts.shared import layout
from contracts.shared.suffixes import (
    ARCHIVE_SUFFIXES,
    AVATAR_FILE,
    OTHER_ARCHIVE_SUFFIXES,
    SCRIPT_SUFFIX,
    TOML_SUFFIX,
    YAML_SUFFIXES,
)
from tests.contract.files import ROOT

JOB, PLAN = "1" * 32, "2" * 32

KEYS = {
    layout.uploads.upload_prefix("t", "u"): "tenants/t/uploads/u/",
    layout.uploads.pictures_prefix("t", "a"): "tenants/t/pictures/a/",
    layout.uploads.unpacked_prefix("t", "u"): "unpacked/t/u/",
    layout.uploads.accepted_prefix(JOB): f"accepted/{JOB}/",
    layout.uploads.accepted_photo_file(7): "007.png",
    layout.uploads.accepted_mask_file(7): "007.mask.png",
    layout.uploads.accepted_class_file(7): "class/007.png",
    layout.models.accepted_upload_key(JOB): f"jobs/{JOB}/accepted.json",
    layout.models.photo_report_key(JOB): f"jobs/{JOB}/photo_report.json",
    layout.models.sweep_report_key(JOB): f"jobs/{JOB}/sweep.json",
    layout.models.problems_key("t", "u"): "problems/t/u.json",
    layout.models.plan_key(PLAN): f"training/{PLAN}/plan/plan.json",
    layout.models.photos_manifest_key(PLAN): f"training/{PLAN}/photos.manifest",
    layout.models.class_images_manifest_key(PLAN): f"training/{PLAN}/priors.manifest",
    layout.models.states_manifest_key(PLAN): f"training/{PLAN}/states.manifest",
    layout.models.checkpoints_prefix(PLAN): f"training/{PLAN}/checkpoints/",
    layout.models.tensorboard_prefix(PLAN): f"training/{PLAN}/tensorboard/",
    layout.models.result_key(PLAN, JOB): f"training/{PLAN}/checkpoints/{JOB}/result.json",
    layout.models.progress_key(PLAN, JOB): f"training/{PLAN}/checkpoints/{JOB}/progress.json",
    layout.models.made_class_images_prefix(PLAN, "k"): f"training/{PLAN}/checkpoints/priors/k/",
    layout.models.class_images_prefix("k"): "priors/k/",
    layout.bases.base_prefix("b"): "bases/b/",
    layout.bases.captioner_prefix("c"): "captioners/c/",
    layout.bases.classifier_prefix("v"): "classifiers/v/",
    layout.models.staging_key(JOB): f"staging/{JOB}.tar.gz",
    layout.rows.upload_row("t/u"): "upload#t/u",
    layout.models.ENDPOINT_PREFIX: "endpoint/",
    layout.uploads.REQUEST_FILE: "request.json",
    layout.uploads.PICTURES_FILE: "pictures.json",
    layout.bases.BASE_FILE: "base.json",
    layout.container.CLASS_IMAGES_FILE: "prior.json",
    layout.container.MANIFEST_FILE: "manifest.json",
    layout.container.ADAPTER_FOLDER: "adapter",
    layout.container.DIFFUSERS_FILE: "pytorch_lora_weights.safetensors",
    layout.container.PEFT_FOLDER: "peft",
    layout.container.webui_file("zwx", "sdxl", JOB): "webui/zwx_sdxl_11111111.safetensors",
    layout.container.webui_file("../Zoë x", "sd1", JOB): "webui/zoe-x_sd1_11111111.safetensors",
}


@pytest.mark.parametrize(("key", "wanted"), KEYS.items())
def test_what_lies_in_a_bucket_keeps_its_key(key: str, wanted: str) -> None:
    assert key == wanted


def test_the_templates_filters_wait_for_the_files_that_are_written() -> None:
    template = (ROOT / "template.yaml").read_text()
    suffixes = set(re.findall(r"\{ suffix: /([^ }]+) \}", template))
    trained = {
        layout.container.RESULT_FILE,
        layout.container.PROGRESS_FILE,
        layout.container.CLASS_IMAGES_FILE,
    }
    assert suffixes == trained
    starting = set(re.findall(r"suffix: \{ equals-ignore-case: /?([^ }]+) \}", template))
    settings = {AVATAR_FILE, TOML_SUFFIX, SCRIPT_SUFFIX, *YAML_SUFFIXES}
    archives = {*ARCHIVE_SUFFIXES, *OTHER_ARCHIVE_SUFFIXES}
    assert starting == {layout.uploads.REQUEST_FILE, *settings, *archives}


def test_files_at_the_root_are_all_but_those_in_our_folders() -> None:
    template = (ROOT / "template.yaml").read_text()
    (folders,) = re.findall(r"anything-but: \{ prefix: \[([^\]]+)\]", template)
    assert [one.strip().rstrip("/") for one in folders.split(",")] == list(
        layout.uploads.OWN_FOLDERS
    )
    denied = re.search(r"Sid: NotFromOurFolders(.+?)- \{ Effect", template, re.DOTALL)
    assert denied is not None
    assert re.findall(r"Arn\}/(\w+)/\*", denied[1]) == list(layout.uploads.OWN_FOLDERS)


def test_the_trainers_page_has_every_channel() -> None:
    page = (ROOT / "training_image" / "README.md").read_text()
    channels = {v for name, v in vars(layout.container).items() if name.endswith("_CHANNEL")}
    assert not {channel for channel in channels if f"input/data/{channel}/" not in page}


def test_no_index_of_the_api_table_is_a_tenants_name() -> None:
    """API keys stand under the tenant itself: a list of that name would be read with them."""
    indexes = [f("acme") for name, f in vars(layout.rows).items() if name.endswith("_index")]
    assert len(indexes) >= 6
    for index in (*indexes, layout.rows.TAKEDOWNS_INDEX):
        with pytest.raises(ValidationError):
            TypeAdapter(OpaqueId).validate_python(index)
