"""/v1/uploads: forms for files, what has arrived, and the verdict on one photo."""

from datetime import timedelta
from secrets import token_hex
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from contracts.codes import CODES
from contracts.documents.api.problem import FieldProblem
from contracts.documents.api.uploads import (
    MAX_FILES,
    MAX_PHOTO_BYTES,
    FileToUpload,
    MoreFiles,
    NewUpload,
    PhotoInspected,
    UploadCreated,
    UploadForm,
    UploadState,
)
from contracts.shared import layout
from contracts.shared.rejection import PhotoRejectedError
from contracts.shared.suffixes import (
    ARCHIVE_SUFFIXES,
    CAPTION_SUFFIXES,
    SUFFIX_OF_TYPE,
    has_suffix,
)
from domain.intake.normalisation import MAX_PHOTO_BYTES as MAX_READ
from domain.intake.normalisation import limits_for
from domain.intake.photo_quality import ADVICE, advice_on
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError
from http_api.asking import caller, new_router, services
from http_api.problems import ApiError
from http_api.services import Services
from http_api.waiting import Wait, until

FORM_SECONDS = 3600
UploadId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Number = Annotated[int, Path(ge=0, lt=MAX_FILES)]

router = new_router()


@router.post("/v1/uploads", summary="Begin an upload", tags=["uploads"])
def create_upload(body: NewUpload) -> UploadCreated:
    """Return a form for each file, bound to one key, its size and its type."""
    tenant, stores = caller(router, "train").tenant, services(router)
    check_files(body.files)
    return forms_for(stores, tenant, token_hex(layout.API_UPLOAD_BYTES), body.files, 0)


@router.post("/v1/uploads/<upload_id>/files", summary="Add files to an upload", tags=["uploads"])
def add_files(upload_id: UploadId, body: MoreFiles) -> UploadCreated:
    """Return forms for further files of an upload that has files, and no training yet."""
    tenant, stores = caller(router, "train").tenant, services(router)
    if not stores.uploads.list(layout.upload_prefix(tenant, upload_id), 1):
        raise ApiError("not_found")
    if stores.jobs.of_upload(f"{tenant}/{upload_id}").points_to is not None:
        raise ApiError("already_started")
    check_files(body.files, body.first)
    return forms_for(stores, tenant, upload_id, body.files, body.first)


def forms_for(
    stores: Services, tenant: str, upload: str, files: tuple[FileToUpload, ...], first: int
) -> UploadCreated:
    """Return a signed form for each file; their numbers begin with ``first``."""
    prefix, forms = layout.upload_prefix(tenant, upload), []
    for number, file in enumerate(files, first):
        form = stores.forms.form(prefix + name_of(number, file), file.size, file.type, FORM_SECONDS)
        forms.append(UploadForm(number=number, url=form.url, fields=form.fields))
    end = stores.now() + timedelta(seconds=FORM_SECONDS)
    return UploadCreated(id=upload, expires_at=end.isoformat(), forms=tuple(forms))


@router.get("/v1/uploads/<upload_id>", summary="What became of an upload", tags=["uploads"])
def get_upload(upload_id: UploadId, wait: Wait = 0) -> UploadState:
    """Return what has arrived, and the job or the refusal; wait for one of the two."""
    tenant, stores = caller(router, "read").tenant, services(router)
    found = until(stores, wait, lambda: state_of(stores, tenant, upload_id), is_decided)
    if found.files == 0 and not is_decided(found):
        raise ApiError("not_found")
    return found


@router.post(
    "/v1/uploads/<upload_id>/photos/<number>:inspect", summary="Judge one photo", tags=["uploads"]
)
def inspect_photo(upload_id: UploadId, number: Number) -> PhotoInspected:
    """Return the verdict on one photo at the base's resolution; nothing is stored."""
    tenant, stores = caller(router, "train").tenant, services(router)
    prefix = f"{layout.upload_prefix(tenant, upload_id)}{number:03d}"
    found = [
        one for one in stores.uploads.list(prefix, 3) if not has_suffix(one.key, CAPTION_SUFFIXES)
    ]
    if not found or has_suffix(found[0].key, ARCHIVE_SUFFIXES):
        raise ApiError("not_found")
    return verdict_on(stores, found[0].key, number)


def verdict_on(stores: Services, key: str, number: int) -> PhotoInspected:
    """Return the verdict on a stored photo.

    Raises:
        ApiError: the photo is gone.
    """
    try:
        body = stores.uploads.read(key, MAX_READ)
        resolution = stores.bases.card(stores.bases.base_id).resolution
        photo = stores.decoder.decode(body, limits_for(resolution))
    except ObjectMissingError:
        raise ApiError("not_found") from None
    except ObjectTooLargeError:
        return refused(number, "too_many_bytes")
    except PhotoRejectedError as error:
        return refused(number, error.code)
    codes = (*photo.codes, *advice_on(photo.metrics, ()))
    return PhotoInspected(
        number=number,
        verdict="repaired" if photo.codes else "accepted",
        codes=codes,
        advice=tuple(CODES[code].hint for code in codes if code in ADVICE),
        width=photo.width,
        height=photo.height,
    )


def refused(number: int, code: str) -> PhotoInspected:
    """Return the verdict on a photo that cannot be used."""
    hint = CODES[code].hint
    return PhotoInspected(number=number, verdict="refused", codes=(code,), advice=(hint,))


def state_of(stores: Services, tenant: str, upload: str) -> UploadState:
    """Return what has arrived of an upload, and what became of it."""
    prefix = layout.upload_prefix(tenant, upload)
    listed = stores.uploads.list(prefix, 1000)
    row = stores.jobs.of_upload(f"{tenant}/{upload}")
    files = [one for one in listed if one.key != prefix + layout.REQUEST_FILE]
    return UploadState(id=upload, files=len(files), job_id=row.points_to, refused=row.refused_code)


def is_decided(state: UploadState) -> bool:
    """Return whether the upload has a job or was refused."""
    return state.job_id is not None or state.refused is not None


def check_files(files: tuple[FileToUpload, ...], first: int = 0) -> None:
    """Refuse photos that are too large, captions of no photo, and one file too many.

    Raises:
        ApiError: with every wrong file.
    """
    errors = []
    if first + len(files) > MAX_FILES:
        words = f"an upload has at most {MAX_FILES} files"
        errors.append(FieldProblem(field="body.files", message=words))
    for number, file in enumerate(files):
        is_photo, is_text = file.type.startswith("image/"), file.type == "text/plain"
        if (is_photo or is_text) and file.size > MAX_PHOTO_BYTES:
            errors.append(problem_of(number, "size", "a photo has at most 20,000,000 bytes"))
        of = None if file.of_photo is None else file.of_photo - first
        captions = of is not None and 0 <= of < len(files) and files[of].type.startswith("image/")
        if is_text != captions:
            words = "names the photo of a text/plain file, and of no other"
            errors.append(problem_of(number, "of_photo", words))
    if errors:
        raise ApiError("invalid_call", errors=errors)


def problem_of(number: int, field: str, message: str) -> FieldProblem:
    """Return a problem of one file."""
    return FieldProblem(field=f"body.files.{number}.{field}", message=message)


def name_of(number: int, file: FileToUpload) -> str:
    """Return the name of a file's key; a caption has the name of its photo."""
    return f"{number if file.of_photo is None else file.of_photo:03d}{SUFFIX_OF_TYPE[file.type]}"
