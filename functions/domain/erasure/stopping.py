"""The tombstone, and the end of all work on what is to be erased.

Accepting an upload, or exporting data, stores a lease and then looks for tombstones. An erasure
stores the tombstone and then looks for leases. So one of the two sees the other.
"""

from datetime import datetime

from contracts.documents.erasure import ErasureAnswer, ErasureSubject, SignedReceipt, WorkStopped
from contracts.documents.record import JobRecord
from contracts.errors import StageInputError, SubjectErasedError
from contracts.shared import layout
from domain.erasure.erasing import places_of, rows_in, uploaded_places
from domain.erasure.reach import Reach, reach_of
from domain.erasure.services import StoppingServices
from domain.ports.consents import Consents
from domain.ports.erasure import Executions
from domain.ports.storage import find_document
from domain.training.verdicts import LAUNCH_GRACE


def withdraw_consent(
    subject: ErasureSubject, services: StoppingServices, consents: Consents, now: datetime
) -> ErasureAnswer:
    """Store that the consent was taken back, and erase what it had allowed.

    The withdrawal is stored first. After a crash in between the record has it, and the same call
    again erases. It is stored too where nothing is left to be erased. Uploads with the same content
    have the same job and the same consent: their photos go too, each with a receipt of its own.
    """
    others = same_content(subject, services, consents)
    for one in (subject, *others):
        consents.withdraw(one, now)
    for one in others:
        request_erasure(one, services, now)
    return request_erasure(subject, services, now)


def same_content(
    subject: ErasureSubject, services: StoppingServices, consents: Consents
) -> list[ErasureSubject]:
    """Return the tenant's other uploads with the content of this one: one job stands for them."""
    if subject.kind != "upload":
        return []
    rows, given = services.erasures.rows_of(subject.tenant).uploads, consents.of(subject.tenant)
    pointer = rows.get(subject.upload or "")
    jobs = {one.model_id for one in given if one.upload == subject.upload}
    if pointer is not None and pointer.points_to is not None:
        jobs.add(pointer.points_to)
    found = [
        *(upload for upload, row in rows.items() if row.points_to in jobs),
        *(one.upload for one in given if one.model_id in jobs),
    ]
    others = sorted({*found} - {subject.upload or ""})
    return [ErasureSubject(tenant=subject.tenant, upload=upload) for upload in others]


def request_erasure(
    subject: ErasureSubject, services: StoppingServices, now: datetime
) -> ErasureAnswer:
    """Store the tombstone, stop what goes on, and start erase_subject.

    From this moment on nothing of the subject is accepted, trained or drawn. A second call of the
    same changes nothing, and says how far the first one is. Files that have come since, by a form
    that was signed before, it erases.
    """
    erasure, erasure_id = services.erasures.find(subject.erasure_id), subject.erasure_id
    uri = services.models.uri(layout.models.receipt_key(erasure_id))
    is_done = erasure is not None and erasure.finished_at is not None
    if is_done and not came_back(subject, services):
        key = layout.models.receipt_key(erasure_id)
        receipt = find_document(services.models, key, SignedReceipt)
        return ErasureAnswer(
            erasure_id=erasure_id, outcome="erased", receipt_uri=uri, receipt=receipt
        )
    reach = reach_of(subject, services)
    if erasure is None and not is_known(reach, services):
        return ErasureAnswer(erasure_id=erasure_id, outcome="unknown")
    stop_reached(reach, services, now)
    services.executions.start_erasure(subject, again=is_done)
    return ErasureAnswer(erasure_id=erasure_id, outcome="erasing", receipt_uri=uri)


def is_known(reach: Reach, services: StoppingServices) -> bool:
    """Return whether there is anything of the subject; another tenant's model is unknown.

    A tenant is known by any row and any sign-in, too: it may have a key and no photo yet.
    """
    subject = reach.subject
    if reach.job_ids or subject.model_id is not None:
        return bool(reach.job_ids)
    if subject.upload is not None:
        prefix = layout.uploads.upload_prefix(subject.tenant, subject.upload)
        return bool(reach.uploads) or any(services.uploads_versions.held(prefix))
    places = places_of(reach, services)
    held = any(any(place.bucket.held(place.prefix)) for place in places)
    return held or bool(rows_in(reach, services).total())


def came_back(subject: ErasureSubject, services: StoppingServices) -> bool:
    """Return whether files of an erased subject were uploaded later.

    An archive that the tenant has asked for since has nothing of an erased upload in it.
    """
    reach = Reach(subject, records=(), uploads=(), accepting=(), models=())
    return any(
        any(place.bucket.held(place.prefix))
        for place in uploaded_places(reach, services)
        if reach.is_tenant or place.store != "data exports"
    )


def stop_work(subject: ErasureSubject, services: StoppingServices, now: datetime) -> WorkStopped:
    """Stop all work on the subject; return how much has not ended yet.

    Raises:
        StageInputError: the tenant has no such thing, and never had.
    """
    reach = reach_of(subject, services)
    if services.erasures.find(subject.erasure_id) is None and not is_known(reach, services):
        raise StageInputError(fields="subject")  # another tenant's model, or nothing at all
    stop_reached(reach, services, now)
    working = sum(is_worked_on(record, services, now) for record in reach.records)
    accepting = sum(until > now.isoformat() for until in reach.accepting)
    leases = services.erasures.exporting(subject.tenant)
    exporting = sum(until > now.isoformat() for until in leases)
    return WorkStopped(open=working + accepting + exporting)


def stop_reached(reach: Reach, services: StoppingServices, now: datetime) -> None:
    """Store the tombstones, tell the endpoint's servers, and end every wait and training job."""
    services.erasures.entomb(reach.subject, now)
    for job_id in reach.job_ids:
        services.models.write(layout.models.erased_model_key(job_id), b"")
    for record in reach.records:
        services.erasures.stop_job(record, now)
        stop_job(record, services, now)


def stop_job(record: JobRecord, services: StoppingServices, now: datetime) -> None:
    """Stop a job's training and end its wait.

    A training job that trains others as well is stopped too: their jobs are trained again, alone,
    while this one's photos would stay on the instance until the last of them is done.
    """
    if record.training_job_name is not None and record.queue == "training":
        services.trainer.stop(record.training_job_name)
    if record.queue is not None:
        settle_erased(record, services, now)


def settle_erased(record: JobRecord, services: StoppingServices, now: datetime) -> None:
    """Answer the token of the waiting state."""
    if record.task_token is not None:
        error = SubjectErasedError()
        name = type(error).__name__
        services.callbacks.fail(record.task_token, name, str(error), record.job_id)
        services.jobs.leave_queue(record.job_id, record.task_token, now)


def is_worked_on(record: JobRecord, services: StoppingServices, now: datetime) -> bool:
    """Return whether an execution or a training job may still write something of the job."""
    return is_running(record, services.executions) or is_trained(record, services, now)


def is_running(record: JobRecord, executions: Executions) -> bool:
    """Return whether the job's execution goes on, and with it perhaps a stage."""
    return executions.is_running(record.execution_arn)


def is_trained(record: JobRecord, services: StoppingServices, now: datetime) -> bool:
    """Return whether the training job has not ended; one that is being created counts."""
    name = record.training_job_name
    if name is None:
        return False
    state = services.trainer.describe(name)
    if state is None:
        since = now - datetime.fromisoformat(record.updated_at)
        return since < LAUNCH_GRACE
    if not state.ended:
        services.trainer.stop(name)
    return not state.ended
