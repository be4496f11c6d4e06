"""One life of the embedded AWS in a process of its own, for what a test cannot do in its own.

python sagemaker_session.py FOLDER HOW, where HOW is killed, reset or restarted
"""

import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from local.cloud.server import ACCOUNT, REGION, serve
from local.sagemaker import host, store
from local.sagemaker.api import service
from tests.cloud import eventually
from tests.integration.sagemaker_kit import SageMakerKit

LONG = {"seconds": "60", "child": "yes"}


def main(folder: Path, how: str) -> None:
    with serve(log_file=folder / "cloud.log") as cloud:
        kit = SageMakerKit(cloud, folder)
        kit.settle()
        endpoint, target = kit.endpoint(), kit.package("one.tar.gz")
        job = kit.start("survivor", wishes=LONG)
        key = f"{job}/checkpoints/pids.txt"
        eventually(lambda: key in kit.keys(job), 20)
        pids = [int(pid) for pid in kit.get(key).split()]
        pids.append(kit.invoke(endpoint, target)["pid"])
        (folder / "pids.json").write_text(json.dumps(pids))
        ENDS[how](kit, endpoint)


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def reset(kit: SageMakerKit, _: str) -> None:
    url = f"{kit.cloud.endpoint_url}/_ministack/reset"
    urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()  # noqa: S310
    assert kit.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    assert kit.sagemaker.list_endpoints()["Endpoints"] == []
    time.sleep(1)
    assert kit.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []


def restart(kit: SageMakerKit, endpoint: str) -> None:
    """What ministack does between two runs, with everything else of it left alone."""
    state = service.get_state()
    service.reset()
    assert state["jobs"] is not store.jobs()
    with host.scope(ACCOUNT, REGION):
        service.load_persisted_state(state)
    job = kit.describe("survivor")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError")
    assert kit.at_rest(endpoint)["EndpointStatus"] == "InService"
    assert kit.invoke(endpoint, "one.tar.gz")["said"] == "hello"


ENDS: dict[str, Callable[[SageMakerKit, str], None]] = {
    "killed": kill,
    "reset": reset,
    "restarted": restart,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
