"""Runs the embedded AWS in a separate process, which is then killed, reset or restarted.

python sagemaker_session.py FOLDER HOW, where HOW is killed, reset or restarted
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local.cloud.server import ACCOUNT, REGION, serve
from local.sagemaker import host, store
from local.sagemaker.api import service
from tests.cloud import eventually
from tests.integration.access_kit import send, signed
from tests.integration.sagemaker_kit import SageMakerKit

LONG = {"seconds": "3000", "child": "yes"}


def main(folder: Path, how: str) -> None:
    with serve(log_file=folder / "cloud.log") as cloud:
        kit = SageMakerKit(cloud, folder)
        kit.use_settings()
        endpoint, target = kit.endpoint(), kit.package("one.tar.gz")
        job = kit.start("survivor", behaviour=LONG)
        key = f"{job}/checkpoints/pids.txt"
        eventually(lambda: key in kit.keys(job))
        pids = [int(pid) for pid in kit.get(key).split()]
        pids.append(kit.invoke(endpoint, target)["pid"])
        (folder / "pids.json").write_text(json.dumps(pids))
        ENDS[how](kit, endpoint)


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def reset(kit: SageMakerKit, _: str) -> None:
    path = "/_ministack/reset"
    assert send(kit.cloud, "POST", path, signed(kit.cloud, "POST", path)).status == 200
    assert kit.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    assert kit.sagemaker.list_endpoints()["Endpoints"] == []
    time.sleep(1)
    assert kit.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []


def restart(kit: SageMakerKit, endpoint: str) -> None:
    """Save, reset and load SageMaker's state, as a restart of ministack does."""
    state = service.get_state()
    service.reset()
    assert state["jobs"] is not store.jobs()
    with host.scope(ACCOUNT, REGION):
        service.load_persisted_state(state)
    job = kit.describe("survivor")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError")
    assert kit.wait_for_endpoint(endpoint)["EndpointStatus"] == "InService"
    assert kit.invoke(endpoint, "one.tar.gz")["text"] == "hello"


ENDS: dict[str, Callable[[SageMakerKit, str], None]] = {
    "killed": kill,
    "reset": reset,
    "restarted": restart,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
