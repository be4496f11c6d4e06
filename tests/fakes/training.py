"""domain.training.sagemaker_job.Trainer in memory."""

from dataclasses import replace
from typing import Any

from domain.ports.trainer import CreateOutcome, JobStatus, NoCapacity, Refused, Run, TrainingState

FOREVER = 10**9


class MemoryTrainer:
    """A SageMaker without machines: jobs go on until a test ends them."""

    def __init__(self, limit: int = FOREVER) -> None:
        self.limit = limit
        """Instances that jobs may use at once; one more is refused, as the account's quota does."""
        self.refusal = NoCapacity("There is no capacity.")
        """The answer to a job too many."""
        self.empty: set[str] = set()
        """Places in S3 without an object: a job that reads one of them is refused."""
        self.requests: dict[str, dict[str, Any]] = {}
        self.states: dict[str, TrainingState] = {}

    def create(self, request: dict[str, Any]) -> CreateOutcome:
        name = request["TrainingJobName"]
        if name in self.states:
            return "exists"
        resources = request["ResourceConfig"]
        if self.empty & set(places_of(request)):
            return Refused()
        if self.instances() + resources["InstanceCount"] > self.limit:
            return self.refusal
        self.requests[name] = request
        self.states[name] = TrainingState(
            name,
            "InProgress",
            "Starting",
            instance_type=resources["InstanceType"],
            instances=resources["InstanceCount"],
        )
        return "created"

    def describe(self, name: str) -> TrainingState | None:
        return self.states.get(name)

    def stop(self, name: str) -> None:
        if name in self.running():
            self.end(name, "Stopped")

    def running(self) -> list[str]:
        return [name for name, state in self.states.items() if not state.ended]

    def instances(self) -> int:
        return sum(self.states[name].instances for name in self.running())

    def end(
        self,
        name: str,
        status: JobStatus = "Completed",
        failure_reason: str = "",
        secondary_status: str | None = None,
        ran: Run | None = None,
    ) -> None:
        if ran is not None:
            created, ended = ran
            self.states[name] = replace(
                self.states[name], created_at=created, started_at=created, ended_at=ended
            )
        self.states[name] = replace(
            self.states[name],
            status=status,
            secondary_status=secondary_status or status,
            failure_reason=failure_reason,
        )


def places_of(request: dict[str, Any]) -> list[str]:
    """Return the S3 URIs of a request's channels."""
    channels = request.get("InputDataConfig", [])
    return [channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in channels]
