"""Runs one training job: a thread that waits for the processes of its instances."""

import logging
import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import events, host, settings, store
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ContainerFault
from local.sagemaker.container import folders
from local.sagemaker.container.images import Program, find_program
from local.sagemaker.training import artifacts, documents, warm_pools
from local.sagemaker.training.instance import Instance, final_metrics, names_of

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
        self._instances = [Instance(document, name) for name in names_of(document)]
        self._wakeup = threading.Event()
        self._requested_end: str | None = None
        self._broken: Instance | None = None
        self._abandoned = False
        self._used_seconds = 0.0

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
        for instance in self._instances:
            instance.kill()
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
        shutil.rmtree(folders.work("training", self.name), ignore_errors=True)

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
        s3 = s3_module.client(session)
        self._advance("Downloading")
        program = self._pull_image()
        for instance in self._instances:
            instance.prepare(s3, session, self._warm_cache)
        if self._requested_end == "Stopped":
            return Outcome("Stopped")
        self._advance("Training")
        self._watch(program)
        if self._requested_end == "Interrupted":
            self._advance("Interrupted")
            return None
        return self._upload(s3, self._outcome())

    def _upload(self, s3: Stock, outcome: Outcome) -> Outcome:
        self._advance("Uploading")
        roots = [instance.root for instance in self._instances]
        artifacts.upload(s3, self.document, roots, with_model=outcome.secondary != "Failed")
        return outcome

    def _watch(self, program: Program) -> None:
        """Run the containers to their end; the failure of one ends them all."""
        for instance in self._instances:
            instance.start(program, self._wakeup)
        limit = self.document["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        deadline, kill_at = time.monotonic() + limit - self._used_seconds, None
        while self._is_running() and not self._abandoned:
            if kill_at is None and time.monotonic() >= deadline:
                self._requested_end = self._requested_end or "MaxRuntimeExceeded"
            if kill_at is None and (self._requested_end is not None or self._failed()):
                kill_at = time.monotonic() + self._settings.stop_grace
                self._ask_to_stop()
            if kill_at is not None and time.monotonic() >= kill_at:
                for instance in self._instances:
                    instance.kill()
                break
            self._wakeup.wait(self._poll_seconds(deadline if kill_at is None else kill_at))
            self._wakeup.clear()
            for instance in self._instances:
                instance.mirror()
        self._finish_instances()

    def _finish_instances(self) -> None:
        """Wait for every end, and upload what was written last."""
        for instance in self._instances:
            instance.final_status()
            instance.mirror(last=True)
        metrics = final_metrics(self._instances)
        with store.lock:
            if metrics:
                self.document["FinalMetricDataList"] = metrics

    def _is_running(self) -> bool:
        return any(instance.status() is None for instance in self._instances)

    def _failed(self) -> bool:
        """Return whether an instance has failed while others run; the first gives the reason."""
        failed = [one for one in self._instances if one.status() not in {None, 0}]
        self._broken = failed[0] if failed else None
        return bool(failed)

    def _poll_seconds(self, until: float) -> float:
        return max(0.0, min(self._settings.sync_every, until - time.monotonic()))

    def _ask_to_stop(self) -> None:
        if self._requested_end not in {None, "Interrupted"}:
            self._advance("Stopping")
        for instance in self._instances:
            instance.terminate()

    def _outcome(self) -> Outcome:
        """Return the end of a job that was asked to stop, or that ended by itself."""
        if self._requested_end in {"Stopped", "MaxRuntimeExceeded"}:
            return Outcome(self._requested_end)
        ends = {instance: instance.final_status() for instance in self._instances}
        failed = [instance for instance, status in ends.items() if status != 0]
        if not failed:
            return Outcome("Completed")
        first = self._broken or failed[0]
        return Outcome("Failed", first.failure(ends[first]))

    def _finish(self, outcome: Outcome) -> None:
        pool = folders.work("pools", self.name)
        with store.lock:
            documents.end(self.document, outcome.secondary, outcome.reason, self._used_seconds)
            if warm_pools.retain(self.document, pool):
                shutil.rmtree(pool, ignore_errors=True)
                for instance in self._instances:
                    instance.keep_cache(pool)
        events.training_job_changed(self.document)

    def _advance(self, secondary: str) -> None:
        if self._abandoned:
            raise ContainerFault("abandoned")
        if secondary == "Downloading":
            self.document.setdefault("TrainingStartTime", store.now())
        documents.advance(self.document, secondary)

    def _pull_image(self) -> Program:
        uri = self.document["AlgorithmSpecification"]["TrainingImage"]
        program = find_program(self._settings.images, uri)
        if program is None:
            reason = f"ClientError: Cannot pull the training image {uri}: it does not exist."
            raise ContainerFault(reason)
        return program
