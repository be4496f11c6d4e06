"""What the laptop's environments and the images install agrees wherever two of them must."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from contracts.base import BaseCard
from contracts.documents.class_images import ClassImageSet, class_image_key, orders_of
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.bases import BASE_FILE
from contracts.shared.layout.container import CLASS_IMAGES_FILE, CLASS_IMAGES_FOLDER
from local.demo.upload import request
from local.embedded_base import PORTRAITS
from tests.contract.files import ROOT

TRAINING = ROOT / "training_image" / "requirements.txt"
SERVING = ROOT / "serving_image" / "requirements.txt"
MAX_SET_BYTES = 1_200_000


def pins(path: Path) -> dict[str, str]:
    """Return each pinned package of a requirements file, with its marker where it has one."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    found = (re.fullmatch(r"([\w.\[\]-]+)==([^;\s]+)(?:; *(.+))?", line) for line in lines)
    return {f"{pin[1]} {pin[3] or ''}".strip().lower(): pin[2] for pin in found if pin}


def test_trainer_and_server_pin_the_same_releases_for_their_one_environment() -> None:
    training, serving = pins(TRAINING), pins(SERVING)
    shared = training.keys() & serving.keys()
    assert {"numpy", "diffusers", "transformers", "peft", "pydantic", "pillow"} <= shared
    assert {name: training[name] for name in shared} == {name: serving[name] for name in shared}


def test_numpy_stays_below_2_where_tritons_stub_reads_tensors() -> None:
    assert pins(SERVING)["numpy"].startswith("1.")


def test_the_server_and_the_laptop_talk_through_the_same_boto3() -> None:
    laptop, offered = ROOT / "local/requirements.txt", ROOT / "local/requirements-lambda.txt"
    layer = ROOT / "dependencies/requirements.txt"
    assert {pins(file)["boto3"] for file in (SERVING, laptop, offered, layer)} == {"1.43.106"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/requirements*.txt")), ids=lambda p: p.name)
def test_every_requirement_is_pinned_and_no_file_names_an_index(path: Path) -> None:
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith(("#", "-r ")):
            assert "==" in line, line
            assert "://" not in line, line


def test_the_dockerfile_and_the_laptop_take_the_same_torch() -> None:
    (torch,) = pins(ROOT / "local/requirements-torch.txt").values()
    assert f"torch=={torch}" in (ROOT / "serving_image/Dockerfile").read_text()


def test_what_only_tests_and_linters_use_is_not_installed_for_the_demo() -> None:
    demo = pins(ROOT / "local/requirements.txt").keys()
    assert not demo & {"pytest", "hypothesis", "mypy", "ruff", "import-linter", "sagemaker-core"}


# ---- the class images that come with the embedded base -------------------------------------------


def shipped() -> tuple[Path, ClassImageSet, BaseCard]:
    card = BaseCard.model_validate_json((PORTRAITS / BASE_FILE).read_bytes())
    (folder,) = (PORTRAITS / CLASS_IMAGES_FOLDER).iterdir()
    return (
        folder,
        ClassImageSet.model_validate_json((folder / CLASS_IMAGES_FILE).read_bytes()),
        card,
    )


def test_the_embedded_base_brings_the_set_that_the_demo_trains_with() -> None:
    folder, prior, card = shipped()
    (order,) = orders_of(TrainingRequest.model_validate(request()), card.resolution)
    assert folder.name == prior.key == class_image_key(card.sha256, order)
    assert (prior.count, prior.base_sha256) == (order.count, card.sha256)


def test_the_set_that_comes_with_the_base_is_whole_and_small() -> None:
    folder, prior, _ = shipped()
    data = (folder / prior.file).read_bytes()
    assert sha256(data).hexdigest() == prior.sha256
    assert len(data) <= MAX_SET_BYTES
    assert {path.name for path in folder.iterdir()} == {CLASS_IMAGES_FILE, prior.file}


def test_every_smoke_test_of_the_server_is_in_a_file_that_smoke_serving_runs() -> None:
    files = (ROOT / "tests" / "smoke").glob("test_*.py")
    marked = {file.name for file in files if "pytest.mark.serving" in file.read_text()}
    assert marked
    assert not {name for name in marked if not name.startswith("test_serv")}
