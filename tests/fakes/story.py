"""A story: the stages around a training under faults, in virtual time, from one seed.

Lambdas die before or after any side effect and are called again, run into each other at any call,
read an index that is out of date; events come twice, late or never; SageMaker refuses, breaks and
stops; executions are redriven. Then the weather clears and everything must have ended once.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingEvent
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from domain.ports.storage import read_document
from domain.training.following import follow, reconcile
from domain.training.launching import launch
from domain.training.queueing import queue_for_training
from domain.training.services import LaunchServices, TrainingServices
from tests.fakes.callbacks import MemoryCallbacks
from tests.unit.training_kit import NOON, SETTINGS, World, given, inspect, job_id, spec

UPLOADS, STORMY_TICKS, CALM_TICKS = 6, 60, 40
TICK = timedelta(seconds=20)
TICKS_IN_A_MINUTE = 3


class CrashError(Exception):
    """A Lambda that was killed."""


class Weather:
    """Decides what goes wrong."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.stormy = True
        self.depth = 0

    def strikes(self, chance: float) -> bool:
        return self.stormy and self.dice.random() < chance


class Unreliable:
    """A fake whose every call may crash before or after, or be overtaken by another Lambda."""

    def __init__(self, fake: Any, weather: Weather, overtake: Callable[[], None]) -> None:
        self._fake, self._weather, self._overtake = fake, weather, overtake
        self._old_rows: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._fake, name)

        def call(*args: Any, **named: Any) -> Any:
            if self._weather.strikes(0.02):
                raise CrashError
            if self._weather.strikes(0.1):
                self._overtake()
            answer = method(*args, **named)
            if name in {"queued", "in_training"}:
                answer = self._stale(name, answer)
            if self._weather.strikes(0.02):
                raise CrashError
            return answer

        return call

    def _stale(self, name: str, event: list[JobRecord]) -> list[JobRecord]:
        """An index lags behind its table."""
        old = self._old_rows.get(name, event)
        self._old_rows[name] = event
        return old if self._weather.strikes(0.2) else event


class Story:
    """Uploads that wait for their adapters, and a world that does its worst."""

    def __init__(self, seed: int, max_batch: int = 1) -> None:
        self.weather = Weather(seed)
        self.settings = replace(SETTINGS, quota=1, max_batch=max_batch)
        self.world = World()
        self.now = NOON
        self.tokens: dict[int, list[str]] = {}
        self.waiting_calls: list[tuple[int, str]] = []
        self.event: list[TrainingEvent] = []
        self.entering: set[int] = set()
        self.successes: Counter[str] = Counter()

    # --- what our code talks to

    def services(self) -> TrainingServices:
        return TrainingServices(*(self._unreliable(part) for part in self._parts()))

    def launching(self) -> LaunchServices:
        return LaunchServices(self.services(), self.world.bases, self.settings)

    def _parts(self) -> tuple[Any, ...]:
        world = self.world
        return world.jobs, world.models, world.trainer, world.callbacks

    def _unreliable(self, fake: Any) -> Any:
        return Unreliable(fake, self.weather, self.overtake)

    def overtake(self) -> None:
        """Another Lambda runs through while this one is between two calls."""
        if self.weather.depth >= 2:
            return
        self.weather.depth += 1
        self.now += timedelta(seconds=1)
        lambdas = [self.do_launch, self.do_reconcile, self.deliver, self.redrive, self.train]
        self.invoke(self.weather.dice.choice(lambdas))
        self.weather.depth -= 1

    @staticmethod
    def invoke(stage: Callable[[], object]) -> bool:
        """Run a Lambda; False: it died."""
        try:
            stage()
        except CrashError:
            return False
        return True

    def do_launch(self) -> None:
        launch(self.launching(), self.now)

    def do_reconcile(self) -> None:
        reconcile(self.services(), self.now)

    # --- Step Functions

    def upload(self, number: int) -> None:
        job = spec(number, f"tenant-{number % 2}")
        self.world.jobs.claim(job, f"arn:execution:{number}", self.now)
        inspect(self.world.models, job)
        self.enter(number)

    def enter(self, number: int) -> None:
        """The state is entered: a new token, and a call that is repeated until it succeeds."""
        tokens = self.tokens.setdefault(number, [])
        tokens.append(self.world.callbacks.wait(f"token-{number}-{len(tokens)}"))
        self.waiting_calls.append((number, tokens[-1]))

    def call_train_adapter(self) -> None:
        for call in tuple(self.waiting_calls):
            if call in self.waiting_calls and self.invoke(partial(self.do_train_adapter, *call)):
                self.waiting_calls = [other for other in self.waiting_calls if other != call]

    def do_train_adapter(self, number: int, token: str) -> None:
        if number in self.entering:
            raise CrashError
        self.entering.add(number)
        try:
            self.ask_train_adapter(number, token)
        finally:
            self.entering.remove(number)

    def ask_train_adapter(self, number: int, token: str) -> None:
        services = self.services()
        asked = given(number, token, f"tenant-{number % 2}")
        queue_for_training(asked, services.jobs, services.models, services.callbacks, self.now)

    def redrive(self) -> None:
        """An execution is aborted or has failed, here or in a later state, and is redriven."""
        number = self.weather.dice.choice(list(self.tokens))
        if number in self.entering:
            return  # a person is slower than a Lambda that has begun
        token = self.tokens[number][-1]
        self.callbacks.waiting.discard(token)
        self.waiting_calls = [call for call in self.waiting_calls if call[1] != token]
        if self.weather.strikes(0.5):  # notify_outcome has sent the notice meanwhile
            self.world.jobs.finish(job_id(number), "failed", "canceled", self.now)
            self.world.jobs.reopen(
                job_id(number), f"arn:execution:{number}", "TrainAdapter", self.now
            )
        self.enter(number)
        self.call_train_adapter()

    @property
    def callbacks(self) -> MemoryCallbacks:
        return self.world.callbacks

    # --- SageMaker

    def train(self) -> None:
        """Let a running job take a step towards one of its ends."""
        for name in self.world.trainer.running():
            mine = self.users_of(name)
            if self.weather.dice.random() < 0.4:  # it goes on
                continue
            if self.weather.strikes(0.15):
                fault = self.weather.dice.choice(["InternalServerError: x", "AlgorithmError: x"])
                self.write_results(name, mine[: self.weather.dice.randrange(len(mine))])
                self.world.trainer.end(name, "Failed", fault)
            else:
                self.write_results(name, mine)
                fault = "InternalServerError: x" if self.weather.strikes(0.1) else ""
                self.world.trainer.end(name, "Failed" if fault else "Completed", fault)
            self.announce({"TrainingJobName": name, "TrainingJobStatus": "Completed"})

    def users_of(self, name: str) -> list[int]:
        """The users that a training job trains."""
        plan = read_document(
            self.world.models, layout.models.plan_key(plan_id_of_name(name)), TrainingPlan
        )
        return [int(task.job_id, 16) for task in plan.tasks]

    def write_results(self, name: str, numbers: list[int]) -> None:
        for number in numbers:
            failure = "training_diverged" if self.weather.strikes(0.2) else None
            key = self.world.write_result_of(number, name, failure)
            self.successes[job_id(number)] += failure is None
            self.announce({"bucket": {"name": "models"}, "object": {"key": key}})

    def announce(self, detail: dict[str, Any]) -> None:
        """An event: lost, once or twice, in any order."""
        copies = 0 if self.weather.strikes(0.1) else 1 + self.weather.strikes(0.2)
        for _ in range(copies):
            place = self.weather.dice.randint(0, len(self.event))
            self.event.insert(place, TrainingEvent.model_validate({"detail": detail}))

    def deliver(self) -> None:
        for event in tuple(self.event):
            if not self.weather.strikes(0.3) and self.invoke(partial(self.do_follow, event)):
                self.event = [other for other in self.event if other is not event]

    def do_follow(self, event: TrainingEvent) -> None:
        follow(self.services(), event, self.now)

    # --- time

    def tick(self, number: int) -> None:
        self.now += TICK
        self.call_train_adapter()
        self.world.trainer.limit = 0 if self.weather.strikes(0.1) else 2
        self.invoke(self.do_launch)
        self.train()
        self.check_never_twice_at_once()
        self.deliver()
        if number % TICKS_IN_A_MINUTE == 0:
            self.invoke(self.do_reconcile)
        if self.weather.strikes(0.1):
            self.redrive()

    def check_never_twice_at_once(self) -> None:
        users = Counter(n for name in self.world.trainer.running() for n in self.users_of(name))
        assert max(users.values(), default=1) == 1, "trained twice at once"

    def play(self) -> "Story":
        for number in range(UPLOADS):
            self.upload(number)
        for number in range(STORMY_TICKS):
            self.tick(number)
        self.weather.stormy = False
        for number in range(CALM_TICKS):
            self.tick(number)
        return self

    def complaints(self) -> list[str]:
        """What went wrong, in one word each; nothing, when everything ended once."""
        unanswered = any(t[-1] not in self.callbacks.answers for t in self.tokens.values())
        return [
            word
            for word, wrong in (
                ("lost", unanswered),
                ("stuck in training", bool(self.world.jobs.in_training())),
                ("stuck in the queue", bool(self.world.jobs.queued())),
                ("trained twice", max(self.successes.values()) > 1),
            )
            if wrong
        ]


def story_of(seed: int) -> Story:
    """Tell a seed's story to its end; batches of one, two or three users."""
    return Story(seed, max_batch=1 + seed % 3).play()
