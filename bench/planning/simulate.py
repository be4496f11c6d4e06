"""Ten thousand uploads in ten minutes against a simulated SageMaker, in virtual time.

Usage: python -m bench.planning.simulate [--uploads N] [--seeds N]
The real planner, launcher (with its keep-alive rule) and follower run on memory fakes. Simulated
are SageMaker's start-up (20 s from a warm pool, 180 s cold), the load of the base (10 s and 60 s),
a fixed training time for each user, the quota of instances, and the rate of CreateTrainingJob: one
a second with a burst of ten. The comparison is one cold training job for each user, first come
first served, on as many instances. Two more parts simulate warm pools under ten arrival patterns,
and stories of faults. Prints the tables and writes reports/simulate.json; exits 1 when a target is
missed.
"""

import argparse
import heapq
import itertools
import logging
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from bench.planning import keep_alive
from bench.report import Figure, finish
from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingEvent
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from domain.ports.storage import read_document
from domain.ports.trainer import CreateOutcome, Run
from domain.pricing.prices import USD_PER_HOUR
from domain.training.billing import settle_ended
from domain.training.following import follow, follow_result, reconcile
from domain.training.launching import launch
from domain.training.services import LaunchServices
from tests.fakes.jobs import MemoryJobs
from tests.fakes.notice_story import NoticeStory
from tests.fakes.story import story_of
from tests.fakes.training import MemoryTrainer
from tests.unit.training_kit import NOON, SETTINGS, World, inspect, job_id, spec

BURST_SECONDS = 600
COLD_START, COLD_LOAD = 180.0, 60.0
WARM_START, WARM_LOAD = 20.0, 10.0
MAX_KEEP_ALIVE = 600
REQUESTS_BURST = 10
MAX_BATCH = 100
INSTANCE = "ml.g6e.2xlarge"
LONG_ENOUGH = 30.0
"""Training seconds of a user above which the start-up is a small part."""
WAIT_TARGETS_AT, WAIT_TARGETS = 20, {10.0: 20.0, 30.0: 8.0}
"""Targets at this quota: how many times shorter the median wait is, by seconds a user."""
REPLAY = "LIKENESS_SEED={seed} .venv/tools/bin/pytest tests/unit/domain/test_chaos.py"
CELLS = [(quota, user) for quota in (20, 100) for user in (10.0, 30.0, 130.0)]


class Figures(NamedTuple):
    """The results of one cell; times in seconds."""

    makespan: float
    median_wait: float
    training_jobs: int
    warm: int
    billed: float


class Pool(NamedTuple):
    """An instance in a warm pool; times in seconds."""

    since: float
    until: float


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
        self.pools: list[Pool] = []
        """Warm pools, ordered by the time at which they went idle."""
        self.created: dict[str, datetime] = {}
        self.warm, self.billed = 0, 0.0
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
        gone = [pool for pool in self.pools if pool.until < self.clock.seconds]
        self.billed += sum(pool.until - pool.since for pool in gone)
        self.pools = [pool for pool in self.pools if pool.until >= self.clock.seconds]
        if self.pools:
            self.billed += self.clock.seconds - self.pools.pop().since
            self.warm += 1
            self.on_start(name, WARM_START + WARM_LOAD)
        else:
            self.on_start(name, COLD_START + COLD_LOAD)

    def finish(self, name: str, billed: float) -> None:
        """End a job; its instance stays warm for the keep-alive period of the request."""
        now = self.clock.seconds
        self.end(name, ran=Run(self.created[name], self.clock.now()))
        self.billed += billed
        seconds = self.requests[name]["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0)
        if seconds:
            self.pools.append(Pool(now, now + seconds))


class Simulation:
    """One cell: uploads, and the Lambda functions that events and schedules invoke."""

    def __init__(self, uploads: int, quota: int, user_seconds: float) -> None:
        self.uploads, self.clock = uploads, Clock()
        self.trainer = SimulatedTrainer(self.clock, quota, user_seconds)
        self.trainer.on_start = self.train
        self.world = World(jobs=IndexedJobs(), trainer=self.trainer)
        settings = replace(
            SETTINGS,
            quota=quota,
            max_batch=MAX_BATCH,
            keep_alive_seconds=MAX_KEEP_ALIVE,
        )
        self.launching = LaunchServices(self.world.services, self.world.bases, settings)
        self.launch_is_due = False
        self.waits: list[float] = []

    def run(self) -> Figures:
        """Run until every upload has its adapter."""
        for number in range(self.uploads):
            at = BURST_SECONDS * number / self.uploads
            self.clock.after(at, partial(self.upload, number))
        self.every_minute()
        self.clock.run_while(lambda: len(self.waits) < self.uploads)
        return Figures(
            makespan=self.clock.seconds,
            median_wait=statistics.median(self.waits),
            training_jobs=len(self.trainer.requests),
            warm=self.trainer.warm,
            billed=self.trainer.billed,
        )

    def upload(self, number: int) -> None:
        """Put one upload into the queue, as TrainAdapter does."""
        job = spec(number, f"tenant-{number % 50}")
        now = self.clock.now()
        self.world.jobs.claim(job, f"arn:{number}", now)
        inspect(self.world.models, job)
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
        plan_key = layout.plan_key(plan_id_of_name(name))
        plan = read_document(self.world.models, plan_key, TrainingPlan)
        for position, task in enumerate(plan.tasks, start=1):
            after = begun + position * self.trainer.user_seconds
            self.clock.after(after, partial(self.result, name, int(task.job_id, 16)))
        worked = begun + len(plan.tasks) * self.trainer.user_seconds
        self.clock.after(worked + 1, partial(self.ended, name, worked))

    def result(self, name: str, number: int) -> None:
        """Follow the result of one user."""
        key = self.world.write_result_of(number, name)
        follow_result(self.world.services, key, self.clock.now())
        if job_id(number) not in self.world.callbacks.answers:
            raise RuntimeError("a result was not followed")
        self.waits.append(self.clock.seconds - BURST_SECONDS * number / self.uploads)

    def ended(self, name: str, billed: float) -> None:
        """End a job; its event invokes follow_training and launch_training."""
        self.trainer.finish(name, billed)
        event = TrainingEvent.model_validate({"detail": {"TrainingJobName": name}})
        settle_ended(self.world.services, event, self.clock.now())
        follow(self.world.services, event, self.clock.now())
        self.schedule_launch()


def one_job_for_each(uploads: int, quota: int, user_seconds: float) -> Figures:
    """Return the results of cold jobs with one user each, limited by the quota."""
    service = COLD_START + COLD_LOAD + user_seconds
    free = [0.0] * quota
    waits, last = [], 0.0
    for number in range(uploads):
        arrival = BURST_SECONDS * number / uploads
        end = max(arrival, number - REQUESTS_BURST, heapq.heappop(free)) + service
        heapq.heappush(free, end)
        waits.append(end - arrival)
        last = max(last, end)
    return Figures(last, statistics.median(waits), uploads, 0, uploads * service)


def lower_bound(uploads: int, quota: int, user_seconds: float) -> float:
    """Return the makespan when every instance starts cold once and then only trains."""
    return COLD_START + COLD_LOAD + uploads * user_seconds / quota


def burst(uploads: int) -> list[Figure]:
    """Return the figures of every cell."""
    print(f"{uploads} uploads in {BURST_SECONDS} s, {INSTANCE}, LargestBatch {MAX_BATCH}")
    found = []
    for quota, user_seconds in CELLS:
        ours = Simulation(uploads, quota, user_seconds).run()
        naive = one_job_for_each(uploads, quota, user_seconds)
        found += figures_of_cell(ours, naive, uploads, quota, user_seconds)
    return found


def figures_of_cell(
    ours: Figures, naive: Figures, uploads: int, quota: int, user_seconds: float
) -> list[Figure]:
    """Return the figures of one cell with their targets."""
    cell = f"quota {quota}, {user_seconds:g} s a user"
    over = ours.makespan / lower_bound(uploads, quota, user_seconds)
    sooner = naive.median_wait / ours.median_wait
    asked = WAIT_TARGETS.get(user_seconds) if quota == WAIT_TARGETS_AT else None
    adapter = USD_PER_HOUR[INSTANCE] * ours.billed / 3600 / uploads
    warm = 100 * ours.warm / ours.training_jobs
    bound = 1.1 if user_seconds >= LONG_ENOUGH else 1.3
    return [
        Figure(f"{cell}: makespan", ours.makespan, "s"),
        Figure(f"{cell}: makespan over the lower bound", over, "x", bound, "less"),
        Figure(f"{cell}: median wait", ours.median_wait, "s"),
        Figure(f"{cell}: median wait, one job for each over ours", sooner, "x", asked),
        Figure(f"{cell}: warm starts of {ours.training_jobs} training jobs", warm, "%"),
        Figure(f"{cell}: cost of an adapter", adapter, "USD"),
    ]


def stories(seeds: int) -> list[Figure]:
    """Return the number of failed fault stories; print each bad seed with its command."""
    wrong: Counter[str] = Counter()
    repeats = 0
    for seed in range(seeds):
        notice_story = NoticeStory(seed).play()
        repeats += notice_story.repeats
        for complaint in story_of(seed).complaints() + notice_story.complaints():
            wrong[complaint] += 1
            print(f"seed {seed}: {complaint}; {REPLAY.format(seed=seed)}")
    names = ("lost", "trained twice", "stuck in training", "stuck in the queue")
    return [
        *(Figure(f"{seeds} stories: {n}", wrong[n], "", 0, "less") for n in names),
        Figure(f"{seeds} stories: endings without a notice", wrong["no notice"], "", 0, "less"),
        Figure(f"{seeds} stories: endings with two notices", wrong["two notices"], "", 0, "less"),
        Figure(f"{seeds} stories: messages sent again under their notice_id", repeats),
    ]


def main() -> int:
    """Print the tables; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description="Ten thousand uploads, in virtual time.")
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=2000)
    options = parser.parse_args()
    logging.disable()  # the rules log every fault, and the stories contain many
    found = burst(options.uploads) + keep_alive.figures() + stories(options.seeds)
    return finish("simulate", found)


if __name__ == "__main__":
    sys.exit(main())
