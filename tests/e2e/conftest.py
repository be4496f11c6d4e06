"""One laptop AWS with the stack on it for all end-to-end tests: real trainer and tritonserver."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import deployment
from local.cloud.places import ROOT
from local.cloud.server import serve
from local.demo.subscriber import Subscriber
from local.demo.upload import put_base
from tests.e2e.stack import Stack

BASE_ID = "untrained-sdxl"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with random weights and no floors: the tests ask whether it runs, not how it looks."""
    folder = tmp_path_factory.mktemp("base") / BASE_ID
    subprocess.run(
        [ROOT / ".venv/training/bin/python", "-m", "local.embedded_base.untrained", folder],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
    )
    return folder


@pytest.fixture(scope="session")
def stack(base: Path) -> Iterator[Stack]:
    deployment.build()
    with serve() as cloud:
        put_base(cloud, base)
        outputs = deployment.deploy(cloud, BaseId=BASE_ID)
        yield Stack(cloud, outputs, Subscriber(cloud, outputs["NoticesTopicArn"]))
