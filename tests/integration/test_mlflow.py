"""Runs in MLflow over HTTP, against the fake server, or against the one that $MLFLOW_URL names.

With a real one: ``mlflow server --port 5000``, then
``MLFLOW_URL=http://127.0.0.1:5000 pytest tests/integration/test_mlflow.py``.
"""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from aws.mlflow import MlflowExperiments, server_of
from contracts.errors import TrackerRefusedError
from domain.ports.experiments import ExperimentRun, Measurement
from tests.fakes.mlflow import MlflowMemory, mlflow_server

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ours"
REAL = os.environ.get("MLFLOW_URL")


@pytest.fixture
def fake() -> Iterator[tuple[str, MlflowMemory]]:
    with mlflow_server() as server:
        yield server


@pytest.fixture
def address(fake: tuple[str, MlflowMemory]) -> str:
    return REAL or fake[0]


def run(training: str = "likeness-1/0123", *, succeeded: bool = True) -> ExperimentRun:
    losses = [Measurement("loss", 1 / step, step) for step in range(1, 1501)]
    return ExperimentRun(
        training=training,
        name="rank8",
        succeeded=succeeded,
        started_at=NOON - timedelta(seconds=90),
        ended_at=NOON,
        parameters={"rank": "8", "learning_rate": "0.0001"},
        tags={"base": "tiny", "sweep": "a" * 32},
        measurements=[*losses, Measurement("gate_identity", 0.8, 1500)],
    )


def runs_in(address: str, experiment: str) -> list[dict[str, Any]]:
    """Return what a server answers about an experiment's runs."""
    http = urllib3.PoolManager()
    url = f"{address}/api/2.0/mlflow"
    found = http.request(
        "GET", f"{url}/experiments/get-by-name", fields={"experiment_name": experiment}
    ).json()
    asked = {
        "experiment_ids": [found["experiment"]["experiment_id"]],
        "filter": "tags.`base` = 'tiny'",
        "max_results": 50,
    }
    runs: list[dict[str, Any]] = http.request("POST", f"{url}/runs/search", json=asked).json()[
        "runs"
    ]
    return runs


def test_a_run_is_stored_once_and_whole(address: str) -> None:
    name = f"likeness-{uuid.uuid4().hex}"
    experiments = MlflowExperiments(server_of(address), name)
    for training in ("likeness-1/one", "likeness-1/one", "likeness-2/two"):
        experiments.log(run(training, succeeded=training != "likeness-2/two"))
    found = [one["info"] for one in runs_in(address, name)]
    assert sorted((one["run_name"], one["status"]) for one in found) == [
        ("rank8", "FAILED"),
        ("rank8", "FINISHED"),
    ]
    assert all(one["end_time"] - one["start_time"] == 90_000 for one in found)


def test_what_is_stored_are_parameters_tags_and_every_point_of_the_curves(
    fake: tuple[str, MlflowMemory],
) -> None:
    address, memory = fake
    MlflowExperiments(server_of(address), "likeness").log(run())
    (stored,) = memory.runs.values()
    assert stored["params"] == run().parameters
    assert stored["tags"] == {"likeness.training": "likeness-1/0123", **run().tags}
    assert len(stored["metrics"]) == 1501
    assert stored["metrics"][-1] == {
        "key": "gate_identity", "value": 0.8, "step": 1500, "timestamp": 1795953600000,
    }  # fmt: skip


@pytest.mark.parametrize("call", ["runs/create", "runs/log-batch", "runs/update"])
def test_a_run_that_was_left_unfinished_is_written_to_its_end(
    fake: tuple[str, MlflowMemory], call: str
) -> None:
    address, memory = fake
    experiments = MlflowExperiments(server_of(address), "likeness")
    memory.refusing = call
    with pytest.raises(TrackerRefusedError) as caught:
        experiments.log(run())
    assert caught.value.facts == {"code": "internal_error", "call": call, "status": 500}
    memory.refusing = None
    experiments.log(run())
    (stored,) = memory.runs.values()
    assert stored["info"]["status"] == "FINISHED"
    assert len(stored["metrics"]) == 1501


def test_a_server_that_is_not_there_is_said_without_its_address() -> None:
    experiments = MlflowExperiments(server_of("http://127.0.0.1:9"), "likeness")
    with pytest.raises(TrackerRefusedError) as caught:
        experiments.log(run())
    assert caught.value.facts["call"] == "experiments/get-by-name"
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    ("arn", "header", "service"),
    [
        (ARN, "x-mlflow-sm-tracking-server-arn", "sagemaker-mlflow"),
        (ARN.replace("tracking-server", "app"), "x-sm-mlflow-app-arn", "sagemaker"),
    ],
)
def test_calls_to_a_server_of_sagemaker_name_it_and_are_signed_for_it(
    fake: tuple[str, MlflowMemory],
    monkeypatch: pytest.MonkeyPatch,
    arn: str,
    header: str,
    service: str,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    address, memory = fake
    MlflowExperiments(server_of(arn)._replace(url=address), "likeness").log(run())
    assert len(memory.headers) == 8
    for headers in memory.headers:
        assert headers[header] == arn
        assert f"/eu-west-1/{service}/aws4_request" in headers["authorization"]
        assert header in headers["authorization"]
        assert len(headers["x-amz-content-sha256"]) == 64
