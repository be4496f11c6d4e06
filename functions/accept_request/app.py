"""Stage 1, accept_request: pin the upload, read its request, name the job by its content.

In     AcceptRequestInput   the version of request.json or its like that was stored, the execution
Out    Acceptance           to inspect_photos; or the end, for content that was accepted before
       UploadPending        look again after some seconds; or the end, when another file starts it
Fails  InvalidUploadError   final; the request's key is wrong
       InvalidRequestError  final; the owner's notice lists every problem
       ConsentRefusedError  final; the owner must ask the person on the photos
       QuotaUsedUpError     final; the owner waits for an end or for the next month
       SubjectErasedError   final; what was erased does not come back
       ArchiveRefusedError  final; the owner must pack the photos again
       TooManyPhotosError   final; the owner must choose
       DecoderBrokenError   the workflow tries again: the process that unpacks did not start
"""

from aws import settings
from aws.api.consents import DynamoConsents
from aws.api.front_door import DynamoTenantJobs
from aws.audit import DynamoAudit
from aws.erasure.erasures import DynamoTombstones
from aws.erasure.expiries import DynamoConsentEnds
from aws.jobs.table import DynamoJobs
from aws.parameters.bases import bases_from_env, captioner_from_env, names_from_env
from aws.parameters.consent import consent_rules_from_env
from aws.parameters.quotas import quotas_from_env
from aws.parameters.run_limits import run_limits_from_env
from aws.storage import S3Storage
from contracts.documents.audit import STACK
from contracts.documents.job import Acceptance, UploadPending
from contracts.documents.stages import AcceptRequestInput
from domain.audit.entries import Deed, record
from domain.intake.accepting import accept_request
from domain.intake.services import IntakeServices
from domain.intake.starting import with_name
from domain.intake.waiting import Patience, pending
from runtime.clock import now
from runtime.handlers import stage
from runtime.imaging.unpacking import ChildArchives


@stage
def lambda_handler(given: AcceptRequestInput) -> Acceptance | UploadPending:
    uploads = S3Storage.from_env("UPLOADS_BUCKET")
    given = with_name(given, uploads)
    patience = Patience(seconds=settings.number("UPLOAD_WAIT_SECONDS"))
    tombstones = DynamoTombstones.from_env()
    return pending(given, uploads, tombstones, patience, now()) or accepted(given, uploads)


def accepted(given: AcceptRequestInput, uploads: S3Storage) -> Acceptance:
    """Accept an upload that is whole."""
    services = IntakeServices(
        uploads=uploads,
        models=S3Storage.from_env("MODELS_BUCKET"),
        bases=bases_from_env(),
        jobs=DynamoJobs.from_env(),
        consent=consent_rules_from_env(),
        archives=ChildArchives(),
        captioner_id=captioner_from_env(),
        names=names_from_env(),
        run_limits=run_limits_from_env(),
        tenant_jobs=DynamoTenantJobs.from_env(),
        quotas=quotas_from_env(),
        tombstones=DynamoTombstones.from_env(),
        consents=DynamoConsents.from_env(),
        consent_ends=DynamoConsentEnds.from_env(),
    )
    acceptance = accept_request(given, services, now())
    if acceptance.status == "accepted":
        job = acceptance.job
        ids = [("job_id", job.job_id), ("upload_id", job.upload)]
        deed = Deed(STACK, "training.accepted", ids)
        record(DynamoAudit.from_env(), job.tenant, deed, now())
    return acceptance
