"""An endpoint on demand: who wakes it, and who takes it down."""

from datetime import timedelta

import pytest

from contracts.documents.hosting import EndpointStatus, ModelQuestion
from contracts.documents.model import ModelRecord
from domain.serving.endpoint import (
    FAILURE_PAUSE,
    RELEASE_CHECKS,
    EndpointStaysError,
    answer,
    reap,
    release,
    wake,
)
from tests.fakes.endpoint_lifecycle import MemoryEndpointLifecycle
from tests.fakes.models import MemoryModels
from tests.unit.training_kit import NOON, job_id

IDLE = timedelta(minutes=60)


def tenant_models() -> MemoryModels:
    models = MemoryModels()
    for number, created in ((1, "2026-11-20"), (2, "2026-11-21")):
        models.record(
            ModelRecord(
                tenant="acme",
                model_id=job_id(number),
                target_model=f"{job_id(number)}-{'a' * 12}.tar.gz",
                weights_sha256="a" * 64,
                base_id="portraits-sdxl",
                trigger_word="sks",
                endpoint_name="endpoint",
                created_at=created,
            )
        )
    return models


def test_an_absent_endpoint_is_started_once() -> None:
    lifecycle = MemoryEndpointLifecycle()
    assert (wake(lifecycle, NOON), wake(lifecycle, NOON)) == ("starting", "starting")


def test_an_account_without_quota_gets_none() -> None:
    lifecycle = MemoryEndpointLifecycle()
    lifecycle.quota_is_zero = True
    assert (wake(lifecycle, NOON), lifecycle.created) == ("absent", 0)


def test_one_that_failed_makes_room_for_a_new_one_after_a_rest() -> None:
    lifecycle = MemoryEndpointLifecycle(status="failed", used=NOON)
    just_before = NOON + FAILURE_PAUSE - timedelta(seconds=1)
    assert [wake(lifecycle, NOON), wake(lifecycle, just_before)] == ["failed", "failed"]
    later = NOON + FAILURE_PAUSE
    assert (wake(lifecycle, later), wake(lifecycle, later)) == ("deleting", "starting")


@pytest.mark.parametrize("status", ["absent", "failed", "in_service"])
def test_cloudformations_endpoint_is_left_alone(status: EndpointStatus) -> None:
    lifecycle = MemoryEndpointLifecycle(on_demand=False, status=status)
    assert wake(lifecycle, NOON) == status
    assert not reap(lifecycle, IDLE, NOON)
    assert lifecycle.status() == status


def test_an_endpoint_goes_after_its_idle_time_and_not_before() -> None:
    lifecycle = MemoryEndpointLifecycle()
    wake(lifecycle, NOON)
    assert not reap(lifecycle, IDLE, NOON), "still starting"
    lifecycle.started(NOON)
    assert not reap(lifecycle, IDLE, NOON + IDLE - timedelta(seconds=1))
    assert reap(lifecycle, IDLE, NOON + IDLE)
    assert lifecycle.status() == "absent"


def test_a_returning_user_sees_the_newest_model_first_and_wakes_the_endpoint() -> None:
    lifecycle = MemoryEndpointLifecycle()
    asleep = answer(ModelQuestion(tenant="acme"), lifecycle, tenant_models(), NOON)
    assert asleep.endpoint == "absent"
    assert [model.model_id for model in asleep.models] == [job_id(2), job_id(1)]
    assert (
        answer(ModelQuestion(tenant="acme", wake=True), lifecycle, tenant_models(), NOON).endpoint
        == "starting"
    )


def test_a_stranger_wakes_nothing_and_sees_nobodys_models() -> None:
    lifecycle = MemoryEndpointLifecycle()
    question = ModelQuestion(tenant="mallory", model_id=job_id(1), wake=True)
    found = answer(question, lifecycle, tenant_models(), NOON)
    assert (found.endpoint, found.models) == ("absent", ())


def test_nobody_wakes_an_endpoint_while_cloudformation_changes_the_stack() -> None:
    lifecycle = MemoryEndpointLifecycle()
    lifecycle.stack_is_busy = True
    assert (wake(lifecycle, NOON), lifecycle.created) == ("starting", 0)
    lifecycle.stack_is_busy = False
    assert (wake(lifecycle, NOON), lifecycle.created) == ("starting", 1)


def test_an_endpoint_that_cloudformation_left_behind_is_neither_reaped_nor_made_anew() -> None:
    running = MemoryEndpointLifecycle(status="in_service", cloudformations=True)
    assert not reap(running, IDLE, NOON)
    failed = MemoryEndpointLifecycle(status="failed", cloudformations=True)
    assert wake(failed, NOON) == "failed"


@pytest.mark.parametrize("status", ["in_service", "failed", "starting", "deleting"])
def test_what_cloudformation_has_made_is_never_released(status: EndpointStatus) -> None:
    lifecycle = MemoryEndpointLifecycle(status=status, cloudformations=True)
    release(lifecycle, pytest.fail)
    assert lifecycle.status() == status


@pytest.mark.parametrize("status", ["in_service", "failed"])
def test_what_was_made_on_demand_is_released(status: EndpointStatus) -> None:
    lifecycle = MemoryEndpointLifecycle(status=status)
    release(lifecycle, int)
    assert lifecycle.status() == "absent"


def test_an_endpoint_that_starts_is_released_once_it_has_started() -> None:
    lifecycle = MemoryEndpointLifecycle(status="starting")
    pauses = iter(range(RELEASE_CHECKS))

    def pause() -> None:
        if next(pauses) == 2:
            lifecycle.started(NOON)

    release(lifecycle, pause)
    assert (lifecycle.status(), next(pauses)) == ("absent", 4)


def test_an_endpoint_that_never_settles_is_told_with_what_to_do() -> None:
    with pytest.raises(EndpointStaysError, match=r"still starting.*repeat the deployment"):
        release(MemoryEndpointLifecycle(status="starting"), int)
