"""A story about one upload: it fails, is redriven, ends well or is cut off; which notices are sent?

Every Lambda may die before or after any side effect and is called again until it is through; events
of an ending come late, twice, in the middle of another Lambda, or after the redrive. At the end
every ending must have a notice, and none two different ones.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from contracts.documents.stages import ExecutionEnded
from domain.failures.causes import RaisedAgainError
from domain.failures.redrive import fail_job
from domain.notices.notices import notify_failure, notify_owner
from domain.notices.services import NoticeServices
from domain.notices.uncaught import notify_outcome
from tests.fakes.intake import NOW
from tests.unit.domain.test_notices import ARN, Office, event_text, failed, redriven, trained

ENDINGS: tuple[Literal["ready", "FAILED", "TIMED_OUT"], ...] = ("ready", "FAILED", "TIMED_OUT")
MAX_REDRIVES = 3


class KilledError(Exception):
    """A Lambda that was killed."""


class Mortal:
    """A fake whose every call may be the last of its Lambda, or be overtaken by another one."""

    def __init__(self, fake: Any, story: "NoticeStory") -> None:
        self._fake, self._story = fake, story

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._fake, name)

        def call(*args: Any, **named: Any) -> Any:
            self._story.strike()
            answer = method(*args, **named)
            self._story.strike()
            return answer

        return call


class NoticeStory:
    """One seed, one upload."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.office = Office()
        self.job = self.office.accept()
        self.late: list[Callable[[], object]] = []
        """Events of earlier endings that are still on their way."""
        self.endings = 0
        self.inside = False

    def strike(self) -> None:
        """Kill the Lambda that runs, or let another one run through it."""
        if self.dice.random() < 0.06:
            raise KilledError
        if self.late and not self.inside and self.dice.random() < 0.1:
            self.inside = True
            self.through(self.late.pop())
            self.inside = False

    @property
    def notice_services(self) -> NoticeServices:
        notice_services = self.office.notice_services
        return NoticeServices(
            Mortal(notice_services.documents, self),
            Mortal(notice_services.jobs, self),
            Mortal(notice_services.notifier, self),
        )

    def through(self, function: Callable[[], object]) -> None:
        """Call until it is through, as Step Functions and Lambda do; perhaps once more."""
        for _ in range(1 + (self.dice.random() < 0.2)):
            while True:
                try:
                    function()
                except KilledError:
                    continue
                break

    def play(self) -> "NoticeStory":
        """End, and be redriven, until it ended well or nobody redrives any more."""
        for redrive in range(MAX_REDRIVES + 1):
            ending = self.dice.choice(ENDINGS)
            self.endings += 1
            self.end(ending, redrive)
            if ending == "ready" or redrive == MAX_REDRIVES:
                break
            if ending == "FAILED":
                self.take_up(redrive + 1)
            else:
                self.office.intake.jobs.reopen(self.job.job_id, ARN, "WarmModel", NOW)
        while self.late:
            self.through(self.late.pop())
        return self

    def end(self, ending: Literal["ready", "FAILED", "TIMED_OUT"], redrive: int) -> None:
        """Every function that sees this ending sends the notice."""
        if ending == "ready":
            given, models = trained(self.job, self.office.intake), self.office.models
            self.through(lambda: notify_owner(given, self.notice_services, models, NOW))
            return
        if ending == "FAILED":
            self.through(partial(self.notify_failure, redrive))
        detail = {"executionArn": ARN, "status": ending, "input": event_text()}
        event = ExecutionEnded.model_validate({"detail": {**detail, "redriveCount": redrive}})
        events = [lambda: notify_outcome(event, self.notice_services, NOW)] * self.dice.randint(
            1, 3
        )
        if ending == "TIMED_OUT":  # no state sends this notice, so the redrive comes after it
            self.through(events.pop())
        self.late += events

    def notify_failure(self, redrive: int) -> None:
        """Run the state that every failure leads to."""
        notify_failure(failed("KeyError", self.job, redrive), self.notice_services, NOW)

    def take_up(self, redrive_count: int) -> None:
        """FailJob runs again after a redrive, and the stage that had failed after it."""
        given = redriven(failed("KeyError", self.job, redrive_count - 1), redrive_count)
        try:
            self.through(lambda: fail_job(given, Mortal(self.office.intake.jobs, self), NOW))
        except RaisedAgainError:  # pragma: no cover - this execution's job is always taken up
            raise AssertionError("a redrive was refused") from None

    def complaints(self) -> list[str]:
        """What an owner would complain about."""
        different = {notice.notice_id for notice in self.office.notifier.published}
        found = []
        if len(different) < self.endings:
            found.append("no notice")
        if len(different) > self.endings:
            found.append("two notices")
        return found

    @property
    def repeats(self) -> int:
        """Messages that came again under the same notice_id: a crash in between."""
        sent = [notice.notice_id for notice in self.office.notifier.published]
        return len(sent) - len(set(sent))
