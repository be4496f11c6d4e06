"""MLflow's REST API: implements domain.ports.experiments.Experiments.

A tracking server of SageMaker is named by its ARN, and calls to it are signed; addresses, headers
and signing names are those of the plugin sagemaker-mlflow. Any other server is named by its
address, without credentials. Lambda's layer has no MLflow: its client is larger than all of ours.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import get_cert_path

from aws import settings
from contracts.errors import TrackerRefusedError
from domain.ports.experiments import ExperimentRun, Measurement

ARN = re.compile(
    r"arn:(?:aws|aws-us-gov):sagemaker:([a-z0-9-]+):[0-9]{12}:(mlflow-tracking-server|mlflow-app)/"
    r"[A-Za-z0-9-]+"
)
TIMEOUT = urllib3.Timeout(connect=5.0, read=20.0)
MAX_METRICS = 1000
"""MLflow's limit of metrics in one call."""

MAX_NAME = 250
"""MLflow's limit of a parameter's or tag's key."""

TRAINING_TAG = "likeness.training"
"""The tag by which a run is found again."""

NOT_FOUND = "RESOURCE_DOES_NOT_EXIST"


class Server(NamedTuple):
    """A tracking server, and how calls to it are signed."""

    url: str
    headers: Mapping[str, str]
    service: str | None = None
    """Name of the service that signatures are made for; None: calls are not signed."""
    region: str = ""


def server_of(tracking: str) -> Server:
    """Return the server that an ARN or an address names.

    >>> arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ours"
    >>> server_of(arn).url, server_of(arn).service
    ('https://eu-west-1.experiments.sagemaker.aws', 'sagemaker-mlflow')
    >>> server_of("http://127.0.0.1:5000/").url
    'http://127.0.0.1:5000'
    """
    found = ARN.fullmatch(tracking)
    if found is None:
        return Server(tracking.rstrip("/"), {})
    region, kind = found[1], found[2]
    if kind == "mlflow-app":
        url, header = f"https://mlflow.sagemaker.{region}.app.aws", "x-sm-mlflow-app-arn"
        return Server(url, {header: tracking}, "sagemaker", region)
    url, header = f"https://{region}.experiments.sagemaker.aws", "x-mlflow-sm-tracking-server-arn"
    return Server(url, {header: tracking}, "sagemaker-mlflow", region)


class MlflowExperiments:
    """One experiment, named after the stack."""

    def __init__(self, server: Server, experiment: str) -> None:
        self._server, self._experiment = server, experiment
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, ca_certs=get_cert_path(True))

    @classmethod
    def from_env(cls) -> "MlflowExperiments":
        """Use MLFLOW_TRACKING and EXPERIMENT_NAME."""
        return cls(server_of(settings.text("MLFLOW_TRACKING")), settings.text("EXPERIMENT_NAME"))

    def log(self, run: ExperimentRun) -> None:
        """Store a run; one that an earlier call left unfinished is written to its end."""
        experiment = self._experiment_id()
        found = self._find(experiment, run.training)
        if found is not None and found["status"] in {"FINISHED", "FAILED"}:
            return
        run_id = self._begin(experiment, run) if found is None else str(found["run_id"])
        for values in parts_of(run.measurements):
            self._post("runs/log-batch", {"run_id": run_id, "metrics": metrics_of(values, run)})
        self._post("runs/log-batch", {"run_id": run_id, "params": pairs_of(run.parameters)})
        status = "FINISHED" if run.succeeded else "FAILED"
        ended = {"run_id": run_id, "status": status, "end_time": millis(run.ended_at)}
        self._post("runs/update", ended)

    def _experiment_id(self) -> str:
        name = urlencode({"experiment_name": self._experiment})
        found = self._call("GET", f"experiments/get-by-name?{name}", None)
        if found is not None:
            return str(found["experiment"]["experiment_id"])
        return str(self._post("experiments/create", {"name": self._experiment})["experiment_id"])

    def _find(self, experiment: str, training: str) -> dict[str, Any] | None:
        """Return what MLflow says of the run of this training."""
        asked = {
            "experiment_ids": [experiment],
            "filter": f"tags.`{TRAINING_TAG}` = '{training}'",
            "max_results": 1,
        }
        runs = self._post("runs/search", asked).get("runs", [])
        info: dict[str, Any] | None = runs[0]["info"] if runs else None
        return info

    def _begin(self, experiment: str, run: ExperimentRun) -> str:
        asked = {
            "experiment_id": experiment,
            "run_name": run.name,
            "start_time": millis(run.started_at),
            "tags": pairs_of({TRAINING_TAG: run.training, **run.tags}),
        }
        return str(self._post("runs/create", asked)["run"]["info"]["run_id"])

    def _post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._call("POST", path, json.dumps(document).encode())
        if answer is None:
            raise TrackerRefusedError(call=path, status=404)
        return answer

    def _call(self, method: str, path: str, body: bytes | None) -> dict[str, Any] | None:
        """Return the answer; None when what is asked for does not exist.

        Raises:
            TrackerRefusedError: no answer, or a refusal.
        """
        url, call = f"{self._server.url}/api/2.0/mlflow/{path}", path.partition("?")[0]
        headers = {"Content-Type": "application/json", **self._server.headers}
        try:
            answer = self._pool.request(
                method, url, body=body, headers=self._signed(method, url, body, headers),
                redirect=False, retries=False,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TrackerRefusedError(call=call, error=type(error).__name__) from None
        found = document_in(answer.data)
        if answer.status == 404 and found.get("error_code") == NOT_FOUND:  # noqa: PLR2004
            return None
        if answer.status != 200:  # noqa: PLR2004
            raise TrackerRefusedError(call=call, status=answer.status)
        return found

    def _signed(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> dict[str, str]:
        if self._server.service is None:
            return dict(headers)
        content = {"X-Amz-Content-SHA256": sha256(body or b"").hexdigest()}
        request = AWSRequest(
            method=method, url=url, data=body or b"", headers={**headers, **content}
        )
        credentials = boto3.Session().get_credentials()
        SigV4Auth(credentials, self._server.service, self._server.region).add_auth(request)
        return dict(request.headers)


def document_in(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer; an empty one for anything else."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def parts_of(measurements: Sequence[Measurement]) -> Iterator[Sequence[Measurement]]:
    """Yield the measurements in parts that MLflow takes."""
    for first in range(0, len(measurements), MAX_METRICS):
        yield measurements[first : first + MAX_METRICS]


def metrics_of(values: Sequence[Measurement], run: ExperimentRun) -> list[dict[str, Any]]:
    """Return MLflow's form of measurements."""
    when = millis(run.ended_at)
    return [
        {"key": one.name, "value": one.value, "timestamp": when, "step": one.step} for one in values
    ]


def pairs_of(texts: Mapping[str, str]) -> list[dict[str, str]]:
    """Return MLflow's form of parameters and tags."""
    return [{"key": key[:MAX_NAME], "value": value} for key, value in texts.items()]


def millis(when: datetime) -> int:
    """Return MLflow's form of a time."""
    return round(when.timestamp() * 1000)
