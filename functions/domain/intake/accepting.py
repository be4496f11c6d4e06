"""Accept an upload: pin its files, read its request, name the job, claim it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.base import BaseCard
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import Acceptance, AcceptedUpload, JobSpec, PinnedObject
from contracts.documents.stages import AcceptRequestInput
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError, QuotaUsedUpError, SubjectErasedError
from contracts.shared import layout
from contracts.shared.base_options import unfit_options
from contracts.shared.people.faces import REAL_FACES
from contracts.shared.words.name_list import NO_NAMES, NameList, has_name
from domain.appeals.allowing import is_allowed
from domain.intake.adapter_files import problem_with_adapter
from domain.intake.archives import is_archive
from domain.intake.file_kinds import is_request
from domain.intake.trigger_words import files_of
from domain.intake.unfit_prompts import prompts_refused_on
from domain.intake.uploads import (
    PinnedUpload,
    Place,
    is_prefix,
    pin_upload,
    place_of,
    subjects_of,
)
from domain.ports.archives import Archives
from domain.ports.bases import Bases
from domain.ports.consents import Consents
from domain.ports.erasure import Expiries, Tombstones
from domain.ports.front_door import TenantJobs
from domain.ports.jobs import Jobs
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage, write_document
from domain.pricing.quotas import NO_QUOTAS, Quotas, exhausted, span_of
from domain.requests.consent import ConsentRules, consents_of, refuse_consent
from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import MAX_REQUEST_BYTES, RequestRefusedError, texts_in
from domain.requests.run_limits import RunLimits, run_problems
from domain.requests.subjects import subject_of_photo

CODE_GENERATION = "2"
"""Part of every job's name. Raise it when the same request would give a different model."""


@dataclass(frozen=True)
class IntakeServices:
    """What accepting an upload needs."""

    uploads: Storage
    models: Storage
    bases: Bases
    jobs: Jobs
    consent: ConsentRules
    archives: Archives
    run_limits: RunLimits
    tombstones: Tombstones
    consents: Consents
    consent_ends: Expiries
    tenant_jobs: TenantJobs
    quotas: Quotas = NO_QUOTAS
    captioner_id: str | None = None
    """The model that describes photos without a caption; None: the stack has none."""
    names: NameList = NO_NAMES
    """Names that nobody may train."""


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
    merged = read_upload(given, services, place, upload)
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


def check_consent(
    request: TrainingRequest, services: IntakeServices, place: Place, now: datetime
) -> None:
    """Refuse photos of people without the consent that the stack requires.

    Raises:
        ConsentRefusedError: what is missing is stored for the notice.
    """
    refusal = refuse_consent(request, services.consent, now)
    if refusal is not None:
        store_problems(services, place, refusal.problems)
        raise refusal.error()


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


def check_names(request: TrainingRequest, services: IntakeServices, place: Place) -> None:
    """Refuse a request whose words name somebody on the operator's list.

    A text that a granted appeal lets through is not refused.

    Raises:
        InvalidRequestError: with the code ``name_refused``; the notice names the fields alone.
    """
    problems = tuple(
        RequestProblem(field=field, message="It has a name that this stack does not train.")
        for field, value in request.without_consents().model_dump(mode="json").items()
        if any(
            has_name(text, services.names) and not is_allowed(text, place.tenant, services.models)
            for text in texts_in(value)
        )
    )
    if problems:
        store_problems(services, place, problems)
        raise InvalidRequestError(code="name_refused", problems=len(problems))


def check_captioner(request: TrainingRequest, captioner_id: str | None) -> None:
    """Refuse a request for automatic captions where the stack has no captioner.

    Raises:
        InvalidRequestError: with the code ``captioner_missing``.
    """
    if request.autocaption and captioner_id is None:
        raise InvalidRequestError(code="captioner_missing", problems=1)


def check_run(request: TrainingRequest, services: IntakeServices, place: Place) -> None:
    """Refuse a machine that the operator does not allow; the notice says what is allowed.

    Raises:
        InvalidRequestError: with the code ``run_not_allowed``.
    """
    problems = run_problems(request.run, services.run_limits)
    if problems:
        store_problems(services, place, problems)
        raise InvalidRequestError(code="run_not_allowed", problems=len(problems))


def check_base_options(
    request: TrainingRequest, base: BaseCard, services: IntakeServices, place: Place
) -> None:
    """Refuse options that mean nothing on the stack's base.

    Raises:
        InvalidRequestError: with the code ``option_not_for_base``.
    """
    refuse_fields(unfit_options(request, base), "option_not_for_base", services, place)


def check_prompts(
    request: TrainingRequest, base: BaseCard, services: IntakeServices, place: Place
) -> None:
    """Refuse prompts that the endpoint would refuse, as the gate draws them.

    Raises:
        InvalidRequestError: with the code ``prompt_not_drawable``.
    """
    refused = prompts_refused_on(request, base, files_of(base, services.bases))
    refuse_fields(refused, "prompt_not_drawable", services, place)


def refuse_fields(
    unfit: Mapping[str, str], code: str, services: IntakeServices, place: Place
) -> None:
    """Store the problem with each field, if there are any.

    Raises:
        InvalidRequestError: there is a problem.
    """
    if not unfit:
        return
    problems = tuple(
        RequestProblem(field=field, message=f"{why[:1].upper()}{why[1:]}.")
        for field, why in unfit.items()
    )
    store_problems(services, place, problems)
    raise InvalidRequestError(code=code, problems=len(problems))


def store_problems(
    services: IntakeServices, place: Place, problems: tuple[RequestProblem, ...]
) -> None:
    """Store a request's problems where its notice looks for them."""
    document = RequestProblems(problems=problems)
    write_document(services.models, layout.models.problems_key(*place), document)


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


def read_upload(
    given: AcceptRequestInput, services: IntakeServices, place: Place, upload: PinnedUpload
) -> MergedRequest:
    """Return the merged request; the announced file is read in the version of the event.

    Raises:
        InvalidRequestError: the request has problems; they are stored for the notice.
    """
    try:
        return merge_sources(sources_of(given, services.uploads, place, upload))
    except ObjectMissingError:
        problems: tuple[RequestProblem, ...] = (_whole("The file is no longer there."),)
    except ObjectTooLargeError:
        problems = (_whole(f"The file is larger than {MAX_REQUEST_BYTES // 1024} KiB."),)
    except RequestRefusedError as error:
        problems = error.problems
    store_problems(services, place, problems)
    raise InvalidRequestError(problems=len(problems))


def sources_of(
    given: AcceptRequestInput, uploads: Storage, place: Place, upload: PinnedUpload
) -> RequestSources:
    """Read every file that says what to train.

    Raises:
        ObjectMissingError: a file was deleted since.
        ObjectTooLargeError: a file has more than MAX_REQUEST_BYTES.
    """
    announced = given.event.detail.object
    if is_prefix(announced.key):  # every version of the file was deleted since
        raise ObjectMissingError

    def read(pin: PinnedObject) -> bytes:
        version = announced.version_id if pin.key == announced.key else None
        return uploads.read(pin.key, MAX_REQUEST_BYTES, version or pin.version_id)

    settings = {name_of(pin, place): read(pin) for pin in upload.settings}
    request = None if upload.request is None else read(upload.request)
    name = announced.key.removeprefix(place.prefix)
    if is_archive(name):
        return RequestSources(request, settings, upload.names)
    if is_request(name) and request is None:  # deleted since; its version remains
        request = uploads.read(announced.key, MAX_REQUEST_BYTES, announced.version_id)
    elif not is_request(name) and name not in settings:
        settings[name] = uploads.read(announced.key, MAX_REQUEST_BYTES, announced.version_id)
    return RequestSources(request, settings, upload.names)


def name_of(pin: PinnedObject, place: Place) -> str:
    """Return the user's name for a file."""
    return pin.name or pin.key.removeprefix(place.prefix)


def name_job(
    tenant: str,
    upload: PinnedUpload,
    request: TrainingRequest,
    models: str,
    adapter: PinnedObject | None = None,
) -> str:
    """Return the job's id: the same for the same content, whatever the upload's name.

    ``models`` is the base's hash, followed by the captioner's name if it describes photos. A field
    with its default value is left out, so a new field does not rename an old job.
    """
    photos = [
        [pin.etag, _etag(pin.caption), _etag(pin.mask), *([pin.subject] if pin.subject else [])]
        for pin in upload.photos
    ]
    content = [
        CODE_GENERATION,
        tenant,
        models,
        request.model_dump(mode="json", exclude_defaults=True),
        sorted(photos),
        sorted(pin.etag for pin in upload.class_photos),
        *([] if adapter is None else [adapter.etag]),
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _etag(pin: PinnedObject | None) -> str:
    return "" if pin is None else pin.etag


def _whole(message: str) -> RequestProblem:
    return RequestProblem(field="", message=message)
