"""A Z-Image through a deployed stack: added by the client, trained on, published, drawn with."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.documents.training import TrainingResult
from contracts.shared.layout.models import result_key
from local import deployment
from local.cloud.paths import ROOT
from local.demo.picture import generate
from local.demo.subscriber import Subscriber
from local.demo.upload import BASES_BUCKET
from tests.e2e.stack import SMALL, Stack, job_of, photos
from tests.e2e.test_settings import delete

pytestmark = pytest.mark.thorough

STACK, BASE_ID = "zimage", "tiny-zimage"
REQUEST = SMALL | {"learning_rate": 0.05, "rank": 4}
"""A request whose two steps change the pictures of an untrained base."""


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained Z-Image of 64 pixels without floors."""
    folder = tmp_path_factory.mktemp("bases") / BASE_ID
    folder.mkdir()
    subprocess.run(
        [ROOT / ".venv/torch/bin/python", "-m", "tests.smoke.tiny_pipelines", folder, "zimage"],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
    )
    return folder


@pytest.fixture(scope="module")
def zimage(stack: Stack, base_folder: Path) -> Iterator[Stack]:
    """A second stack, whose base is the Z-Image."""
    cloud = stack.cloud
    words = ("base", "add", str(base_folder), "--no-picture", "--face-detector", "none")
    printed = stack.likeness(*words, "--to", f"s3://{BASES_BUCKET}")
    assert "family      zimage, flow_prediction, 64 pixels" in printed, printed
    outputs = deployment.deploy(cloud, STACK, BaseId=BASE_ID)
    yield Stack(cloud, outputs, Subscriber(cloud, outputs["NoticesTopicArn"]))
    delete(cloud, STACK, outputs)


def test_an_upload_becomes_a_model_that_draws_other_pictures_than_the_base(zimage: Stack) -> None:
    zimage.upload("z", photos(101), REQUEST)
    execution = zimage.execution("z")
    notice = zimage.notice("z")
    assert notice["code"] == "ready", notice
    job_id = job_of(execution)
    result = zimage.document(result_key(zimage.plan_id(job_id), job_id), TrainingResult)
    assert result.adapter is not None
    assert (result.adapter.family, result.adapter.base_id) == ("zimage", BASE_ID)
    assert any("_zimage_" in name for name in result.files)
    model = notice["model"]
    drawn = [
        generate(
            zimage.cloud, model["endpoint_name"], model["target_model"], "a photo of <<TOK>>",
            seed=5, num_inference_steps=2, lora_scale=scale,
        )
        for scale in (0.0, 1.0)
    ]  # fmt: skip
    assert drawn[0].size == (64, 64)
    assert drawn[0].tobytes() != drawn[1].tobytes()


def test_an_option_that_the_base_lacks_is_refused_before_anything_is_paid_for(
    zimage: Stack,
) -> None:
    zimage.upload("z-snr", photos(102), REQUEST | {"snr_gamma": 5})
    assert zimage.execution("z-snr")["status"] == "FAILED"
    notice = zimage.notice("z-snr")
    assert notice["code"] == "option_not_for_base"
    (problem,) = notice["request"]
    assert problem["field"] == "snr_gamma"
    assert "Min-SNR" in problem["message"]
