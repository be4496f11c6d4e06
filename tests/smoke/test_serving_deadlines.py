"""Which requests the engine gives up for their deadlines, by a clock that only drawing moves."""

from typing import Any

import pytest

pytest.importorskip("torch")

from serving.engine.engine import Engine
from serving.engine.jobs import Job
from serving.engine.speed import Speed
from serving.picture_request import Sampling
from serving.rows import Row
from tests.smoke import serving_kit as kit
from tests.smoke.test_serving_base import MemoryArtist

pytestmark = pytest.mark.serving

SIDE = 1000
STEP_SECONDS, DECODE_SECONDS = 2.0, 1.0


class TimedArtist(MemoryArtist):
    """Draws nothing, and takes its time for it."""

    now = 0.0

    def step(self, drawings: Any) -> None:
        super().step(drawings)
        self.now += STEP_SECONDS

    def decode(self, drawing: Any, *, tiled: bool = False) -> Any:
        self.now += DECODE_SECONDS
        return super().decode(drawing, tiled=tiled)


class Asked:
    """An engine whose users have asked for pictures."""

    def __init__(self, speed: Speed) -> None:
        self.artist = TimedArtist()
        self.engine = Engine(self.artist, kit.PLENTY, speed, 8, clock=lambda: self.artist.now)

    def ask(self, user: str, steps: int, seconds: float) -> Job:
        """Ask for one picture of one million pixels, which must be there in so many seconds."""
        row = Row(f"of {user}", None, 1, 1.0, Sampling(steps, SIDE, SIDE, "DDIMScheduler"))
        now = self.artist.now
        job = Job([row], 1, user, lambda _job: None, deadline=now + seconds, received=now)
        self.engine.submit(job)
        return job

    def draw(self) -> None:
        while self.engine.tick():
            pass


def code_of(job: Job) -> str:
    return job.error.code if job.error else "drawn"


def test_a_lone_request_is_drawn_however_wrong_the_expectation_is() -> None:
    asked = Asked(Speed(0.0, per_megapixel=1e3, decode_per_megapixel=1e3))
    job = asked.ask("anna", steps=4, seconds=20)
    asked.draw()
    assert code_of(job) == "drawn"


def test_what_lone_requests_took_is_expected_of_those_that_meet() -> None:
    asked = Asked(Speed(0.0, per_megapixel=20.0, decode_per_megapixel=20.0))
    for _ in range(20):
        asked.ask("anna", steps=4, seconds=20)
        asked.draw()
    jobs = [asked.ask(user, steps=4, seconds=25) for user in ("anna", "ben")]
    asked.draw()
    assert [code_of(job) for job in jobs] == ["drawn", "drawn"]


def test_a_lone_request_ends_at_its_deadline() -> None:
    asked = Asked(Speed(0.0, per_megapixel=STEP_SECONDS, decode_per_megapixel=DECODE_SECONDS))
    job = asked.ask("anna", steps=60, seconds=20)
    asked.draw()
    assert code_of(job) == "not_in_time"
    assert asked.artist.now == pytest.approx(20, abs=STEP_SECONDS)
    assert asked.engine.counts.dropped == 1


def test_a_hopeless_request_keeps_no_other_waiting() -> None:
    asked = Asked(Speed(0.0, per_megapixel=STEP_SECONDS, decode_per_megapixel=DECODE_SECONDS))
    hopeless, short = asked.ask("anna", steps=60, seconds=20), asked.ask("ben", 4, seconds=20)
    asked.draw()
    assert (code_of(hopeless), code_of(short)) == ("not_in_time", "drawn")
    assert hopeless.steps == 0
    assert asked.artist.now == 4 * STEP_SECONDS + DECODE_SECONDS
