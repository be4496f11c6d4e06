"""One instance of a training job: a folder in place of /opt/ml, and a process.

A job of K instances has K of these, named algo-1 to algo-K. All of them get the same inputs;
resourceconfig.json tells each which one it is. All of them mirror their checkpoints to the same
place in S3, so the files of two instances need different names.
"""

import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import host
from local.sagemaker import s3 as s3_module
from local.sagemaker.container import folders
from local.sagemaker.container.images import Program
from local.sagemaker.container.logs import LogShipper
from local.sagemaker.container.process import Container
from local.sagemaker.training import channels
from local.sagemaker.training.checkpoints import CheckpointSync, Mirrors

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CONTAINER_ROOT = "/opt/ml/"
CACHE = Path("sagemaker", "warmpoolcache")
MAX_REASON = 1024
SIGNALLED = 128
"""Exit code of a container that a signal ended, without the signal's number."""


def names_of(document: Json) -> tuple[str, ...]:
    """Return the names of a job's instances.

    >>> names_of({"ResourceConfig": {"InstanceCount": 2}})
    ('algo-1', 'algo-2')
    """
    count = document["ResourceConfig"].get("InstanceCount", 1)
    return tuple(f"algo-{number}" for number in range(1, count + 1))


class Instance:
    """The folder, the process, the log and the mirrored folders of one instance."""

    def __init__(self, document: Json, name: str) -> None:
        self.name = name
        self.root = folders.work("training", document["TrainingJobName"]) / name
        self._document = document
        self._log_file = log_file(document["TrainingJobName"], name)
        self._log_file.unlink(missing_ok=True)
        self._container: Container | None = None
        self._sync = Mirrors([])
        self._logs: LogShipper | None = None
        self._is_isolated: bool = document["EnableNetworkIsolation"]
        self._credentials: dict[str, str] = {}

    def prepare(self, s3: Stock, session: host.Session, warm_cache: Path | None) -> None:
        """Make the folder with its inputs, and restore the checkpoints."""
        self._make_root(warm_cache)
        self._credentials = {} if self._is_isolated else host.client_environment(session)
        inputs = self._document.get("InputDataConfig", [])
        channels.download_channels(s3, inputs, self.root / "input" / "data")
        self._sync = Mirrors([*self._checkpoints(s3), *self._tensorboard(s3)])
        self._logs = self._log_shipper(session)

    def start(self, program: Program, ended: threading.Event) -> None:
        """Start the process; ``ended`` is set when it has ended."""
        self._container = Container(
            program,
            {**self._environment(), **self._credentials},
            self.root,
            self._log_file,
            ended,
            isolated=self._is_isolated,
        )

    def status(self) -> int | None:
        """Return the process's exit status, None while it runs or has not begun."""
        return None if self._container is None else self._container.status()

    def final_status(self, seconds: float = 5) -> int:
        """Return the exit status of a process that ends about now."""
        status = None if self._container is None else self._container.wait(seconds)
        return 1 if status is None else status

    def terminate(self) -> None:
        """Send SIGTERM to the process."""
        if self._container is not None and self._container.status() is None:
            self._container.terminate()

    def kill(self) -> None:
        """Kill the process and its descendants."""
        if self._container is not None:
            self._container.kill()

    def mirror(self, *, last: bool = False) -> None:
        """Upload what has changed, and send the new lines of the log."""
        self._sync.push()
        if self._logs is not None:
            self._logs.ship(last=last)

    def metrics(self) -> list[Json]:
        """Return the last value of each metric in the log."""
        return [] if self._logs is None else self._logs.final_metrics()

    def failure(self, status: int) -> str:
        """Return what the failure file says, and the exit code, as SageMaker words them."""
        file = self.root / "output" / "failure"
        message = file.read_text("utf-8", "replace").strip() if file.exists() else ""
        code = status if status >= 0 else SIGNALLED - status
        end = f", exit code: {code}"
        return f"AlgorithmError: {message}"[: MAX_REASON - len(end)] + end

    def keep_cache(self, pool: Path) -> None:
        """Move the persistent cache into the warm pool's folder."""
        cache, target = self.root / CACHE, pool / self.name
        if cache.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(cache, target)

    def _make_root(self, warm_cache: Path | None) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        cache = self.root / CACHE
        cache.parent.mkdir()
        if warm_cache is not None and (warm_cache / self.name).exists():
            shutil.move(warm_cache / self.name, cache)
        cache.mkdir(exist_ok=True)
        for name, content in self._configuration().items():
            (self.root / "input" / "config" / f"{name}.json").write_text(json.dumps(content))

    def _configuration(self) -> dict[str, Json]:
        kind, group = self._document["ResourceConfig"].get("InstanceType"), "homogeneousCluster"
        hosts = list(names_of(self._document))
        members = {"instance_group_name": group, "instance_type": kind, "hosts": hosts}
        return {
            "hyperparameters": self._document.get("HyperParameters", {}),
            "inputdataconfig": channels.channel_config(self._document.get("InputDataConfig", [])),
            "resourceconfig": {
                "current_host": self.name,
                "current_instance_type": kind,
                "current_group_name": group,
                "hosts": hosts,
                "instance_groups": [members],
                "network_interface_name": "eth0",
            },
        }

    def _environment(self) -> dict[str, str]:
        return {
            **self._document.get("Environment", {}),
            "TRAINING_JOB_NAME": self._document["TrainingJobName"],
            "TRAINING_JOB_ARN": self._document["TrainingJobArn"],
            "AWS_REGION": host.region(),
            "SAGEMAKER_BASE_DIR": str(self.root),
            "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY": str(self.root / CACHE),
        }

    def _checkpoints(self, s3: Stock) -> list[CheckpointSync]:
        config = self._document.get("CheckpointConfig")
        if config is None:
            return []
        folder = self._folder(config.get("LocalPath", "/opt/ml/checkpoints"))
        sync = CheckpointSync(s3, folder, config["S3Uri"])
        sync.restore()
        return [sync]

    def _tensorboard(self, s3: Stock) -> list[CheckpointSync]:
        """Return the upload of TensorBoard's folder, which is not restored at the start."""
        config = self._document.get("TensorBoardOutputConfig")
        if config is None:
            return []
        folder = self._folder(config.get("LocalPath", "/opt/ml/output/tensorboard"))
        return [CheckpointSync(s3, folder, config["S3OutputPath"])]

    def _folder(self, path: str) -> Path:
        folder = self.root / path.removeprefix(CONTAINER_ROOT)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log_shipper(self, session: host.Session) -> LogShipper:
        stream = f"{self._document['TrainingJobName']}/{self.name}-{int(time.time())}"
        metrics = self._document["AlgorithmSpecification"].get("MetricDefinitions", [])
        client = s3_module.client(session, "logs")
        return LogShipper(client, LOG_GROUP, stream, self._log_file, metrics, self._measured)

    def _measured(self, metric: str, value: float) -> None:
        """Put a value of a metric into CloudWatch; SageMaker does so itself, without the role."""
        dimensions = {"TrainingJobName": self._document["TrainingJobName"]}
        host.record_metric(LOG_GROUP, metric, value, dimensions)


def log_file(job: str, name: str) -> Path:
    """Return an instance's log file; that of the first one is named by the job alone."""
    return folders.log("training", job if name == "algo-1" else f"{job}-{name}")


def final_metrics(instances: Sequence[Instance]) -> list[Json]:
    """Return the last value of each metric; the first instance that has one counts."""
    found: dict[str, Json] = {}
    for instance in instances:
        for metric in instance.metrics():
            found.setdefault(metric["MetricName"], metric)
    return list(found.values())
