"""An endpoint that runs only while it is used: woken on demand, taken down when nobody calls.

A multi-model endpoint cannot scale to zero, so an unused one costs as much as a used one. Where the
stack says so (CreateEndpoint=on-demand) CloudFormation owns model and configuration only.
"""

from datetime import datetime, timedelta
from typing import Protocol

from contracts.documents.hosting import EndpointStatus, ModelAnswer, ModelQuestion
from contracts.documents.model import ModelRecord


class Hosting(Protocol):
    """What the rules need of SageMaker's control plane."""

    @property
    def on_demand(self) -> bool:
        """Whether the endpoint may be made and unmade; else CloudFormation owns it."""
        ...

    def status(self) -> EndpointStatus:
        """Return how the endpoint stands."""
        ...

    def create(self) -> None:
        """Begin to start it; one that is there already is left alone."""
        ...

    def delete(self) -> None:
        """Take it down; one that is gone already is no error."""
        ...

    def changed(self, now: datetime, within: timedelta) -> bool:
        """Return whether it was made, came up or failed during this time."""
        ...

    def last_used(self, now: datetime, within: timedelta) -> bool:
        """Return whether it was made, changed or called during this time."""
        ...


class ModelShelf(Protocol):
    """The models of a tenant."""

    def of(self, tenant: str, model_id: str | None = None) -> list[ModelRecord]:
        """Return them, the newest first; one of them, or none, when a model is named."""
        ...


FAILURE_REST = timedelta(minutes=15)
"""An endpoint that failed is not made anew before: what broke it is seldom gone at once, and every
attempt pays for an instance until it fails."""


def wake(hosting: Hosting, now: datetime) -> EndpointStatus:
    """Start the endpoint if it may be and is not there; return how it stands."""
    status = hosting.status()
    if not hosting.on_demand or status not in {"absent", "failed"}:
        return status
    if status == "failed":  # its name is taken until it is gone; the next call makes it anew
        if hosting.changed(now, FAILURE_REST):
            return "failed"
        hosting.delete()
        return "deleting"
    hosting.create()
    return "starting"


def reap(hosting: Hosting, idle: timedelta, now: datetime) -> bool:
    """Take the endpoint down when nobody has called it for this long; return whether it was."""
    if not hosting.on_demand or hosting.status() != "in_service":
        return False
    if hosting.last_used(now, idle):
        return False
    hosting.delete()
    return True


def answer(
    question: ModelQuestion, hosting: Hosting, shelf: ModelShelf, now: datetime
) -> ModelAnswer:
    """Tell which models the tenant has and whether they can be called; wake them when asked to.

    Somebody without a model wakes nothing.
    """
    models = shelf.of(question.tenant, question.model_id)
    status = wake(hosting, now) if question.wake and models else hosting.status()
    return ModelAnswer(endpoint=status, models=tuple(models))
