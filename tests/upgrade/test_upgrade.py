"""A stack of a release is updated while one job trains and another waits: both end well.

`make upgrade-test` runs it; docs/upgrade.md tells operators what it shows.
"""

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.workflow.__main__ import images
from local import deployment, sagemaker
from local.cloud.paths import ROOT
from local.cloud.server import Cloud, serve
from local.demo.subscriber import Subscriber
from local.demo.upload import consent, put_base
from local.sagemaker.container.images import python_program
from tests.cloud import eventually
from tests.e2e.conftest import untrained_base
from tests.e2e.stack import BASE_ID, SMALL, Stack, photos

DEPLOYED = (
    *("template.yaml", "dashboard.yaml", "samconfig.toml"),
    *("functions", "dependencies", "statemachine"),
)
"""What release 0.2.0 deploys."""
RELEASES = {
    "0.2.0": ("d0ed159a4857ba15a5a311907f026de0d5739efe", DEPLOYED),
    "0.3.0": ("9a2e83ac4b65948cfb248c89a4e02bc2809a7930", (*DEPLOYED, "layers")),
}
"""The commits of the tags, and what each deploys: a clone has the commits, and perhaps no tags."""
TRAINER = "likeness-waiting-trainer"
PARAMETERS = {"BaseId": BASE_ID, "TrainingQuota": "1", "TrainingImageUri": f"{TRAINER}:1"}
HOLDING = ("UploadsBucketName", "ModelsBucketName", "JobsTableName", "ModelsTableName")
CONSENT = {"consent": consent()}
"""Release 0.2.0 knows no such consent; the later ones ask for it."""

REQUEST = {name: SMALL[name] for name in ("instance_prompt", "class_prompt")}


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """The release from which the update begins."""
    return str(request.param)


@pytest.fixture(scope="module")
def released(release: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the release, built."""
    commit, parts = RELEASES[release]
    folder = tmp_path_factory.mktemp("released")
    archive = subprocess.run(
        ["git", "archive", commit, *parts],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    shallow = "is it a shallow clone? git fetch --unshallow"
    assert archive.returncode == 0, f"{archive.stderr.decode()}: {shallow}"
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    deployment.build(folder)
    return folder


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate") / "open"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of files whose names the release knows too: it reads no fp16 variants."""
    return untrained_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def cloud(base: Path, gate: Path) -> Iterator[Cloud]:
    trainer = python_program(Path(__file__).with_name("waiting_trainer.py"))
    waiting = replace(trainer, environment={**trainer.environment, "GATE": str(gate)})
    sagemaker.configure(sagemaker.Settings(images={**images(), TRAINER: waiting}))
    card = json.loads((base / "base.json").read_text())
    # Release 0.2.0 knows no base without a detector; both stacks draw people and ask no faces.
    (base / "base.json").write_text(json.dumps(card | {"face_detector": None}))
    with serve() as running:
        put_base(running, base)
        yield running
    sagemaker.configure(sagemaker.Settings())


def test_jobs_that_began_before_an_update_end_well_after_it(
    cloud: Cloud, release: str, released: Path, gate: Path
) -> None:
    before = deployment.deploy(cloud, "likeness", released, **PARAMETERS)
    stack = Stack(cloud, before, Subscriber(cloud, before["NoticesTopicArn"]))
    for number, upload in enumerate(("trains", "waits")):
        stack.upload(upload, photos(number), REQUEST if release == "0.2.0" else REQUEST | CONSENT)
        eventually(partial(in_queue, stack, upload))
    eventually(lambda: len(running(cloud)) == 1)

    deployment.build()
    after = deployment.deploy(cloud, FaceChecks="off", **PARAMETERS)
    assert {name: before[name] for name in HOLDING} == {name: after[name] for name in HOLDING}
    assert before.items() <= after.items()
    states = [stack.executions(upload)[0]["status"] for upload in ("trains", "waits")]
    assert states == ["RUNNING", "RUNNING"]

    gate.touch()
    stack.upload("after", photos(2), REQUEST | CONSENT)
    codes = {}
    for _ in range(3):
        notice = stack.subscriber.receive()
        codes[notice["upload"]] = notice["code"]
    assert codes == dict.fromkeys(("trains", "waits", "after"), "ready")
    for upload in codes:
        assert stack.execution(upload)["status"] == "SUCCEEDED"
    assert stack.unheard() == []


def in_queue(stack: Stack, upload: str) -> bool:
    """Return whether the upload's job waits for a training job, or has one."""
    found = stack.find(upload)
    return found is not None and found.queue is not None


def running(cloud: Cloud) -> list[dict[str, Any]]:
    """The training jobs that run."""
    jobs = cloud.client("sagemaker").list_training_jobs(StatusEquals="InProgress")
    found: list[dict[str, Any]] = jobs["TrainingJobSummaries"]
    return found
