"""A model that nobody draws with: its owner is told 30 days before, and then it is erased."""

from datetime import datetime, timedelta

import pytest

from contracts.documents.erasure import ErasureSubject
from contracts.shared import layout
from contracts.shared.people.retention import UNUSED_MODELS
from domain.erasure.unused import UnusedServices, end_unused, first_look
from tests.fakes.erasure import MemoryEraser, MemoryUnusedModels
from tests.fakes.jobs import MemoryJobs
from tests.fakes.notifier import MemoryNotifier, TopicGoneError
from tests.fakes.storage import MemoryStorage
from tests.unit.training_kit import NOON, job_id, spec

DAY = timedelta(days=1)


class World:
    """A model that was published at noon."""

    def __init__(self) -> None:
        self.notifier, self.eraser = MemoryNotifier(), MemoryEraser()
        self.models, self.jobs = MemoryStorage("models"), MemoryJobs()
        self.rows = MemoryUnusedModels()
        self.jobs.claim(spec(1), "arn:1", NOON)
        self.rows.add(spec(1), first_look(NOON, UNUSED_MODELS))
        self.services = UnusedServices(
            self.rows, self.jobs, self.models, self.notifier, self.eraser
        )

    def used(self, at: datetime, ident: str = job_id(1)) -> None:
        """Let a server write down a day, as it does."""
        self.models.write(layout.models.used_key(ident), at.date().isoformat().encode())

    def look(self, days: float) -> int:
        """Look so many days after the publication."""
        return end_unused(self.services, UNUSED_MODELS, NOON + days * DAY)

    @property
    def announced(self) -> list[str]:
        return [notice.code for notice in self.notifier.published]


def test_an_owner_is_told_thirty_days_before_and_the_model_is_erased_after_a_year() -> None:
    world = World()
    assert (world.look(334.9), world.announced) == (0, [])
    assert (world.look(335), world.announced) == (0, ["model_unused"])
    notice = world.notifier.published[0]
    assert (notice.tenant, notice.upload, notice.job_id) == ("acme", "u1", job_id(1))
    assert "within 30 days" in notice.text
    assert (world.look(364.9), world.announced) == (0, ["model_unused"])
    assert world.look(365) == 1
    assert world.eraser.asked == [ErasureSubject(tenant="acme", model_id=job_id(1))]
    assert world.look(400) == 0


def test_the_owner_of_a_disabled_model_is_told_to_appeal_first() -> None:
    for disabled in (False, True):
        world = World()
        if disabled:
            world.models.write(layout.models.disabled_model_key(job_id(1)), b"")
        world.look(335)
        text = world.notifier.published[0].text
        assert ("first appeal" in text) is disabled
        assert "within 30 days" in text


def test_an_owner_is_told_how_long_a_short_time_leaves() -> None:
    world = World()
    end_unused(world.services, 9 * DAY, NOON + 400 * DAY)
    assert "within 5 days" in world.notifier.published[0].text


@pytest.mark.parametrize("day", [100, 340, 364])
def test_one_picture_keeps_a_model_for_another_year(day: int) -> None:
    world = World()
    if day > 335:
        world.look(335)
    world.used(NOON + day * DAY)
    before = len(world.announced)
    for later in (335, 365, day + 334):
        assert world.look(later) == 0
    assert len(world.announced) == before, "who was told before is told anew"
    world.look(day + 336)
    assert len(world.announced) == before + 1
    assert world.look(day + 367) == 1


def test_servers_know_a_sweep_s_model_by_its_best_trial() -> None:
    world = World()
    world.jobs.claim(spec(2), "arn:1", NOON)
    record = world.jobs.records[job_id(1)]
    world.jobs.records[job_id(1)] = record.model_copy(update={"trials": (job_id(2),)})
    world.used(NOON + 200 * DAY, job_id(2))
    assert (world.look(335), world.announced) == (0, [])


def test_a_stack_that_keeps_all_models_tells_nobody() -> None:
    world = World()
    assert end_unused(world.services, timedelta(), NOON + 4000 * DAY) == 0
    assert world.announced == []


def test_of_a_short_time_half_is_left_after_the_notice() -> None:
    assert first_look(NOON, 10 * DAY) == NOON + 5 * DAY


def test_a_notice_that_fails_is_sent_at_the_next_look() -> None:
    world = World()
    world.notifier.away = True
    with pytest.raises(TopicGoneError):
        world.look(336)
    world.notifier.away = False
    world.look(336)
    assert world.announced == ["model_unused"]
    assert world.look(365) == 0, "thirty days begin with the notice"
    assert world.look(366) == 1
