"""One embedded AWS with a stack for all end-to-end tests, with real trainer and tritonserver.

A test of the workflow alone uses `quick_training`: the real trainer's start takes as long as all
else together.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.workflow.__main__ import images
from contracts.shared.layout.bases import classifier_prefix, safety_prefix
from local import deployment, sagemaker
from local.cloud.paths import ROOT
from local.cloud.server import Cloud, serve
from local.demo.subscriber import Subscriber
from local.demo.upload import BASES_BUCKET, TENANT
from local.sagemaker.container.images import python_program
from tests.e2e.changed_settings import REFUSING, SERVER, TRAINER, WAITING
from tests.e2e.stack import BASE_ID, BLOCKED, CAPTIONER_ID, SEVERAL_GPUS, Stack
from tests.fakes.tiny_checker import tiny_checker
from tests.fakes.tiny_vit import AGES, KEEN, Sight, tiny_vit

CONTENT_RULES = {
    "SafetyCheckerId": "flags-all",
    "ContentFilterId": "colours",
    "AgeEstimatorId": "ages",
}
"""The content rules of the stack; test_content.py shows them."""

FILTER_FILES = tiny_vit({"normal": "", "nsfw": "yellow"}, KEEN)
"""Refuses what is yellowish: of the untrained base's pictures those that begin with an image."""

AGES_FILES = tiny_vit(AGES, Sight(gain=16))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with random weights and no floors, as the tests do not measure quality.

    Its weights have the names of diffusers' fp16 variant only: all tests train and draw with them.
    """
    folder = untrained_base(tmp_path_factory.mktemp("base"))
    for weights in folder.rglob("*.safetensors"):
        weights.rename(weights.with_name(f"{weights.stem}.fp16.safetensors"))
    return folder


def untrained_base(parent: Path) -> Path:
    """Write a base with random weights, as its card describes it; return its folder."""
    folder = parent / BASE_ID
    subprocess.run(
        [ROOT / ".venv/torch/bin/python", "-m", "local.embedded_base.untrained", folder],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
    )
    return folder


def add_base(folder: Path, place: str, environment: dict[str, str]) -> None:
    """Describe the base and copy it to its bucket, as an operator does."""
    command = [sys.executable, "-m", "likeness_client", "base", "add", str(folder), "--no-picture"]
    done = subprocess.run(
        [*command, "--id", BASE_ID, "--to", place],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def stack(base: Path) -> Iterator[Stack]:
    deployment.build()
    reporting = {
        TRAINER: python_program(ROOT / "tests/fakes/settings_trainer.py"),
        REFUSING: python_program(ROOT / "tests/fakes/refusing_trainer.py"),
        WAITING: python_program(ROOT / "tests/fakes/waiting_trainer.py"),
        SERVER: python_program(ROOT / "tests/fakes/settings_server.py"),
    }
    sagemaker.configure(sagemaker.Settings(images={**images(), **reporting}))
    with serve() as cloud:
        cloud.client("s3").create_bucket(Bucket=BASES_BUCKET)
        put_content_rules(cloud)
        add_base(base, f"s3://{BASES_BUCKET}", cloud.environment())
        changed = {"AllowedInstanceTypes": SEVERAL_GPUS, "TrainerProcesses": "2"}
        changed |= {"RootFolders": f"*-dataset={TENANT}", "BlockedWords": BLOCKED}
        changed |= {"CaptionerId": CAPTIONER_ID, "CaptioningPhotos": "8"}
        outputs = deployment.deploy(cloud, BaseId=BASE_ID, **changed, **CONTENT_RULES)
        stack = Stack(cloud, outputs, Subscriber(cloud, outputs["NoticesTopicArn"]))
        stack.configure("inspect-photos", without_checks(stack.settings("inspect-photos")))
        yield stack


def put_content_rules(cloud: Cloud) -> None:
    """Put both classifiers, and a safety checker that flags every picture, into their bucket."""
    files = {classifier_prefix("colours") + name: body for name, body in FILTER_FILES.items()}
    files |= {classifier_prefix("ages") + name: body for name, body in AGES_FILES.items()}
    files |= {safety_prefix("flags-all") + name: body for name, body in tiny_checker(-2).items()}
    for key, body in files.items():
        cloud.client("s3").put_object(Bucket=BASES_BUCKET, Key=key, Body=body)


def without_checks(settings: dict[str, str]) -> dict[str, str]:
    """Return InspectPhotos' settings without classifiers: most tests' photos have any colour."""
    return settings | {"CONTENT_FILTER_ID": "none", "AGE_ESTIMATOR_ID": "none"}


@pytest.fixture
def content_checks(stack: Stack) -> Iterator[None]:
    """Give InspectPhotos, for one test, the classifiers that the stack was deployed with."""
    settings = stack.settings("inspect-photos")
    variables = {"CONTENT_FILTER_ID": CONTENT_RULES["ContentFilterId"]}
    variables |= {"AGE_ESTIMATOR_ID": CONTENT_RULES["AgeEstimatorId"]}
    stack.configure("inspect-photos", settings | variables)
    yield
    stack.configure("inspect-photos", settings)


@pytest.fixture(autouse=True)
def _no_message_too_many(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves unreceived messages."""
    yield
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        assert [(one["upload"], one["code"]) for one in stack.unheard(wait_seconds=0)] == []


@pytest.fixture
def quick_training(stack: Stack) -> Iterator[None]:
    """Use the stub trainer for one test."""
    with stack.stub_trainer():
        yield
