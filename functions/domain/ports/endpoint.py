"""What the rules need of the multi-model endpoint: its lifecycle, and calls to its models."""

from datetime import datetime, timedelta
from typing import Protocol

from contracts.documents.hosting import EndpointStatus


class EndpointLifecycle(Protocol):
    """Creates and deletes the endpoint, and says what state it is in."""

    @property
    def on_demand(self) -> bool:
        """Whether functions may create and delete the endpoint; False: CloudFormation owns it."""
        ...

    def status(self) -> EndpointStatus:
        """Return the endpoint's status."""
        ...

    def made_on_demand(self) -> bool:
        """Return whether a function has made the existing endpoint; False: CloudFormation has."""
        ...

    def stack_changes(self) -> bool:
        """Return whether CloudFormation changes the stack now, and perhaps the endpoint with it."""
        ...

    def create(self) -> bool:
        """Start the endpoint, if it does not exist; False: the account may have none of its type.

        Where the account's instances are all in use, nothing starts either: a later call may do it.
        """
        ...

    def delete(self) -> None:
        """Delete the endpoint; do nothing when it is gone already."""
        ...

    def instances(self) -> int | None:
        """Return how many instances the endpoint has; None while it is not running or changes."""
        ...

    def waiting(self, now: datetime, within: timedelta) -> float:
        """Return the most requests that were inside each device's base, as a minute's mean."""
        ...

    def gpu_percent(self, now: datetime, within: timedelta) -> float:
        """Return the mean use of an instance's GPUs together; of four it is up to 400 percent."""
        ...

    def resize(self, instances: int) -> None:
        """Change the endpoint's number of instances; it answers meanwhile."""
        ...

    def changed(self, now: datetime, within: timedelta) -> bool:
        """Return whether the endpoint was created, came up or failed within this time."""
        ...

    def last_used(self, now: datetime, within: timedelta) -> bool:
        """Return whether the endpoint was created, changed or called within this time."""
        ...


class EndpointInvoker(Protocol):
    """Sends requests to the models of the endpoint."""

    @property
    def name(self) -> str:
        """The endpoint's name, as InvokeEndpoint takes it."""
        ...

    def invoke(self, target_model: str, body: bytes) -> bytes:
        """Return the model's answer.

        Raises:
            ModelNotReadyError: the model is loading, or the endpoint has no room; try again.
            EndpointMissingError: there is no endpoint.
            WarmUpFailedError: the model refuses the request.
        """
        ...
