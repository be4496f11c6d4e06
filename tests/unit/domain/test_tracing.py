"""An ended training job joins the trace of each upload that it trained."""

from dataclasses import replace
from datetime import timedelta

from contracts.documents.stages import TrainingEvent
from domain.ports.trainer import JobStatus
from domain.training.launching import launch
from domain.training.tracing import trace_ended
from tests.fakes.traces import MemoryTraces
from tests.unit.training_kit import NOON, World, job_id

HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
STARTED, ENDED = NOON + timedelta(minutes=3), NOON + timedelta(minutes=20)


def event(name: str) -> TrainingEvent:
    detail = {"TrainingJobName": name, "TrainingJobStatus": "Completed"}
    return TrainingEvent.model_validate({"source": "aws.sagemaker", "detail": detail})


def in_training(*, traced: bool = True) -> tuple[World, str]:
    world = World()
    world.enter(1)
    if traced:
        world.jobs.record_trace(job_id(1), HEADER)
    launch(world.launching, NOON)
    return world, world.name_of(1)


def end(world: World, name: str, status: JobStatus = "Completed") -> None:
    world.trainer.states[name] = replace(
        world.trainer.states[name],
        status=status,
        created_at=NOON,
        started_at=STARTED,
        ended_at=ENDED,
        billable_seconds=1020,
    )


def test_a_training_job_is_drawn_from_its_creation_to_its_end() -> None:
    world, name = in_training()
    end(world, name)
    traces = MemoryTraces()
    assert trace_ended(world.services, traces, event(name))
    start, training = traces.segments.values()
    assert (start.started_at, start.ended_at) == (NOON, STARTED)
    assert (training.started_at, training.ended_at) == (STARTED, ENDED)
    assert {start.trace_header, training.trace_header} == {HEADER}
    assert training.annotations["training_job_name"] == name
    assert training.annotations["billable_seconds"] == 1020
    assert not training.fault


def test_a_failed_training_job_is_a_fault() -> None:
    world, name = in_training()
    end(world, name, "Failed")
    traces = MemoryTraces()
    trace_ended(world.services, traces, event(name))
    assert all(segment.fault for segment in traces.segments.values())


def test_a_repeated_event_replaces_the_segments() -> None:
    world, name = in_training()
    end(world, name)
    traces = MemoryTraces()
    for _ in range(2):
        trace_ended(world.services, traces, event(name))
    assert len(traces.segments) == 2


def test_a_training_job_that_never_got_an_instance_only_waited() -> None:
    world, name = in_training()
    end(world, name, "Stopped")
    world.trainer.states[name] = replace(world.trainer.states[name], started_at=None)
    traces = MemoryTraces()
    trace_ended(world.services, traces, event(name))
    (segment,) = traces.segments.values()
    assert (segment.name, segment.ended_at) == ("start of an instance", ENDED)


def test_nothing_is_drawn_of_a_running_job_an_untraced_one_or_a_stranger_s() -> None:
    traces = MemoryTraces(refuses=True)
    world, name = in_training()
    assert trace_ended(world.services, traces, event(name))
    end(world, name)
    assert trace_ended(world.services, traces, event("somebody-elses"))
    untraced, other = in_training(traced=False)
    end(untraced, other)
    assert trace_ended(untraced.services, traces, event(other))


def test_a_refusal_is_told_and_raises_nothing() -> None:
    world, name = in_training()
    end(world, name)
    assert not trace_ended(world.services, MemoryTraces(refuses=True), event(name))
