"""What applications do with the API: folders, trainings, pictures and files, each in one call."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from contracts.documents.api.jobs import JobView
from contracts.documents.api.models import ModelView
from contracts.documents.api.pictures import NewPicture, PictureView
from contracts.documents.api.uploads import NewTraining, NewUpload, UploadForm, UploadState
from contracts.documents.upload.request import TrainingRequest
from likeness_client.api._async.operations import AsyncOperations
from likeness_client.api.errors import (
    JobFailedError,
    NotAcceptedError,
    PictureFailedError,
    UploadRefusedError,
)
from likeness_client.api.folder import LocalFile, OnProgress, UploadProgress, files_of
from likeness_client.api.requests import WAIT_SECONDS, Page, import_request
from likeness_client.api.transfers import (
    PartFile,
    is_made_up,
    made_up,
    not_received,
    not_sent,
    opened,
)

D = TypeVar("D")
MAX_QUESTIONS = 15
"""How often it is asked, for 20 seconds each, whether a request was accepted."""

ENDED = {"succeeded", "failed", "canceled"}


class AsyncLikenessApi(AsyncOperations):
    """Every operation of the HTTP API, and what applications make of them.

    Ids, statuses and codes are those of docs/api.md. Errors are subclasses of LikenessError.
    """

    async def upload(self, place: Path, on_progress: OnProgress | None = None) -> UploadState:
        """Upload a folder's photos with their captions, an archive or a LoRA; nothing begins yet.

        Raises:
            NotUploadableError: the folder cannot be uploaded as it is.
            NotImportedError: the LoRA would be refused.
            TransferError: S3 did not take a file.
        """
        files = files_of(place)
        made = await self.create_upload(NewUpload(files=tuple(one.announced for one in files)))
        total, sent = sum(one.announced.size for one in files), 0
        for number, (file, form) in enumerate(zip(files, made.forms, strict=True), 1):
            await self._send_file(file, form)
            sent += file.announced.size
            if on_progress is not None:
                on_progress(UploadProgress(number, len(files), sent, total))
        return await self.get_upload(made.id)

    async def train(
        self,
        upload_id: str,
        request: TrainingRequest | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Train a model on an upload; return its job as soon as the request is accepted.

        Raises:
            UploadRefusedError: the request was refused; its code says why.
            NotAcceptedError: it was neither accepted nor refused for some minutes.
        """
        wanted = TrainingRequest.model_validate(request)
        body = NewTraining(upload_id=upload_id, request=wanted)
        started = await self.create_model(body, idempotency_key=idempotency_key)
        if started.job is not None:
            return started.job
        for _ in range(MAX_QUESTIONS):
            state = await self.get_upload(upload_id, wait=WAIT_SECONDS)
            if state.refused is not None:
                raise UploadRefusedError(upload_id, state.refused)
            if state.job_id is not None:
                return await self.get_job(state.job_id)
        raise NotAcceptedError(upload_id)

    async def import_adapter(
        self,
        file: Path,
        request: TrainingRequest | Mapping[str, Any],
        on_progress: OnProgress | None = None,
    ) -> JobView:
        """Import a LoRA that another tool has trained; return its job once it is accepted.

        The same file with the same request is imported once, however often it is sent.

        Args:
            file: safetensors of kohya, diffusers, PEFT or LyCORIS; docs/import.md.
            request: both prompts, the trigger word, and a person's consent. Options of a training,
                such as ``rank``, are refused, and ``adapter_file`` is filled in.
            on_progress: told once the file is sent.

        Raises:
            NotImportedError: the file would be refused after the upload.
            TransferError: S3 did not take it.
            UploadRefusedError: the request was refused; its code says why.
            NotAcceptedError: it was neither accepted nor refused for some minutes.
        """
        wanted = import_request(request)
        upload = await self.upload(file, on_progress)
        return await self.train(upload.id, wanted)

    async def follow_job(self, job_id: str) -> AsyncIterator[JobView]:
        """Yield a job as it stands now and at each change, to its end."""
        job = await self.get_job(job_id)
        yield job
        while job.status not in ENDED:
            before = job.version
            job = await self.get_job(job_id, wait=WAIT_SECONDS, after=before)
            if job.version != before:
                yield job

    async def wait_for_job(self, job_id: str) -> JobView:
        """Return a job once it has succeeded; its ``model_id`` names the model.

        Raises:
            JobFailedError: it has failed or was cancelled.
        """
        job = await self.get_job(job_id)
        while job.status not in ENDED:
            job = await self.get_job(job_id, wait=WAIT_SECONDS, after=job.version)
        if job.status != "succeeded":
            raise JobFailedError(job)
        return job

    async def draw(
        self, model_id: str, order: NewPicture, *, idempotency_key: str | None = None
    ) -> PictureView:
        """Order pictures and return them drawn; a cold endpoint may take some minutes.

        Raises:
            PictureFailedError: the order has failed or was cancelled.
        """
        made = await self.create_picture(
            model_id, order, wait=WAIT_SECONDS, idempotency_key=idempotency_key
        )
        return await self.wait_for_picture(made.id)

    async def wait_for_picture(self, picture_id: str) -> PictureView:
        """Return an order once it is drawn, with fresh links.

        Raises:
            PictureFailedError: it has failed or was cancelled.
        """
        picture = await self.get_picture(picture_id)
        while picture.status not in ENDED:
            picture = await self.get_picture(picture_id, wait=WAIT_SECONDS)
        if picture.status != "succeeded":
            raise PictureFailedError(picture)
        return picture

    async def save_pictures(self, picture: PictureView, first: Path) -> list[Path]:
        """Download an order's pictures: ``me.png``, ``me-2.png``, ...

        Raises:
            TransferError: a picture did not arrive as it was drawn; its link may have expired.
        """
        paths = []
        for number, image in enumerate(picture.images, 1):
            path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
            await self._fetch(image.url, path, image.sha256)
            paths.append(path)
        return paths

    async def save_files(self, model_id: str, folder: Path) -> list[Path]:
        """Download every file of a model, each compared with its hash.

        Raises:
            TransferError: a file did not arrive as it was stored.
        """
        found = await self.get_files(model_id)
        paths = []
        for file in found.data:
            path = folder / file.path
            await self._fetch(file.url, path, file.sha256)
            paths.append(path)
        return paths

    async def all_jobs(self) -> AsyncIterator[JobView]:
        """Yield every job of the tenant, the newest first."""
        found = self._every(lambda after: self.list_jobs(limit=100, after=after))
        async for job in found:
            yield job

    async def all_models(self) -> AsyncIterator[ModelView]:
        """Yield every model of the tenant, the newest first."""
        found = self._every(lambda after: self.list_models(limit=100, after=after))
        async for model in found:
            yield model

    async def all_pictures(self) -> AsyncIterator[PictureView]:
        """Yield every order of the tenant, the newest first, without links."""
        found = self._every(lambda after: self.list_pictures(limit=100, after=after))
        async for picture in found:
            yield picture

    async def _every(self, ask: Callable[[str | None], Awaitable[Page[D]]]) -> AsyncIterator[D]:
        """Yield the entries of all pages."""
        page = await ask(None)
        while True:
            for entry in page.data:
                yield entry
            if page.next is None:
                return
            page = await ask(page.next)

    async def _send_file(self, file: LocalFile, form: UploadForm) -> None:
        """Send a file with its signed form; the API's key is not sent along.

        A mock key's forms lead nowhere, so nothing is sent.

        Raises:
            TransferError: S3 did not take it.
        """
        if is_made_up(form.url):
            return

        async def once() -> None:
            with opened(file.path) as body:
                parts = {"file": ("file", body)}
                answer = await self._http.post(form.url, data=form.fields, files=parts)
            if not answer.is_success:
                raise not_sent(answer.status_code)

        await self._repeat(once)

    async def _fetch(self, url: str, path: Path, digest: str) -> None:
        """Download a file, and put it in place once it is whole.

        Raises:
            TransferError: the link has expired, other bytes came, or the link is a mock key's.
        """
        if is_made_up(url):
            raise made_up()

        async def once() -> None:
            async with self._http.stream("GET", url) as answer:
                if not answer.is_success:
                    raise not_received(answer.status_code)
                with PartFile(path) as file:
                    async for piece in answer.aiter_bytes():
                        file.write(piece)
                    file.finish(digest)

        await self._repeat(once)
