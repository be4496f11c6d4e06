"""An endpoint on demand: created when a model is needed, deleted when nobody calls it.

A multi-model endpoint cannot scale to zero, so an unused one costs as much as a used one. With
CreateEndpoint=on-demand, CloudFormation owns only the model and the endpoint's configuration.
"""

from datetime import datetime, timedelta

from contracts.documents.hosting import EndpointStatus, ModelAnswer, ModelQuestion
from domain.ports.endpoint import EndpointLifecycle
from domain.ports.models import Models

FAILURE_PAUSE = timedelta(minutes=15)
"""Time before a failed endpoint is created again: its cause is seldom gone at once, and every
attempt pays for an instance until it fails."""


def wake(lifecycle: EndpointLifecycle, now: datetime) -> EndpointStatus:
    """Create the endpoint if it is on demand and absent; return its status."""
    status = lifecycle.status()
    if not lifecycle.on_demand or status not in {"absent", "failed"}:
        return status
    if status == "failed":  # its name is taken until it is gone; the next call creates it again
        if lifecycle.changed(now, FAILURE_PAUSE):
            return "failed"
        lifecycle.delete()
        return "deleting"
    lifecycle.create()
    return "starting"


def reap(lifecycle: EndpointLifecycle, idle: timedelta, now: datetime) -> bool:
    """Delete the endpoint when nobody has called it for this long; return whether it was done."""
    if not lifecycle.on_demand or lifecycle.status() != "in_service":
        return False
    if lifecycle.last_used(now, idle):
        return False
    lifecycle.delete()
    return True


def answer(
    question: ModelQuestion, lifecycle: EndpointLifecycle, models: Models, now: datetime
) -> ModelAnswer:
    """Return the tenant's models and the endpoint's status; wake the endpoint when asked to.

    A tenant without a model cannot wake the endpoint.
    """
    found = models.of(question.tenant, question.model_id)
    status = wake(lifecycle, now) if question.wake and found else lifecycle.status()
    return ModelAnswer(endpoint=status, models=tuple(found))
