"""Every operation of docs/openapi.json as a method; written by docs/clients.py."""

from contracts.documents.api.aliases import AliasPage, AliasView, NewAlias, NewRating, Promotion
from contracts.documents.api.consents import ConsentPage, ConsentView, ConsentWithdrawn
from contracts.documents.api.estimates import EstimateView, NewEstimate
from contracts.documents.api.exports import ExportFile, ExportPage, ExportView, NewExport
from contracts.documents.api.jobs import (
    JobCanceled,
    JobPage,
    JobRedriven,
    JobSamples,
    JobView,
    TrainingStarted,
)
from contracts.documents.api.keys import KeyList, KeyView, Me, NewKey, Rotation, Usage
from contracts.documents.api.members import (
    MemberList,
    MemberRemoved,
    MemberView,
    NewMember,
    NewRole,
)
from contracts.documents.api.models import (
    ModelDetails,
    ModelFiles,
    ModelPage,
    ModelPushed,
    NewApproval,
)
from contracts.documents.api.pictures import (
    NewPicture,
    OpenAiAnswer,
    OpenAiImages,
    PictureCanceled,
    PicturePage,
    PictureView,
)
from contracts.documents.api.uploads import (
    MoreFiles,
    NewTraining,
    NewUpload,
    PhotoErased,
    PhotoInspected,
    UploadCreated,
    UploadPhotos,
    UploadState,
)
from contracts.documents.api.verification import PictureToVerify, PictureVerdict
from contracts.documents.api.webhooks import (
    DeliveryPage,
    DeliveryView,
    WebhookPage,
    WebhookRequest,
    WebhookView,
    WebhookWithSecret,
)
from contracts.documents.appeal import (
    AppealEvidence,
    AppealPage,
    AppealRefusal,
    AppealRow,
    AppealView,
    NewAppeal,
)
from contracts.documents.audit import AuditPage
from contracts.documents.erasure import ErasureAnswer
from contracts.documents.takedown import (
    NewTakedown,
    TakedownAcceptance,
    TakedownCase,
    TakedownEvidence,
    TakedownPage,
    TakedownRefusal,
    TakedownView,
)
from likeness_client.api._async.transport import AsyncTransport
from likeness_client.api.requests import AnyObject, Call, part


class AsyncOperations(AsyncTransport):
    """The operations by name; ids go first, and an answer is a document of the contracts."""

    async def accept_takedown(
        self,
        case_id: str,
        body: TakedownAcceptance,
        *,
        idempotency_key: str | None = None,
    ) -> TakedownCase:
        """Disable the case's models within seconds; the scope is ``operate``.

        ``POST /v1/takedowns/{case_id}:accept``
        """
        call = Call(
            "POST",
            f"/v1/takedowns/{part(case_id)}:accept",
            TakedownCase,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def add_files(
        self,
        upload_id: str,
        body: MoreFiles,
        *,
        idempotency_key: str | None = None,
    ) -> UploadCreated:
        """Return forms for further files of an upload that has files, and no training yet.

        ``POST /v1/uploads/{upload_id}/files``
        """
        call = Call(
            "POST",
            f"/v1/uploads/{part(upload_id)}/files",
            UploadCreated,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def add_webhook(
        self,
        body: WebhookRequest,
        *,
        idempotency_key: str | None = None,
    ) -> WebhookWithSecret:
        """Store an address that is told of the tenant's jobs; the secret is shown this once.

        ``POST /v1/webhooks``
        """
        call = Call(
            "POST",
            "/v1/webhooks",
            WebhookWithSecret,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def appeal_refusal(
        self,
        refusal_id: str,
        body: NewAppeal,
        *,
        idempotency_key: str | None = None,
    ) -> AppealView:
        """Ask an operator to let a prompt, the names in a training's request, or a picture through.

        ``POST /v1/refusals/{refusal_id}:appeal``

        The operator reads the refused text; a withheld picture was kept nowhere, and the operator
        sees its request. A second appeal against one refusal returns the first.
        """
        call = Call(
            "POST",
            f"/v1/refusals/{part(refusal_id)}:appeal",
            AppealView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def appeal_takedown(
        self,
        model_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> TakedownView:
        """Ask an operator to look again at what has disabled one of the tenant's models.

        ``POST /v1/models/{model_id}:appeal``
        """
        call = Call(
            "POST",
            f"/v1/models/{part(model_id)}:appeal",
            TakedownView,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def approve_model(
        self,
        model_id: str,
        body: NewApproval,
        *,
        idempotency_key: str | None = None,
    ) -> ModelDetails:
        """Store whether the model may be used, and who has decided it; the newest decision counts.

        ``POST /v1/models/{model_id}:approve``
        """
        call = Call(
            "POST",
            f"/v1/models/{part(model_id)}:approve",
            ModelDetails,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def cancel_job(
        self,
        job_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> JobCanceled:
        """Cancel a job; its owner gets one notice.

        ``POST /v1/jobs/{job_id}:cancel``
        """
        call = Call(
            "POST",
            f"/v1/jobs/{part(job_id)}:cancel",
            JobCanceled,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def cancel_picture(
        self,
        picture_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> PictureCanceled:
        """Cancel an order; what is being drawn for it is thrown away.

        ``POST /v1/pictures/{picture_id}:cancel``
        """
        call = Call(
            "POST",
            f"/v1/pictures/{part(picture_id)}:cancel",
            PictureCanceled,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def change_role(
        self,
        member_id: str,
        body: NewRole,
        *,
        idempotency_key: str | None = None,
    ) -> MemberView:
        """Change what a person may do; it counts with the person's next token, within 15 minutes.

        ``POST /v1/members/{member_id}:role``
        """
        call = Call(
            "POST",
            f"/v1/members/{part(member_id)}:role",
            MemberView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def create_estimate(
        self,
        body: NewEstimate,
        *,
        idempotency_key: str | None = None,
    ) -> EstimateView:
        """Return the time and price of a training, or of an import; nothing is stored or begun.

        ``POST /v1/estimates``
        """
        call = Call(
            "POST",
            "/v1/estimates",
            EstimateView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def create_export(
        self,
        body: NewExport,
        *,
        idempotency_key: str | None = None,
    ) -> ExportView:
        """Begin an archive of everything that is held: photos, models, pictures, consents, records.

        ``POST /v1/exports``

        It takes up to 15 minutes. Ask ``GET /v1/exports/{id}`` until it has succeeded. The archive
        is kept for seven days.
        """
        call = Call(
            "POST",
            "/v1/exports",
            ExportView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def create_key(
        self,
        body: NewKey,
        *,
        idempotency_key: str | None = None,
    ) -> KeyView:
        """Return a new key; a key can give away only the scopes that it has.

        ``POST /v1/keys``
        """
        call = Call(
            "POST",
            "/v1/keys",
            KeyView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def create_model(
        self,
        body: NewTraining,
        *,
        idempotency_key: str | None = None,
    ) -> TrainingStarted:
        """Start a training on an upload: the same as putting ``request.json`` beside its photos.

        ``POST /v1/models``

        With ``adapter_file`` the LoRA of the upload is imported, and nothing is trained. The same
        content is trained once; a second request for it answers with the first one's job.
        """
        call = Call(
            "POST",
            "/v1/models",
            TrainingStarted,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def create_picture(
        self,
        model_id: str,
        body: NewPicture,
        *,
        wait: int = 10,
        idempotency_key: str | None = None,
    ) -> PictureView:
        """Order pictures of a model, or of an alias; what is drawn within ``wait`` seconds is here.

        ``POST /v1/models/{model_id}/pictures``

        Otherwise the answer is 202: ask ``GET /v1/pictures/{id}?wait=20`` until its status is
        final.

        ``wait``: Seconds to wait for the pictures before the answer.
        """
        call = Call(
            "POST",
            f"/v1/models/{part(model_id)}/pictures",
            PictureView,
            query={"wait": wait},
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def create_upload(
        self,
        body: NewUpload,
        *,
        idempotency_key: str | None = None,
    ) -> UploadCreated:
        """Return a form for each file, bound to one key, its size and its type.

        ``POST /v1/uploads``
        """
        call = Call(
            "POST",
            "/v1/uploads",
            UploadCreated,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def erase_model(
        self,
        model_id: str,
    ) -> ErasureAnswer:
        """Erase a model and what it has drawn; photos stay. Ask again for the receipt.

        ``DELETE /v1/models/{model_id}``
        """
        call = Call(
            "DELETE",
            f"/v1/models/{part(model_id)}",
            ErasureAnswer,
        )
        return await self._ask(call)

    async def erase_photo(
        self,
        upload_id: str,
        number: int,
    ) -> PhotoErased:
        """Erase a photo and its caption, every version of them, before the upload is trained.

        ``DELETE /v1/uploads/{upload_id}/photos/{number}``
        """
        call = Call(
            "DELETE",
            f"/v1/uploads/{part(upload_id)}/photos/{part(number)}",
            PhotoErased,
        )
        return await self._ask(call)

    async def erase_tenant(
        self,
    ) -> ErasureAnswer:
        """Erase everything of the tenant, its API keys too; nothing of it is ever accepted again.

        ``DELETE /v1/me``
        """
        call = Call(
            "DELETE",
            "/v1/me",
            ErasureAnswer,
        )
        return await self._ask(call)

    async def erase_upload(
        self,
        upload_id: str,
    ) -> ErasureAnswer:
        """Erase an upload with its photos, its models and what they have drawn.

        ``DELETE /v1/uploads/{upload_id}``
        """
        call = Call(
            "DELETE",
            f"/v1/uploads/{part(upload_id)}",
            ErasureAnswer,
        )
        return await self._ask(call)

    async def generate_images(
        self,
        body: OpenAiImages,
        *,
        idempotency_key: str | None = None,
    ) -> OpenAiAnswer:
        """Draw pictures in the shape of OpenAI's images endpoint; ``model`` is a model's id.

        ``POST /v1/images/generations``

        What is not drawn within 25 seconds is cancelled, and the answer is 503: a cold endpoint is
        better asked with ``POST /v1/models/{id}/pictures``.
        """
        call = Call(
            "POST",
            "/v1/images/generations",
            OpenAiAnswer,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def get_alias(
        self,
        alias: str,
    ) -> AliasView:
        """Return an alias: each version's share, times, refusals and likeness.

        ``GET /v1/aliases/{alias}``
        """
        call = Call(
            "GET",
            f"/v1/aliases/{part(alias)}",
            AliasView,
        )
        return await self._ask(call)

    async def get_appeal(
        self,
        appeal_id: str,
    ) -> AppealView:
        """Return how an appeal of the tenant stands.

        ``GET /v1/appeals/{appeal_id}``
        """
        call = Call(
            "GET",
            f"/v1/appeals/{part(appeal_id)}",
            AppealView,
        )
        return await self._ask(call)

    async def get_appeal_evidence(
        self,
        appeal_id: str,
    ) -> AppealEvidence:
        """Return what was refused, and the tenant's words; the scope is ``operate``.

        ``GET /v1/appeals/{appeal_id}/evidence``
        """
        call = Call(
            "GET",
            f"/v1/appeals/{part(appeal_id)}/evidence",
            AppealEvidence,
        )
        return await self._ask(call)

    async def get_consent(
        self,
        consent_id: str,
    ) -> ConsentView:
        """Return one consent. Its id is that of the job and the model that it was given for.

        ``GET /v1/consents/{consent_id}``
        """
        call = Call(
            "GET",
            f"/v1/consents/{part(consent_id)}",
            ConsentView,
        )
        return await self._ask(call)

    async def get_evidence(
        self,
        case_id: str,
    ) -> TakedownEvidence:
        """Return the reporter's words and a link to the picture; the scope is ``operate``.

        ``GET /v1/takedowns/{case_id}/evidence``
        """
        call = Call(
            "GET",
            f"/v1/takedowns/{part(case_id)}/evidence",
            TakedownEvidence,
        )
        return await self._ask(call)

    async def get_export(
        self,
        export_id: str,
    ) -> ExportView:
        """Return how an export stands.

        ``GET /v1/exports/{export_id}``
        """
        call = Call(
            "GET",
            f"/v1/exports/{part(export_id)}",
            ExportView,
        )
        return await self._ask(call)

    async def get_export_file(
        self,
        export_id: str,
    ) -> ExportFile:
        """Return a link to the archive, good for 15 minutes. The audit trail says who has asked.

        ``GET /v1/exports/{export_id}/file``
        """
        call = Call(
            "GET",
            f"/v1/exports/{part(export_id)}/file",
            ExportFile,
        )
        return await self._ask(call)

    async def get_files(
        self,
        model_id: str,
    ) -> ModelFiles:
        """Return a link to every file of a model, with its hash.

        ``GET /v1/models/{model_id}/files``
        """
        call = Call(
            "GET",
            f"/v1/models/{part(model_id)}/files",
            ModelFiles,
        )
        return await self._ask(call)

    async def get_job(
        self,
        job_id: str,
        *,
        wait: int = 0,
        after: str | None = None,
    ) -> JobView:
        """Return how a job stands; with ``wait``, at its next change or its end.

        ``GET /v1/jobs/{job_id}``

        ``wait``: Seconds to wait for a change before the answer.

        ``after``: ``version`` of the job as it is known already.
        """
        call = Call(
            "GET",
            f"/v1/jobs/{part(job_id)}",
            JobView,
            query={"wait": wait, "after": after},
        )
        return await self._ask(call)

    async def get_me(
        self,
    ) -> Me:
        """Return what the credential says.

        ``GET /v1/me``
        """
        call = Call(
            "GET",
            "/v1/me",
            Me,
        )
        return await self._ask(call)

    async def get_model(
        self,
        model_id: str,
    ) -> ModelDetails:
        """Return one model with its version, what its gate measured, and whether it is approved.

        ``GET /v1/models/{model_id}``
        """
        call = Call(
            "GET",
            f"/v1/models/{part(model_id)}",
            ModelDetails,
        )
        return await self._ask(call)

    async def get_openapi(
        self,
    ) -> AnyObject:
        """Return the OpenAPI 3.1 document.

        ``GET /v1/openapi.json``
        """
        call = Call(
            "GET",
            "/v1/openapi.json",
            AnyObject,
        )
        return await self._ask(call)

    async def get_picture(
        self,
        picture_id: str,
        *,
        wait: int = 0,
    ) -> PictureView:
        """Return an order, with links once it is drawn; with ``wait``, at its end.

        ``GET /v1/pictures/{picture_id}``

        ``wait``: Seconds to wait for a change before the answer.
        """
        call = Call(
            "GET",
            f"/v1/pictures/{part(picture_id)}",
            PictureView,
            query={"wait": wait},
        )
        return await self._ask(call)

    async def get_samples(
        self,
        job_id: str,
    ) -> JobSamples:
        """Return the images that a training draws every ``validation_steps``, while it goes on.

        ``GET /v1/jobs/{job_id}/samples``
        """
        call = Call(
            "GET",
            f"/v1/jobs/{part(job_id)}/samples",
            JobSamples,
        )
        return await self._ask(call)

    async def get_takedown(
        self,
        case_id: str,
    ) -> TakedownView:
        """Return how a report stands, for anybody who has its id.

        ``GET /v1/takedowns/{case_id}``
        """
        call = Call(
            "GET",
            f"/v1/takedowns/{part(case_id)}",
            TakedownView,
        )
        return await self._ask(call)

    async def get_upload(
        self,
        upload_id: str,
        *,
        wait: int = 0,
    ) -> UploadState:
        """Return what has arrived, and the job or the refusal; wait for one of the two.

        ``GET /v1/uploads/{upload_id}``

        ``wait``: Seconds to wait for a change before the answer.
        """
        call = Call(
            "GET",
            f"/v1/uploads/{part(upload_id)}",
            UploadState,
            query={"wait": wait},
        )
        return await self._ask(call)

    async def get_usage(
        self,
        *,
        month: str | None = None,
    ) -> Usage:
        """Return the trainings of a month (UTC), what they cost, and the tenant's quotas.

        ``GET /v1/usage``

        ``month``: As 2026-11; absent: this month.
        """
        call = Call(
            "GET",
            "/v1/usage",
            Usage,
            query={"month": month},
        )
        return await self._ask(call)

    async def grant_appeal(
        self,
        appeal_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> AppealRow:
        """Let exactly the refused text or request through for its tenant; the scope is ``operate``.

        ``POST /v1/appeals/{appeal_id}:grant``
        """
        call = Call(
            "POST",
            f"/v1/appeals/{part(appeal_id)}:grant",
            AppealRow,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def inspect_photo(
        self,
        upload_id: str,
        number: int,
        *,
        preset: str = "object",
        face_checks: str | None = None,
        same_person_as: int | None = None,
        idempotency_key: str | None = None,
    ) -> PhotoInspected:
        """Return the verdict on one photo at the base's resolution; nothing is stored.

        ``POST /v1/uploads/{upload_id}/photos/{number}:inspect``

        With ``preset=face`` faces are looked for as in a training, where the stack and the base
        want it.

        ``preset``: What the photo shows.

        ``face_checks``: As in ``request.json``.

        ``same_person_as``: Another photo, which should show the same person.
        """
        call = Call(
            "POST",
            f"/v1/uploads/{part(upload_id)}/photos/{part(number)}:inspect",
            PhotoInspected,
            query={"preset": preset, "face_checks": face_checks, "same_person_as": same_person_as},
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def invite_member(
        self,
        body: NewMember,
        *,
        idempotency_key: str | None = None,
    ) -> MemberView:
        """Make a sign-in for a person, who gets a first password by e-mail; it is good for a week.

        ``POST /v1/members``
        """
        call = Call(
            "POST",
            "/v1/members",
            MemberView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def list_aliases(
        self,
    ) -> AliasPage:
        """Return the tenant's aliases with what callers measured; an alias's own address has more.

        ``GET /v1/aliases``
        """
        call = Call(
            "GET",
            "/v1/aliases",
            AliasPage,
        )
        return await self._ask(call)

    async def list_appeals(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> AppealPage:
        """Return the appeals of all tenants, the newest first; the scope is ``operate``.

        ``GET /v1/appeals``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/appeals",
            AppealPage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_consents(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> ConsentPage:
        """Return the tenant's consents, the newest first; also those whose models are erased.

        ``GET /v1/consents``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/consents",
            ConsentPage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_deliveries(
        self,
        webhook_id: str,
        *,
        limit: int = 20,
    ) -> DeliveryPage:
        """Return what became of the newest messages of the last seven days.

        ``GET /v1/webhooks/{webhook_id}/deliveries``

        ``limit``: Largest number of entries on the page.
        """
        call = Call(
            "GET",
            f"/v1/webhooks/{part(webhook_id)}/deliveries",
            DeliveryPage,
            query={"limit": limit},
        )
        return await self._ask(call)

    async def list_entries(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> AuditPage:
        """Return the tenant's entries, the newest first; they hold ids, never a prompt or a name.

        ``GET /v1/audit``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/audit",
            AuditPage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_exports(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> ExportPage:
        """Return the tenant's exports, the newest first.

        ``GET /v1/exports``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/exports",
            ExportPage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_jobs(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> JobPage:
        """Return the tenant's jobs, the newest first.

        ``GET /v1/jobs``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/jobs",
            JobPage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_keys(
        self,
    ) -> KeyList:
        """Return the tenant's keys, without their secrets.

        ``GET /v1/keys``
        """
        call = Call(
            "GET",
            "/v1/keys",
            KeyList,
        )
        return await self._ask(call)

    async def list_members(
        self,
    ) -> MemberList:
        """Return the tenant's people, with what each may do.

        ``GET /v1/members``
        """
        call = Call(
            "GET",
            "/v1/members",
            MemberList,
        )
        return await self._ask(call)

    async def list_models(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> ModelPage:
        """Return the tenant's models, the newest first.

        ``GET /v1/models``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/models",
            ModelPage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_photos(
        self,
        upload_id: str,
    ) -> UploadPhotos:
        """Return a link to each photo that is still kept, for who may train on it.

        ``GET /v1/uploads/{upload_id}/photos``
        """
        call = Call(
            "GET",
            f"/v1/uploads/{part(upload_id)}/photos",
            UploadPhotos,
        )
        return await self._ask(call)

    async def list_pictures(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> PicturePage:
        """Return the tenant's orders, the newest first; an order's own address has its links.

        ``GET /v1/pictures``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/pictures",
            PicturePage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_takedowns(
        self,
        *,
        limit: int = 20,
        after: str | None = None,
    ) -> TakedownPage:
        """Return all cases, the newest first; the scope is ``operate``.

        ``GET /v1/takedowns``

        ``limit``: Largest number of entries on the page.

        ``after``: ``next`` of the page before; absent: from the start.
        """
        call = Call(
            "GET",
            "/v1/takedowns",
            TakedownPage,
            query={"limit": limit, "after": after},
        )
        return await self._ask(call)

    async def list_webhooks(
        self,
    ) -> WebhookPage:
        """Return the tenant's webhooks, the newest first.

        ``GET /v1/webhooks``
        """
        call = Call(
            "GET",
            "/v1/webhooks",
            WebhookPage,
        )
        return await self._ask(call)

    async def promote_version(
        self,
        alias: str,
        body: Promotion,
        *,
        idempotency_key: str | None = None,
    ) -> AliasView:
        """Give all callers one of the versions; the others stay, with weight 0.

        ``POST /v1/aliases/{alias}:promote``
        """
        call = Call(
            "POST",
            f"/v1/aliases/{part(alias)}:promote",
            AliasView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def push_model(
        self,
        model_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ModelPushed:
        """Copy a model's files into its own folder of the operator's hub bucket.

        ``POST /v1/models/{model_id}:push``

        The folder is ``models/<tenant>/<model>/``, laid out as a repository of Hugging Face's hub,
        with the model card as README.md. Another push replaces it, and the model's erasure deletes
        it.
        """
        call = Call(
            "POST",
            f"/v1/models/{part(model_id)}:push",
            ModelPushed,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def rate_picture(
        self,
        picture_id: str,
        body: NewRating,
        *,
        idempotency_key: str | None = None,
    ) -> PictureView:
        """Say how much an order's pictures look like the subject; the newest rating counts.

        ``POST /v1/pictures/{picture_id}:rate``
        """
        call = Call(
            "POST",
            f"/v1/pictures/{part(picture_id)}:rate",
            PictureView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def redrive_job(
        self,
        job_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> JobRedriven:
        """Continue a failed job at the stage that failed, once the cause is removed.

        ``POST /v1/jobs/{job_id}:redrive``
        """
        call = Call(
            "POST",
            f"/v1/jobs/{part(job_id)}:redrive",
            JobRedriven,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def refuse_appeal(
        self,
        appeal_id: str,
        body: AppealRefusal,
        *,
        idempotency_key: str | None = None,
    ) -> AppealRow:
        """Close an appeal with a reason, or take a grant back; the scope is ``operate``.

        ``POST /v1/appeals/{appeal_id}:refuse``
        """
        call = Call(
            "POST",
            f"/v1/appeals/{part(appeal_id)}:refuse",
            AppealRow,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def refuse_takedown(
        self,
        case_id: str,
        body: TakedownRefusal,
        *,
        idempotency_key: str | None = None,
    ) -> TakedownCase:
        """Close a case with a reason; the scope is ``operate``.

        ``POST /v1/takedowns/{case_id}:refuse``
        """
        call = Call(
            "POST",
            f"/v1/takedowns/{part(case_id)}:refuse",
            TakedownCase,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def remove_alias(
        self,
        alias: str,
    ) -> AliasView:
        """Remove an alias and its figures; the models stay. The answer has the last figures.

        ``DELETE /v1/aliases/{alias}``
        """
        call = Call(
            "DELETE",
            f"/v1/aliases/{part(alias)}",
            AliasView,
        )
        return await self._ask(call)

    async def remove_member(
        self,
        member_id: str,
    ) -> MemberRemoved:
        """Delete a person's sign-in; a token that was given out ends within 15 minutes.

        ``DELETE /v1/members/{member_id}``
        """
        call = Call(
            "DELETE",
            f"/v1/members/{part(member_id)}",
            MemberRemoved,
        )
        return await self._ask(call)

    async def remove_webhook(
        self,
        webhook_id: str,
    ) -> WebhookView:
        """Remove a webhook; nothing more is sent to it.

        ``DELETE /v1/webhooks/{webhook_id}``
        """
        call = Call(
            "DELETE",
            f"/v1/webhooks/{part(webhook_id)}",
            WebhookView,
        )
        return await self._ask(call)

    async def replay_delivery(
        self,
        webhook_id: str,
        message_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> DeliveryView:
        """Queue a message of the last seven days again, with the id that it had.

        ``POST /v1/webhooks/{webhook_id}/deliveries/{message_id}:replay``
        """
        call = Call(
            "POST",
            f"/v1/webhooks/{part(webhook_id)}/deliveries/{part(message_id)}:replay",
            DeliveryView,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def report_picture(
        self,
        body: NewTakedown,
        *,
        idempotency_key: str | None = None,
    ) -> TakedownView:
        """Report a picture that shows you. No account is needed; keep the id, to ask how it stands.

        ``POST /v1/takedowns``

        The picture's marks say which model has drawn it; no face is searched for. An operator
        decides within 48 hours.
        """
        call = Call(
            "POST",
            "/v1/takedowns",
            TakedownView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def restore_takedown(
        self,
        case_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> TakedownCase:
        """Let the case's models be drawn with again; the scope is ``operate``.

        ``POST /v1/takedowns/{case_id}:restore``
        """
        call = Call(
            "POST",
            f"/v1/takedowns/{part(case_id)}:restore",
            TakedownCase,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def revoke_key(
        self,
        key_id: str,
    ) -> KeyView:
        """End a key; API Gateway forgets it within a minute.

        ``DELETE /v1/keys/{key_id}``
        """
        call = Call(
            "DELETE",
            f"/v1/keys/{part(key_id)}",
            KeyView,
        )
        return await self._ask(call)

    async def rotate_key(
        self,
        key_id: str,
        body: Rotation,
        *,
        idempotency_key: str | None = None,
    ) -> KeyView:
        """Return a new key like the old one, which ends after the overlap.

        ``POST /v1/keys/{key_id}:rotate``

        The new key lasts as long as the old one was to last, counted from now.
        """
        call = Call(
            "POST",
            f"/v1/keys/{part(key_id)}:rotate",
            KeyView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def rotate_secret(
        self,
        webhook_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> WebhookWithSecret:
        """Make a new secret; for a day each message is signed with the old one too.

        ``POST /v1/webhooks/{webhook_id}:rotate``
        """
        call = Call(
            "POST",
            f"/v1/webhooks/{part(webhook_id)}:rotate",
            WebhookWithSecret,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def set_alias(
        self,
        body: NewAlias,
        *,
        idempotency_key: str | None = None,
    ) -> AliasView:
        """Make an alias, or change the versions and weights of one.

        ``POST /v1/aliases``

        Draw with its name in place of a model's id. A caller moves only as far as the weights move.
        """
        call = Call(
            "POST",
            "/v1/aliases",
            AliasView,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def test_webhook(
        self,
        webhook_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> DeliveryView:
        """Queue a message of type ``ping``; a webhook that was disabled is enabled again.

        ``POST /v1/webhooks/{webhook_id}:test``
        """
        call = Call(
            "POST",
            f"/v1/webhooks/{part(webhook_id)}:test",
            DeliveryView,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def verify_picture(
        self,
        body: PictureToVerify,
        *,
        idempotency_key: str | None = None,
    ) -> PictureVerdict:
        """Return whether this stack has made a picture, when, and which marks say so.

        ``POST /v1/verifications``

        No account is needed, and the picture is not kept. It takes up to 25 seconds where there is
        no mark.
        """
        call = Call(
            "POST",
            "/v1/verifications",
            PictureVerdict,
            body=body,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)

    async def withdraw_consent(
        self,
        consent_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ConsentWithdrawn:
        """Take a consent back: its upload with the photos, the models and the pictures are erased.

        ``POST /v1/consents/{consent_id}:withdraw``

        The record of the consent stays as evidence, with the time of the withdrawal. Ask again to
        see how far the erasure is, and for its receipt.
        """
        call = Call(
            "POST",
            f"/v1/consents/{part(consent_id)}:withdraw",
            ConsentWithdrawn,
            idempotency_key=idempotency_key,
        )
        return await self._ask(call)
