"""domain.serving.endpoint.Hosting and Models in memory."""

from datetime import datetime, timedelta

from contracts.documents.hosting import EndpointStatus


class MemoryEndpointLifecycle:
    """One endpoint; a test lets it start by ``started``."""

    def __init__(
        self,
        *,
        on_demand: bool = True,
        status: EndpointStatus = "absent",
        used: datetime | None = None,
        cloudformations: bool = False,
    ) -> None:
        self.on_demand = on_demand
        self.now: EndpointStatus = status
        self.used = used
        self.cloudformations = cloudformations
        """Whether CloudFormation has made the endpoint that exists."""
        self.stack_is_busy = False
        self.quota_is_zero = False
        """Whether the account may have no instance of the endpoint's type."""
        self.created = 0
        self.count: int | None = 1
        """Instances; None while the endpoint changes."""
        self.crowd = (0.0, 0.0)
        """Requests inside each base, within the last five minutes and within a longer time."""
        self.gpu = (0.0, 0.0)
        """Use of an instance's GPUs together in percent, within the same times."""

    def made_on_demand(self) -> bool:
        return self.now != "absent" and not self.cloudformations

    def stack_changes(self) -> bool:
        return self.stack_is_busy

    def status(self) -> EndpointStatus:
        return self.now

    def create(self) -> bool:
        if self.quota_is_zero:
            return False
        if self.now == "absent":
            self.now, self.cloudformations = "starting", False
            self.created += 1
        return True

    def started(self, moment: datetime) -> None:
        self.now, self.used = "in_service", moment

    def delete(self) -> None:
        self.now = "absent"

    def instances(self) -> int | None:
        return self.count if self.now == "in_service" else None

    def waiting(self, now: datetime, within: timedelta) -> float:
        assert now
        return self.crowd[within > timedelta(minutes=5)]

    def gpu_percent(self, now: datetime, within: timedelta) -> float:
        assert now
        return self.gpu[within > timedelta(minutes=5)]

    def resize(self, instances: int) -> None:
        self.count = instances

    def changed(self, now: datetime, within: timedelta) -> bool:
        return self.last_used(now, within)

    def last_used(self, now: datetime, within: timedelta) -> bool:
        return self.used is not None and self.used > now - within
