"""An endpoint's instances, and which of them answers a call.

SageMaker's guide, "Supported algorithms, frameworks, and instances for multi-model endpoints" and
"How multi-model endpoints work" (read 2026-11): a model's calls go to the instances that have
loaded it; when they have many and there are others, some go to another one, which loads the model
too. How many are many, the guide does not say. An instance that leaves gets no more calls, and ends
when those that it has are answered ("Scale in", the guide to automatic scaling, says that no call
is lost).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Condition

from local.sagemaker import host
from local.sagemaker.container.calls import Reply
from local.sagemaker.hosting.instance import Instance

MANY_REQUESTS = 4
"""Requests of an instance from which on a model's calls go to a quieter one, which loads it."""


DRAIN_SECONDS = 90
"""How long an instance that leaves may take to answer; a call ends after 60 seconds."""


class FleetClosedError(Exception):
    """The fleet takes no more calls: its endpoint has another one, or is gone."""


class Fleet:
    """The instances of one endpoint; calls may come from any thread."""

    def __init__(self, make: Callable[[], Instance]) -> None:
        """Begin without instances; ``make`` returns one that is not started."""
        self._make = make
        self._lock = Condition()
        self._instances: list[Instance] = []
        self._calls: dict[Instance, int] = {}
        """Requests of each instance that are not answered."""
        self._starting: list[Instance] = []
        self._leaving: list[Instance] = []
        """Instances that get no more calls, and have some that are not answered."""
        self._closed = False
        self._stopped = False

    @property
    def variant(self) -> str:
        """Name of the production variant."""
        return self._instances[0].variant

    def resize(self, count: int) -> None:
        """Change the number of instances; return when new ones answer /ping and old ones are gone.

        Raises:
            ContainerFault: one of the new instances did not start; none of them stays.
        """
        with self._lock:
            unused = self._instances[count:]
            self._instances = self._instances[:count]
            self._leaving += unused
            missing = count - len(self._instances)
        self._drain(unused)
        self._add([self._make() for _ in range(missing)])

    def _add(self, new: list[Instance]) -> None:
        """Start instances at the same time, and route calls to them when all have started."""
        with self._lock:
            self._starting = new
        started = [start(instance) for instance in new]
        faults = [fault for one in started if (fault := one.exception()) is not None]
        with self._lock:
            unwanted = bool(faults) or self._stopped
            self._starting = []
            if not unwanted:
                self._instances += new
                self._calls |= dict.fromkeys(new, 0)
        if unwanted:
            for instance in new:
                instance.stop()
        if faults:
            raise faults[0]

    def retire(self) -> None:
        """Take no more calls, and stop when those that came are answered."""
        with self._lock:
            self._closed = True
            instances = list(self._instances)
        self._drain(instances)
        self.stop()

    def _drain(self, instances: list[Instance]) -> None:
        """Stop instances that get no more calls, each when its calls are answered."""
        for instance in instances:
            with self._lock:
                self._lock.wait_for(partial(self._may_end, instance), DRAIN_SECONDS)
            instance.stop()
        with self._lock:
            self._leaving = [one for one in self._leaving if one not in instances]

    def _may_end(self, instance: Instance) -> bool:
        return self._stopped or self._calls[instance] == 0

    def stop(self) -> None:
        """Stop all instances at once, also those that start or leave."""
        with self._lock:
            self._closed = self._stopped = True
            instances = [*self._instances, *self._starting, *self._leaving]
            self._lock.notify_all()
        for instance in instances:
            instance.stop()

    def invoke(self, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Have an instance answer.

        Raises:
            ServiceError: an error of InvokeEndpoint.
            FleetClosedError: the fleet takes no more calls.
        """
        with self._chosen(target) as instance:
            return instance.invoke(target, body, headers)

    @contextmanager
    def _chosen(self, target: str) -> Iterator[Instance]:
        """Yield the instance for a call; it counts as this instance's until the block ends."""
        with self._lock:
            if self._closed:
                raise FleetClosedError
            instance = self._choose(target)
            self._calls[instance] += 1
        try:
            yield instance
        finally:
            with self._lock:
                self._calls[instance] -= 1
                self._lock.notify_all()

    def _choose(self, target: str) -> Instance:
        """Return an instance that has the model, or the quietest one."""
        healthy = [one for one in self._instances if one.healthy] or self._instances
        quiet = min(healthy, key=lambda one: (self._calls[one], len(one.models.loaded())))
        homes = [one for one in healthy if one.models.has(target)]
        if not homes:
            return quiet
        home = min(homes, key=self._calls.__getitem__)
        many = self._calls[home] >= MANY_REQUESTS and self._calls[quiet] < self._calls[home]
        return quiet if many else home


def start(instance: Instance) -> "Future[None]":
    """Start an instance on a thread of its own."""
    done: Future[None] = Future()

    def work() -> None:
        try:
            instance.start()
            done.set_result(None)
        except BaseException as fault:  # noqa: BLE001 (whoever waits raises it)
            done.set_exception(fault)

    host.in_background("start-instance", work)
    return done
