"""The training job in the trace of each upload that it trained: one trace from upload to notice.

X-Ray's own segments end at TrainAdapter, whose state waits for a task token. The training job runs
outside every function, so it is added when it has ended.
"""

from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingEvent, TrainingJobDetail
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.names import parse_training_job_name
from domain.ports.storage import find_document
from domain.ports.traces import Segment, Traces
from domain.ports.trainer import TrainingState
from domain.training.services import TrainingServices


def trace_ended(services: TrainingServices, traces: Traces, event: TrainingEvent) -> bool:
    """Add an ended training job to the traces of its users; False when X-Ray did not take it.

    A repeated event replaces the segments, and a lost one loses them: a trace is no record.
    """
    if not isinstance(event.detail, TrainingJobDetail):
        return True
    name = event.detail.training_job_name
    named, state = parse_training_job_name(name), services.trainer.describe(name)
    if named is None or state is None or not state.ended:
        return True
    plan = find_document(services.models, layout.models.plan_key(named.plan_id), TrainingPlan)
    tasks = () if plan is None else plan.tasks
    records = [services.jobs.get(task.job_id) for task in tasks]
    segments = [
        segment
        for record in records
        if record is not None
        for segment in segments_of(record, state)
    ]
    return traces.put(segments) if segments else True


def segments_of(record: JobRecord, state: TrainingState) -> list[Segment]:
    """Return the wait for an instance and the training, in the trace of one job."""
    header, created, ended = record.trace_header, state.created_at, state.ended_at
    if header is None or created is None or ended is None:
        return []
    facts: dict[str, str | int] = {
        "job_id": record.job_id,
        "training_job_name": state.name,
        "instance_type": state.instance_type,
        "billable_seconds": state.billable_seconds,
    }
    failed = state.status != "Completed"
    started = state.started_at
    parts = [
        ("start of an instance", created, started or ended),
        ("training job", started or ended, ended),
    ]
    return [
        Segment(header, name, f"{state.name} {name}", since, until, failed, facts)
        for name, since, until in parts
        if until > since
    ]
