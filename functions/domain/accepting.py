"""Accepting an upload: read, refuse or pin it, name the job by its content, claim it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts import layout
from contracts.errors import InvalidRequestError
from contracts.job import Acceptance, AcceptedUpload, JobSpec, PinnedPhoto
from contracts.problems import RequestProblem, RequestProblems
from contracts.request import TrainingRequest
from contracts.stages import AcceptRequestInput
from domain.bases import Bases
from domain.jobs import Jobs
from domain.requests import MAX_REQUEST_BYTES, ParsedRequest, RequestRefusedError, parse_request
from domain.storage import ObjectMissingError, ObjectTooLargeError, Storage, write_document
from domain.uploads import Place, pin_photos, place_of

CODE_GENERATION = "1"
"""Raise it when the same request would give a different model, so that it is trained anew."""


@dataclass(frozen=True)
class Intake:
    """What accepting needs of the world."""

    uploads: Storage
    models: Storage
    bases: Bases
    jobs: Jobs


def accept_request(given: AcceptRequestInput, intake: Intake, now: datetime) -> Acceptance:
    """Accept the upload, or find that this content is accepted already.

    Raises:
        InvalidUploadError: the request does not lie where requests lie.
        InvalidRequestError: it has problems; they are stored for the notice.
        TooManyPhotosError: there are more than one training may use.
    """
    place = place_of(given.event.detail.object.key)
    parsed = read_request(given, intake, place)
    photos = pin_photos(intake.uploads, place)
    base = intake.bases.card(intake.bases.base_id)
    job = JobSpec(
        job_id=name_job(place.tenant, photos, parsed.request, base.sha256),
        tenant=place.tenant,
        upload=place.upload,
        base_id=base.base_id,
    )
    status = intake.jobs.claim(job, given.execution_arn, now)
    if status == "accepted":
        accepted = AcceptedUpload(
            job=job, request=parsed.request, photos=photos, renamed=parsed.renamed
        )
        write_document(intake.models, layout.accepted_upload_key(job.job_id), accepted)
    return Acceptance(status=status, job=job)


def read_request(given: AcceptRequestInput, intake: Intake, place: Place) -> ParsedRequest:
    """Return the very request that the event announced.

    Raises:
        InvalidRequestError: it has problems; they are stored for the notice.
    """
    announced = given.event.detail.object
    try:
        body = intake.uploads.read(announced.key, MAX_REQUEST_BYTES, announced.version_id)
        return parse_request(body)
    except ObjectMissingError:
        problems: Sequence[RequestProblem] = [_whole("The file is no longer there.")]
    except ObjectTooLargeError:
        problems = [_whole(f"The file is larger than {MAX_REQUEST_BYTES // 1024} KiB.")]
    except RequestRefusedError as error:
        problems = error.problems
    document = RequestProblems(problems=tuple(problems))
    write_document(intake.models, layout.problems_key(*place), document)
    raise InvalidRequestError(problems=len(problems))


def name_job(
    tenant: str, photos: Sequence[PinnedPhoto], request: TrainingRequest, base_sha256: str
) -> str:
    """Return the job's id: the same for the same content, whatever the upload is called."""
    content = [
        CODE_GENERATION,
        tenant,
        base_sha256,
        request.model_dump(mode="json"),
        sorted([pin.etag, "" if pin.caption is None else pin.caption.etag] for pin in photos),
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _whole(message: str) -> RequestProblem:
    return RequestProblem(field="", message=message)
