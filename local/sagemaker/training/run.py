"""Runs one training job: a thread that waits for one process."""

import json
import logging
import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

from local.cloud.typing_aliases import Json
from local.sagemaker import events, host, settings, store
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ContainerFault
from local.sagemaker.container import folders
from local.sagemaker.container.images import Program, find_program
from local.sagemaker.container.logs import LogShipper
from local.sagemaker.container.process import Container
from local.sagemaker.training import artifacts, channels, documents, warm_pools
from local.sagemaker.training.checkpoints import CheckpointSync, Mirrors

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CONTAINER_ROOT = "/opt/ml/"
MAX_REASON = 1024
SIGNALLED = 128
"""Exit code of a container that a signal ended, without the signal's number."""

logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """The end of a job: its last secondary status, and the reason of a failure."""

    secondary: str
    reason: str | None = None


class TrainingRun:
    """Runs one job; `stop`, `interrupt` and `abandon` may be called from any thread."""

    def __init__(self, document: Json, warm_cache: Path | None) -> None:
        self.document = document
        self.name: str = document["TrainingJobName"]
        self._warm_cache = warm_cache
        self._settings = settings.current()
        self._root = folders.work("training", self.name)
        self._log_file = folders.log("training", self.name)
        self._log_file.unlink(missing_ok=True)
        self._wakeup = threading.Event()
        self._requested_end: str | None = None
        self._container: Container | None = None
        self._abandoned = False
        self._used_seconds = 0.0
        self._is_isolated: bool = document["EnableNetworkIsolation"]
        self._credentials: dict[str, str] = {}

    def stop(self) -> None:
        """StopTrainingJob."""
        self._requested_end = "Stopped"
        self._wakeup.set()

    def interrupt(self) -> None:
        """Interrupt the spot instance; the job starts again from its checkpoints."""
        self._requested_end = self._requested_end or "Interrupted"
        self._wakeup.set()

    def abandon(self) -> None:
        """End at once without an event, because the server stops or is reset."""
        self._abandoned = True
        if self._container is not None:
            self._container.kill()
        self._wakeup.set()

    def run(self) -> None:
        """Run the job from Starting to its final status."""
        try:
            outcome = self._attempt()
            while outcome is None and not self._abandoned:
                outcome = self._attempt()
        except ContainerFault as fault:
            outcome = Outcome("Failed", fault.reason)
        except Exception:
            if not self._abandoned:
                logger.exception("training job %s failed with an internal error", self.name)
            outcome = Outcome("Failed", "InternalServerError: We encountered an internal error.")
        if not self._abandoned and outcome is not None:
            self._finish(outcome)
        shutil.rmtree(self._root, ignore_errors=True)

    def _attempt(self) -> Outcome | None:
        """Run the container once; return None after an interruption, for another attempt."""
        self._wait_for_instance()
        began = time.monotonic()
        try:
            if self._requested_end == "Stopped":
                return Outcome("Stopped")
            return self._train()
        finally:
            self._used_seconds += time.monotonic() - began

    def _wait_for_instance(self) -> None:
        if self.document["SecondaryStatus"] == "Interrupted":
            self._requested_end = (
                None if self._requested_end == "Interrupted" else self._requested_end
            )
            self._advance("Starting")
        else:
            events.training_job_changed(self.document)
        if self._warm_cache is None and self._requested_end is None:
            self._wakeup.clear()
            self._wakeup.wait(self._settings.cold_start)

    def _train(self) -> Outcome | None:
        session = host.assume(self.document["RoleArn"], "SageMaker")
        self._credentials = {} if self._is_isolated else host.client_environment(session)
        s3 = s3_module.client(session)
        self._advance("Downloading")
        program = self._pull_image()
        self._make_root()
        channels.download_channels(s3, self.document.get("InputDataConfig", []), self._inputs())
        sync = Mirrors([*self._checkpoints(s3), *self._tensorboard(s3)])
        logs = self._log_shipper(session)
        if self._requested_end == "Stopped":
            return Outcome("Stopped")
        self._advance("Training")
        status = self._watch(program, sync, logs)
        sync.push()
        if self._requested_end == "Interrupted":
            self._advance("Interrupted")
            return None
        outcome = self._outcome(status)
        self._advance("Uploading")
        with_model = outcome.secondary != "Failed"
        artifacts.upload(s3, self.document, self._root, with_model=with_model)
        return outcome

    def _watch(self, program: Program, sync: Mirrors, logs: LogShipper) -> int:
        """Run the container to its end and return its exit status."""
        container = Container(
            program,
            {**self._environment(), **self._credentials},
            self._root,
            self._log_file,
            self._wakeup,
            isolated=self._is_isolated,
        )
        self._container = container
        limit = self.document["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        deadline, kill_at = time.monotonic() + limit - self._used_seconds, None
        while container.status() is None and not self._abandoned:
            if kill_at is None and time.monotonic() >= deadline:
                self._requested_end = self._requested_end or "MaxRuntimeExceeded"
            if kill_at is None and self._requested_end is not None:
                kill_at = time.monotonic() + self._settings.stop_grace
                self._ask_to_stop(container)
            if kill_at is not None and time.monotonic() >= kill_at:
                container.kill()
                break
            self._wakeup.wait(self._poll_seconds(deadline if kill_at is None else kill_at))
            self._wakeup.clear()
            sync.push()
            logs.ship()
        status = container.wait(5)
        logs.ship(last=True)
        with store.lock:
            if logs.final_metrics():
                self.document["FinalMetricDataList"] = logs.final_metrics()
        return 1 if status is None else status

    def _poll_seconds(self, until: float) -> float:
        return max(0.0, min(self._settings.sync_every, until - time.monotonic()))

    def _ask_to_stop(self, container: Container) -> None:
        if self._requested_end != "Interrupted":
            self._advance("Stopping")
        container.terminate()

    def _outcome(self, status: int) -> Outcome:
        if self._requested_end in {"Stopped", "MaxRuntimeExceeded"}:
            return Outcome(self._requested_end)
        return Outcome("Completed") if status == 0 else Outcome("Failed", self._failure(status))

    def _failure(self, status: int) -> str:
        file = self._root / "output" / "failure"
        message = file.read_text("utf-8", "replace").strip() if file.exists() else ""
        code = status if status >= 0 else SIGNALLED - status
        end = f", exit code: {code}"
        return f"AlgorithmError: {message}"[: MAX_REASON - len(end)] + end

    def _finish(self, outcome: Outcome) -> None:
        cache = self._root / "sagemaker" / "warmpoolcache"
        cache_target = folders.work("pools", self.name)
        with store.lock:
            documents.end(self.document, outcome.secondary, outcome.reason, self._used_seconds)
            if warm_pools.retain(self.document, cache_target):
                cache_target.parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(cache_target, ignore_errors=True)
                if cache.exists():
                    shutil.move(cache, cache_target)
        events.training_job_changed(self.document)

    def _advance(self, secondary: str) -> None:
        if self._abandoned:
            raise ContainerFault("abandoned")
        if secondary == "Downloading":
            self.document.setdefault("TrainingStartTime", store.now())
        documents.advance(self.document, secondary)

    # ---- the container's environment: a folder in place of /opt/ml -------------------------

    def _inputs(self) -> Path:
        return self._root / "input" / "data"

    def _pull_image(self) -> Program:
        uri = self.document["AlgorithmSpecification"]["TrainingImage"]
        program = find_program(self._settings.images, uri)
        if program is None:
            reason = f"ClientError: Cannot pull the training image {uri}: it does not exist."
            raise ContainerFault(reason)
        return program

    def _make_root(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)
        for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (self._root / folder).mkdir(parents=True, exist_ok=True)
        cache = self._root / "sagemaker" / "warmpoolcache"
        cache.parent.mkdir()
        if self._warm_cache is not None and self._warm_cache.exists():
            shutil.move(self._warm_cache, cache)
        cache.mkdir(exist_ok=True)
        for name, content in self._configuration().items():
            (self._root / "input" / "config" / f"{name}.json").write_text(json.dumps(content))

    def _configuration(self) -> dict[str, Json]:
        instance, group = self.document["ResourceConfig"].get("InstanceType"), "homogeneousCluster"
        return {
            "hyperparameters": self.document.get("HyperParameters", {}),
            "inputdataconfig": channels.channel_config(self.document.get("InputDataConfig", [])),
            "resourceconfig": {
                "current_host": "algo-1",
                "current_instance_type": instance,
                "current_group_name": group,
                "hosts": ["algo-1"],
                "instance_groups": [
                    {"instance_group_name": group, "instance_type": instance, "hosts": ["algo-1"]}
                ],
                "network_interface_name": "eth0",
            },
        }

    def _environment(self) -> dict[str, str]:
        return {
            **self.document.get("Environment", {}),
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.document["TrainingJobArn"],
            "AWS_REGION": host.region(),
            "SAGEMAKER_BASE_DIR": str(self._root),
            "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY": str(
                self._root / "sagemaker" / "warmpoolcache"
            ),
        }

    def _checkpoints(self, s3: Json) -> list[CheckpointSync]:
        config = self.document.get("CheckpointConfig")
        if config is None:
            return []
        folder = self._folder(config.get("LocalPath", "/opt/ml/checkpoints"))
        sync = CheckpointSync(s3, folder, config["S3Uri"])
        sync.restore()
        return [sync]

    def _tensorboard(self, s3: Json) -> list[CheckpointSync]:
        """Return the upload of TensorBoard's folder, which is not restored at the start."""
        config = self.document.get("TensorBoardOutputConfig")
        if config is None:
            return []
        folder = self._folder(config.get("LocalPath", "/opt/ml/output/tensorboard"))
        return [CheckpointSync(s3, folder, config["S3OutputPath"])]

    def _folder(self, path: str) -> Path:
        folder = self._root / path.removeprefix(CONTAINER_ROOT)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log_shipper(self, session: host.Session) -> LogShipper:
        stream = f"{self.name}/algo-1-{int(time.time())}"
        metrics = self.document["AlgorithmSpecification"].get("MetricDefinitions", [])
        client = s3_module.client(session, "logs")
        return LogShipper(client, LOG_GROUP, stream, self._log_file, metrics, self._measured)

    def _measured(self, metric: str, value: float) -> None:
        """Put a value of a metric into CloudWatch; SageMaker does so itself, without the role."""
        host.record_metric(LOG_GROUP, metric, value, {"TrainingJobName": self.name})
