"""A SageMaker in virtual time, and the Lambda functions around a training that run against it."""

import heapq
import itertools
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from contracts.documents.capacity import CapacityMode
from contracts.documents.money import Estimate
from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingEvent
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from domain.ports.storage import read_document
from domain.ports.trainer import CreateOutcome, Run
from domain.pricing.estimating import START_SECONDS
from domain.training.billing import settle_ended
from domain.training.capacity import INTERRUPTIONS_PER_HOUR, LOST_SHARE, SPOT_WAIT
from domain.training.following import follow, follow_result, reconcile
from domain.training.launching import launch
from domain.training.services import LaunchServices
from tests.fakes.jobs import MemoryJobs
from tests.fakes.training import MemoryTrainer
from tests.unit.training_kit import NOON, SETTINGS, World, inspect, job_id, spec

COLD_START, COLD_LOAD = 180.0, 60.0
WARM_START, WARM_LOAD = 20.0, 10.0
MAX_KEEP_ALIVE = 600
REQUESTS_BURST = 10
MAX_BATCH = 100
INSTANCE = "ml.g6e.2xlarge"
SPOT_DISCOUNT = 0.6


class Figures(NamedTuple):
    """The results of one cell; times in seconds."""

    makespan: float
    median_wait: float
    training_jobs: int
    warm: int
    billed: float
    """Seconds at the on-demand price."""
    spot: int = 0
    """Training jobs on spot instances."""


class Pool(NamedTuple):
    """The instances of a training job in a warm pool; times in seconds."""

    since: float
    until: float
    instances: int


class Clock:
    """Virtual time and the events to come."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, happens: Callable[[], None]) -> None:
        """Schedule an event."""
        heapq.heappush(self._events, (self.seconds + seconds, next(self._numbers), happens))

    def now(self) -> datetime:
        """Return the time as a datetime."""
        return NOON + timedelta(seconds=self.seconds)

    def run_while(self, unfinished: Callable[[], bool]) -> None:
        """Run events in order of time."""
        while self._events and unfinished():
            self.seconds, _, happens = heapq.heappop(self._events)
            happens()


class IndexedJobs(MemoryJobs):
    """MemoryJobs with the table's queue index, as scanning ten thousand rows is slow."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str | None, dict[str, None]] = {}

    def _change(self, job_id: str, now: datetime, **changes: object) -> None:
        self._lines.setdefault(self.records[job_id].queue, {}).pop(job_id, None)
        super()._change(job_id, now, **changes)
        self._lines.setdefault(self.records[job_id].queue, {})[job_id] = None

    def _waiting_for(self, queue: str) -> list[JobRecord]:
        return [self.records[job_id] for job_id in self._lines.get(queue, {})]


class SimulatedTrainer(MemoryTrainer):
    """SageMaker whose instances start, stay warm, and train one user after another."""

    def __init__(self, clock: Clock, quota: int, user_seconds: float) -> None:
        super().__init__(limit=quota)
        self.clock, self.user_seconds = clock, user_seconds
        self.on_start: Callable[[str, float], None] = lambda *_: None
        """Called with each started job, and the seconds until it begins to train."""
        self.dice = random.Random(1)  # noqa: S311 - a simulation
        self.pools: list[Pool] = []
        """Warm pools, ordered by the time at which they went idle."""
        self.created: dict[str, datetime] = {}
        self.warm, self.spot, self.billed = 0, 0, 0.0
        self._tokens, self._since = float(REQUESTS_BURST), 0.0

    def create(self, request: dict[str, Any]) -> CreateOutcome:
        """Start a job, unless the quota or the request rate is exceeded."""
        if not self._may_ask():
            return self.refusal
        outcome = super().create(request)
        if outcome == "created":
            self.created[request["TrainingJobName"]] = self.clock.now()
            self._start(request["TrainingJobName"])
        return outcome

    def _may_ask(self) -> bool:
        """Take a token from a bucket that gains one token a second."""
        passed, self._since = self.clock.seconds - self._since, self.clock.seconds
        self._tokens = min(REQUESTS_BURST, self._tokens + passed)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _start(self, name: str) -> None:
        count = self.states[name].instances
        gone = [pool for pool in self.pools if pool.until < self.clock.seconds]
        self.billed += sum(pool.instances * (pool.until - pool.since) for pool in gone)
        self.pools = [pool for pool in self.pools if pool.until >= self.clock.seconds]
        fitting = [pool for pool in self.pools if pool.instances == count]
        if self.is_spot(name):
            self.spot += 1
            waited = self.dice.expovariate(1 / SPOT_WAIT)
            self.on_start(name, COLD_START + waited + COLD_LOAD)
        elif fitting:
            self.pools.remove(fitting[-1])
            self.billed += count * (self.clock.seconds - fitting[-1].since)
            self.warm += 1
            self.on_start(name, WARM_START + WARM_LOAD)
        else:
            self.on_start(name, COLD_START + COLD_LOAD)

    def is_spot(self, name: str) -> bool:
        """Return whether a job runs on spot instances."""
        return bool(self.requests[name]["EnableManagedSpotTraining"])

    def interruptions(self, name: str, work_seconds: float) -> int:
        """Return how often a job is interrupted, on any of its instances."""
        if not self.is_spot(name):
            return 0
        expected = INTERRUPTIONS_PER_HOUR * self.states[name].instances * work_seconds / 3600
        left, count = self.dice.expovariate(1), 0
        while left < expected:
            left, count = left + self.dice.expovariate(1), count + 1
        return count

    def finish(self, name: str, billed: float) -> None:
        """End a job; its instances stay warm for the keep-alive period of the request."""
        now, count = self.clock.seconds, self.states[name].instances
        self.end(name, ran=Run(self.created[name], self.clock.now()))
        self.billed += count * billed * (1 - SPOT_DISCOUNT if self.is_spot(name) else 1)
        seconds = self.requests[name]["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0)
        if seconds:
            self.pools.append(Pool(now, now + seconds, count))


@dataclass(frozen=True)
class Stack:
    """The settings of one simulation."""

    quota: int
    user_seconds: float
    """Training seconds of a user."""
    mode: CapacityMode = "warm"
    max_instances: int = 1


class Simulation:
    """One cell: uploads, and the Lambda functions that events and schedules invoke."""

    def __init__(self, arrivals: Sequence[float], stack: Stack) -> None:
        self.arrivals, self.stack, self.clock = arrivals, stack, Clock()
        self.trainer = SimulatedTrainer(self.clock, stack.quota, stack.user_seconds)
        self.trainer.on_start = self.train
        self.world = World(jobs=IndexedJobs(), trainer=self.trainer)
        settings = replace(
            SETTINGS,
            quota=stack.quota,
            max_batch=MAX_BATCH,
            keep_alive_seconds=MAX_KEEP_ALIVE,
            capacity_mode=stack.mode,
            spot_discount=SPOT_DISCOUNT,
            max_instances=stack.max_instances,
            instance_type=INSTANCE,
        )
        self.launching = LaunchServices(self.world.services, self.world.bases, settings)
        self.launch_is_due = False
        self.waits: list[float] = []

    def run(self) -> Figures:
        """Run until every upload has its adapter."""
        for number, at in enumerate(self.arrivals):
            self.clock.after(at, partial(self.upload, number))
        self.every_minute()
        self.clock.run_while(lambda: len(self.waits) < len(self.arrivals))
        return Figures(
            makespan=self.clock.seconds,
            median_wait=statistics.median(self.waits),
            training_jobs=len(self.trainer.requests),
            warm=self.trainer.warm,
            billed=self.trainer.billed,
            spot=self.trainer.spot,
        )

    def upload(self, number: int) -> None:
        """Put one upload into the queue, as TrainAdapter does."""
        job = spec(number, f"tenant-{number % 50}")
        now = self.clock.now()
        self.world.jobs.claim(job, f"arn:{number}", now)
        inspect(self.world.models, job)
        seconds = round(START_SECONDS + self.stack.user_seconds)
        self.world.jobs.record_estimate(
            job.job_id, Estimate(steps=1, seconds=seconds, usd=None), None
        )
        self.world.jobs.enqueue(job.job_id, self.world.callbacks.wait(job.job_id), now)
        self.schedule_launch()

    def schedule_launch(self) -> None:
        """Schedule the launcher; the table's stream batches the changes of one second."""
        if not self.launch_is_due:
            self.launch_is_due = True
            self.clock.after(1, self.launch)

    def launch(self) -> None:
        """Invoke launch_training."""
        self.launch_is_due = False
        launch(self.launching, self.clock.now())

    def every_minute(self) -> None:
        """Invoke the functions that run on a schedule."""
        reconcile(self.world.services, self.clock.now())
        self.launch()
        self.clock.after(60, self.every_minute)

    def train(self, name: str, begun: float) -> None:
        """Schedule the results of a job's users, and its end."""
        plan_key = layout.models.plan_key(plan_id_of_name(name))
        plan = read_document(self.world.models, plan_key, TrainingPlan)
        ends = [self.train_share(name, begun, share) for share in shares_of(plan)]
        self.clock.after(max(ends) + 1, partial(self.ended, name, max(ends)))

    def train_share(self, name: str, begun: float, job_ids: Sequence[str]) -> float:
        """Schedule the results of one instance's users; return when it has finished."""
        seconds, work = self.stack.user_seconds, len(job_ids) * self.stack.user_seconds
        breaks = self.trainer.interruptions(name, work)
        late = breaks * (COLD_START + SPOT_WAIT + COLD_LOAD + LOST_SHARE * seconds)
        after = self.trainer.dice.randrange(len(job_ids))
        for position, job_id_ in enumerate(job_ids):
            end = begun + (position + 1) * seconds + (late if position >= after else 0.0)
            self.clock.after(end, partial(self.result, name, int(job_id_, 16)))
        return begun + work + late

    def result(self, name: str, number: int) -> None:
        """Follow the result of one user."""
        key = self.world.write_result_of(number, name)
        follow_result(self.world.services, key, self.clock.now())
        if job_id(number) not in self.world.callbacks.answers:
            raise RuntimeError("a result was not followed")
        self.waits.append(self.clock.seconds - self.arrivals[number])

    def ended(self, name: str, billed: float) -> None:
        """End a job; its event invokes follow_training and launch_training."""
        self.trainer.finish(name, billed)
        event = TrainingEvent.model_validate({"detail": {"TrainingJobName": name}})
        settle_ended(self.world.services, event, self.clock.now())
        follow(self.world.services, event, self.clock.now())
        self.schedule_launch()


def shares_of(plan: TrainingPlan) -> list[list[str]]:
    """Return the job ids that each instance trains."""
    job_ids = iter([task.job_id for task in plan.tasks])
    return [list(itertools.islice(job_ids, share)) for share in plan.shares or (len(plan.tasks),)]
