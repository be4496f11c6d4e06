"""Accept an upload: pin its files, read its request, name the job, claim it."""

from datetime import datetime

from contracts.base import BaseCard
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import Acceptance, AcceptedUpload, JobSpec, PinnedObject
from contracts.documents.stages import AcceptRequestInput
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError, QuotaUsedUpError, SubjectErasedError
from contracts.shared import layout
from contracts.shared.people.faces import REAL_FACES
from domain.intake.adapter_files import problem_with_adapter
from domain.intake.job_ids import name_job
from domain.intake.request_checks import (
    check_base_options,
    check_captioner,
    check_consent,
    check_names,
    check_prompts,
    check_run,
    store_problems,
)
from domain.intake.request_sources import read_request
from domain.intake.services import IntakeServices
from domain.intake.uploads import PinnedUpload, Place, name_of, pin_upload, place_of, subjects_of
from domain.ports.erasure import Tombstones
from domain.ports.storage import write_document
from domain.pricing.quotas import exhausted, span_of
from domain.requests.consent import consents_of
from domain.requests.merge import MergedRequest
from domain.requests.subjects import subject_of_photo


def accept_request(
    given: AcceptRequestInput, services: IntakeServices, now: datetime
) -> Acceptance:
    """Accept the upload, or find that the same content was accepted before.

    Raises:
        InvalidUploadError: the request's key is not one of a request.
        InvalidRequestError: the request has problems, which are stored for the notice, or asks for
            a captioner or a machine that the stack does not have, or for an option that its base
            does not have, or names somebody on the operator's list, or has a prompt that nobody can
            draw.
        ConsentRefusedError: the request lacks the consent that the stack requires for people.
        TooManyPhotosError: there are more photos than one training may use.
        SubjectErasedError: the tenant, the upload or a model of the same content was erased.
        ArchiveRefusedError: an archive is damaged, unsafe, too large or too slow.
        QuotaUsedUpError: the tenant may not begin a further training now.
    """
    place = place_of(given.event.detail.object.key)
    of_place = subjects_of(place)
    check_not_erased(services.tombstones, *of_place)  # before the upload gets a row again
    services.tombstones.begin_accepting(*place, now)
    try:
        check_not_erased(services.tombstones, *of_place)
        return accept_place(place, given, services, now)
    finally:
        services.tombstones.end_accepting(*place)


def check_not_erased(tombstones: Tombstones, *subjects: ErasureSubject) -> None:
    """Let nothing come back that was erased.

    Raises:
        SubjectErasedError: one of the subjects has a tombstone.
    """
    if tombstones.is_erased(*subjects):
        raise SubjectErasedError


def accept_place(
    place: Place, given: AcceptRequestInput, services: IntakeServices, now: datetime
) -> Acceptance:
    """Accept the upload of this place; see ``accept_request`` for what it raises."""
    upload = pin_upload(services.uploads, place, services.archives)
    merged = read_request(given, services, place, upload)
    upload, adapter = split_import(upload, merged.request, services, place)
    upload = with_subjects(upload, merged.request, services, place)
    check_consent(merged.request, services, place, now)
    check_names(merged.request, services, place)
    check_captioner(merged.request, services.captioner_id)
    check_run(merged.request, services, place)
    base = services.bases.card(services.bases.base_id)
    check_base_options(merged.request, base, services, place)
    check_prompts(merged.request, base, services, place)
    merged = crop_to_faces(merged, base)
    captioner = services.captioner_id if merged.request.autocaption else None
    models = base.sha256 if captioner is None else f"{base.sha256} {captioner}"
    job = JobSpec(
        job_id=name_job(place.tenant, upload, merged.request, models, adapter),
        tenant=place.tenant,
        upload=place.upload,
        base_id=base.base_id,
        run=merged.request.run,
    )
    of_job = ErasureSubject(tenant=place.tenant, model_id=job.job_id)
    check_not_erased(services.tombstones, of_job)
    check_quotas(job, merged.request, given.execution_arn, services, now)
    status = services.jobs.claim(
        job, given.execution_arn, now, "training" if adapter is None else "import"
    )
    if status == "accepted":
        accepted = accepted_upload(job, upload, merged, adapter)
        write_document(services.models, layout.models.accepted_upload_key(job.job_id), accepted)
        record_consent(job, merged.request, services, now)
    return Acceptance(status=status, job=job)


def split_import(
    upload: PinnedUpload, request: TrainingRequest, services: IntakeServices, place: Place
) -> tuple[PinnedUpload, PinnedObject | None]:
    """Return the upload without the LoRA of an import, and this LoRA; None without an import.

    Raises:
        InvalidRequestError: the file is missing or too large, or there are photos beside it.
    """
    if request.adapter_file is None:
        return upload, None
    named = [photo for photo in upload.photos if name_of(photo, place) == request.adapter_file]
    message = problem_with_adapter(
        named[0].size if named else None,
        others=len(upload.photos) > 1 or bool(upload.class_photos),
    )
    if message is not None:
        store_problems(services, place, (RequestProblem(field="adapter_file", message=message),))
        raise InvalidRequestError(problems=1)
    adapter = PinnedObject(**{name: getattr(named[0], name) for name in PinnedObject.model_fields})
    return upload._replace(photos=(), names=()), adapter


def with_subjects(
    upload: PinnedUpload, request: TrainingRequest, services: IntakeServices, place: Place
) -> PinnedUpload:
    """Return the upload with the subject that each photo shows.

    Raises:
        InvalidRequestError: there are pictures of the class, and the subjects are of several.
    """
    if not request.subjects:
        return upload
    if upload.class_photos and len(request.class_prompts) > 1:
        message = (
            "The upload holds pictures of the class, and the subjects are of several classes. "
            "Remove these pictures: the base draws some for each class."
        )
        store_problems(services, place, (RequestProblem(field="class_prompt", message=message),))
        raise InvalidRequestError(problems=1)
    shown = [subject_of_photo(name_of(photo, place), request.subjects) for photo in upload.photos]
    photos = zip(upload.photos, shown, strict=True)
    return upload._replace(
        photos=tuple(photo.model_copy(update={"subject": number or 0}) for photo, number in photos)
    )


def crop_to_faces(merged: MergedRequest, base: BaseCard) -> MergedRequest:
    """Return the request with the crop that ``preset: face`` means on this base.

    A base whose card names no detector leaves the choice to the training image, which has dlib's
    unless its build says otherwise: ``auto`` crops where it finds real faces, and never fails.
    """
    request = merged.request
    is_open = "face_crop" not in request.model_fields_set and request.require_face is not False
    if request.preset != "face" or not is_open or base.face_detector not in {None, *REAL_FACES}:
        return merged
    crop = "auto" if base.face_detector is None else "crop"
    cropped = request.model_copy(update={"face_crop": crop})
    return merged._replace(request=cropped, origins={**merged.origins, "face_crop": "preset"})


def check_quotas(
    job: JobSpec,
    request: TrainingRequest,
    execution_arn: str,
    services: IntakeServices,
    now: datetime,
) -> None:
    """Refuse a further training of a tenant that has used up a quota.

    A dry run trains nothing. Content that is trained or was trained already begins no training, and
    neither does an attempt after a crash of this stage.

    Raises:
        QuotaUsedUpError: the quota is used up.
    """
    known = services.jobs.get(job.job_id)
    again = known is not None and (
        known.execution_arn == execution_arn or known.status not in {"failed", "canceled"}
    )
    if request.dry_run or again or not services.quotas.any:
        return
    jobs = services.tenant_jobs.begun(job.tenant, *span_of(now))
    used = exhausted(jobs, services.quotas, now)
    if used is not None:
        raise QuotaUsedUpError(code=used.code)


def accepted_upload(
    job: JobSpec, upload: PinnedUpload, merged: MergedRequest, adapter: PinnedObject | None
) -> AcceptedUpload:
    """Return the document from which later stages read the upload."""
    return AcceptedUpload(
        job=job,
        request=merged.request,
        photos=upload.photos,
        class_photos=upload.class_photos,
        unused_texts=upload.unused_texts,
        adapter=adapter,
        renamed=merged.renamed,
        origins=merged.origins,
        imported=merged.imported,
    )


def record_consent(
    job: JobSpec, request: TrainingRequest, services: IntakeServices, now: datetime
) -> None:
    """Keep the consent apart from the photos, as evidence, and when it ends; once for a job."""
    given = [consent for _, consent in consents_of(request) if consent is not None]
    if not given:
        return
    record = ConsentRecord(
        model_id=job.job_id,
        tenant=job.tenant,
        upload=job.upload,
        consent=given[0],
        others=tuple(given[1:]),
        recorded_at=now.isoformat(),
    )
    services.consents.record(record)
    if record.ends is not None:
        services.consent_ends.add(job, record.ends)
