"""Accepting an upload: pin it, read or refuse what it asks for, name the job, claim it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.job import Acceptance, AcceptedUpload, JobSpec, PinnedObject
from contracts.documents.stages import AcceptRequestInput
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError
from contracts.shared import layout
from domain.intake.uploads import PinnedUpload, Place, pin_upload, place_of
from domain.ports.bases import Bases
from domain.ports.jobs import Jobs
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage, write_document
from domain.requests.consent import ConsentRules, check_consent
from domain.requests.merge import Sources, Wishes, read_wishes
from domain.requests.request_json import MAX_REQUEST_BYTES, RequestRefusedError

CODE_GENERATION = "2"
"""Raise it when the same request would give a different model, so that it is trained anew."""


@dataclass(frozen=True)
class Intake:
    """What accepting needs of the world."""

    uploads: Storage
    models: Storage
    bases: Bases
    jobs: Jobs
    consent: ConsentRules
    captioner_id: str | None = None
    """What can describe photos that come without words."""


def accept_request(given: AcceptRequestInput, intake: Intake, now: datetime) -> Acceptance:
    """Accept the upload, or find that this content is accepted already.

    Raises:
        InvalidUploadError: the request does not lie where requests lie.
        InvalidRequestError: it has problems, which are stored for the notice, or asks for a
            captioner where there is none.
        ConsentRefusedError: the stack asks for a consent that it does not bring.
        TooManyPhotosError: there are more than one training may use.
    """
    place = place_of(given.event.detail.object.key)
    upload = pin_upload(intake.uploads, place)
    wishes = read_upload(given, intake, place, upload)
    check_consent(wishes.request.consent, intake.consent, now)
    check_captioner(wishes.request, intake.captioner_id)
    base = intake.bases.card(intake.bases.base_id)
    captioner = intake.captioner_id if wishes.request.autocaption else None
    models = base.sha256 if captioner is None else f"{base.sha256} {captioner}"
    job = JobSpec(
        job_id=name_job(place.tenant, upload, wishes.request, models),
        tenant=place.tenant,
        upload=place.upload,
        base_id=base.base_id,
    )
    status = intake.jobs.claim(job, given.execution_arn, now)
    if status == "accepted":
        accepted = accepted_upload(job, upload, wishes)
        write_document(intake.models, layout.accepted_upload_key(job.job_id), accepted)
    return Acceptance(status=status, job=job)


def check_captioner(request: TrainingRequest, captioner_id: str | None) -> None:
    """Let a request pass that the stack's captioner can serve, or that needs none.

    Raises:
        InvalidRequestError: ``captioner_missing``.
    """
    if request.autocaption and captioner_id is None:
        raise InvalidRequestError(code="captioner_missing", problems=1)


def accepted_upload(job: JobSpec, upload: PinnedUpload, wishes: Wishes) -> AcceptedUpload:
    """Return all that later stages will know of the upload."""
    return AcceptedUpload(
        job=job,
        request=wishes.request,
        photos=upload.photos,
        class_photos=upload.class_photos,
        renamed=wishes.renamed,
        origins=wishes.origins,
        imported=wishes.imported,
    )


def read_upload(
    given: AcceptRequestInput, intake: Intake, place: Place, upload: PinnedUpload
) -> Wishes:
    """Return what the upload asks for; the file that the event announced, as it was then.

    Raises:
        InvalidRequestError: it has problems; they are stored for the notice.
    """
    try:
        return read_wishes(sources_of(given, intake.uploads, place, upload))
    except ObjectMissingError:
        problems: tuple[RequestProblem, ...] = (_whole("The file is no longer there."),)
    except ObjectTooLargeError:
        problems = (_whole(f"The file is larger than {MAX_REQUEST_BYTES // 1024} KiB."),)
    except RequestRefusedError as error:
        problems = error.problems
    document = RequestProblems(problems=problems)
    write_document(intake.models, layout.problems_key(*place), document)
    raise InvalidRequestError(problems=len(problems))


def sources_of(
    given: AcceptRequestInput, uploads: Storage, place: Place, upload: PinnedUpload
) -> Sources:
    """Read every file that says what to train.

    Raises:
        ObjectMissingError: one was deleted since.
        ObjectTooLargeError: one is too large to say so little.
    """
    announced = given.event.detail.object

    def read(pin: PinnedObject) -> bytes:
        version = announced.version_id if pin.key == announced.key else None
        return uploads.read(pin.key, MAX_REQUEST_BYTES, version or pin.version_id)

    settings = {name_of(pin, place): read(pin) for pin in upload.settings}
    request = None if upload.request is None else read(upload.request)
    name = announced.key.removeprefix(place.prefix)
    if name == layout.REQUEST_FILE and request is None:  # deleted since, but its version remains
        request = uploads.read(announced.key, MAX_REQUEST_BYTES, announced.version_id)
    elif name != layout.REQUEST_FILE and name not in settings:
        settings[name] = uploads.read(announced.key, MAX_REQUEST_BYTES, announced.version_id)
    return Sources(request, settings, upload.names)


def name_of(pin: PinnedObject, place: Place) -> str:
    """Return the user's own name for a file."""
    return pin.name or pin.key.removeprefix(place.prefix)


def name_job(tenant: str, upload: PinnedUpload, request: TrainingRequest, models: str) -> str:
    """Return the job's id: the same for the same content, whatever the upload is called.

    ``models`` are the base's hash, and the captioner's name where it is to describe photos.
    A field that says what its default says is left out, so that new fields rename no old job.
    """
    photos = [[pin.etag, _etag(pin.caption), _etag(pin.mask)] for pin in upload.photos]
    content = [
        CODE_GENERATION,
        tenant,
        models,
        request.model_dump(mode="json", exclude_defaults=True),
        sorted(photos),
        sorted(pin.etag for pin in upload.class_photos),
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _etag(pin: PinnedObject | None) -> str:
    return "" if pin is None else pin.etag


def _whole(message: str) -> RequestProblem:
    return RequestProblem(field="", message=message)
