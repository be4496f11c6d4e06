"""An endpoint on demand: created when a model is needed, deleted when nobody calls it.

A multi-model endpoint cannot scale to zero, so an unused one costs as much as a used one. With
CreateEndpoint=on-demand, CloudFormation owns only the model and the endpoint's configuration.

The endpoint that CloudFormation makes with CreateEndpoint=true has the same name. A tag says who
has made an endpoint, and only its maker deletes it (docs/decisions/0033-who-made-it-owns-it.md).
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from contracts.documents.hosting import EndpointStatus, ModelAnswer, ModelQuestion
from domain.ports.endpoint import EndpointLifecycle
from domain.ports.models import Models

FAILURE_PAUSE = timedelta(minutes=15)
"""Time before a failed endpoint is created again: its cause is seldom gone at once, and every
attempt pays for an instance until it fails."""

RELEASE_CHECKS = 270
RELEASE_PAUSE_SECONDS = 3.0
"""How often `release` looks, and its pause: 13.5 minutes in all, less than its function's 15. An
endpoint that is being created cannot be deleted before that has ended, often after ten minutes."""


class EndpointStaysError(Exception):
    """The on-demand endpoint could not be deleted in time."""

    def __init__(self, status: EndpointStatus) -> None:
        super().__init__(
            f"the endpoint that was made on demand is still {status}: it cannot be deleted while it"
            " is being created. Wait some minutes, then repeat the deployment or the deletion."
        )


def wake(lifecycle: EndpointLifecycle, now: datetime) -> EndpointStatus:
    """Create the endpoint if it is on demand and absent; return its status.

    ``absent`` afterwards: CloudFormation owns it, or the account's quota for its type is 0.
    """
    status = lifecycle.status()
    if not lifecycle.on_demand or status not in {"absent", "failed"}:
        return status
    if lifecycle.stack_changes():  # CloudFormation may be making or deleting one of this name
        return "starting"
    if status == "failed":  # its name is taken until it is gone; the next call creates it again
        if not lifecycle.made_on_demand() or lifecycle.changed(now, FAILURE_PAUSE):
            return "failed"
        lifecycle.delete()
        return "deleting"
    return "starting" if lifecycle.create() else "absent"


def reap(lifecycle: EndpointLifecycle, idle: timedelta, now: datetime) -> bool:
    """Delete the endpoint when nobody has called it for this long; return whether it was done."""
    if not lifecycle.on_demand or lifecycle.status() != "in_service":
        return False
    if not lifecycle.made_on_demand():
        return False
    if lifecycle.last_used(now, idle):
        return False
    lifecycle.delete()
    return True


def release(lifecycle: EndpointLifecycle, pause: Callable[[], object]) -> None:
    """Delete an endpoint that was made on demand, and return when its name is free.

    An endpoint that CloudFormation has made is left alone.

    Raises:
        EndpointStaysError: it is still there after RELEASE_CHECKS.
    """
    status: EndpointStatus = "absent"
    for _ in range(RELEASE_CHECKS):
        status = lifecycle.status()
        if status == "absent" or not lifecycle.made_on_demand():
            return
        if status in {"in_service", "failed"}:
            lifecycle.delete()
        pause()
    raise EndpointStaysError(status)


def answer(
    question: ModelQuestion, lifecycle: EndpointLifecycle, models: Models, now: datetime
) -> ModelAnswer:
    """Return the tenant's models and the endpoint's status; wake the endpoint when asked to.

    A tenant without a model cannot wake the endpoint.
    """
    found = models.of(question.tenant, question.model_id)
    status = wake(lifecycle, now) if question.wake and found else lifecycle.status()
    return ModelAnswer(endpoint=status, models=tuple(found))
