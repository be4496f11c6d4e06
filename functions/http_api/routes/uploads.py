"""/v1/uploads: forms for files, what has arrived, and the verdict on one photo."""

from collections import Counter
from datetime import timedelta
from secrets import token_hex
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contracts.documents.api.callers import Caller
from contracts.documents.api.problem import FieldProblem
from contracts.documents.api.uploads import (
    MAX_FILES,
    MAX_PHOTO_BYTES,
    FileToUpload,
    MoreFiles,
    NewUpload,
    PhotoErased,
    PhotoInspected,
    PhotoLink,
    PhotoToInspect,
    Preset,
    UploadCreated,
    UploadForm,
    UploadPhotos,
    UploadState,
)
from contracts.documents.upload.photo_options import FaceChecks
from contracts.shared import layout
from contracts.shared.limits import MAX_IMPORT_BYTES
from contracts.shared.suffixes import (
    ADAPTER_SUFFIX,
    ADAPTER_TYPE,
    ARCHIVE_SUFFIXES,
    CAPTION_SUFFIXES,
    SUFFIX_OF_TYPE,
    has_suffix,
)
from http_api.asking import caller, new_router, services
from http_api.problems import ApiError
from http_api.routes.appeals import appeal_of
from http_api.services import Services
from http_api.waiting import Wait, until

FORM_SECONDS = 3600
PHOTO_LINK_SECONDS = 900
NUMBER_DIGITS = 3
ALONE = "a LoRA is the only file of its upload: begin another upload"
PHOTO_SUFFIXES = tuple(
    suffix for kind, suffix in SUFFIX_OF_TYPE.items() if kind.startswith("image/")
)
UploadId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Number = Annotated[int, Path(ge=0, lt=MAX_FILES)]
Shows = Annotated[Preset, Query(description="What the photo shows.")]
Checks = Annotated[FaceChecks | None, Query(description="As in `request.json`.")]
Compared = Annotated[
    int | None,
    Query(ge=0, lt=MAX_FILES, description="Another photo, which should show the same person."),
]

router = new_router()


@router.post("/v1/uploads", summary="Begin an upload", tags=["uploads"])
def create_upload(body: NewUpload) -> UploadCreated:
    """Return a form for each file, bound to one key, its size and its type."""
    tenant, stores = caller(router, "train").tenant, services(router)
    check_files(body.files)
    return forms_for(stores, tenant, token_hex(layout.uploads.API_UPLOAD_BYTES), body.files, 0)


@router.post("/v1/uploads/<upload_id>/files", summary="Add files to an upload", tags=["uploads"])
def add_files(upload_id: UploadId, body: MoreFiles) -> UploadCreated:
    """Return forms for further files of an upload that has files, and no training yet."""
    who, stores = caller(router, "train"), services(router)
    listed = stores.uploads.list(layout.uploads.upload_prefix(who.tenant, upload_id), 1)
    if not listed:
        raise ApiError("not_found")
    check_untrained(stores, who, upload_id)
    check_files(body.files, body.first)
    if has_suffix(listed[0].key, (ADAPTER_SUFFIX,)):
        raise ApiError("invalid_call", errors=[FieldProblem(field="body.files", message=ALONE)])
    return forms_for(stores, who.tenant, upload_id, body.files, body.first)


def forms_for(
    stores: Services, tenant: str, upload: str, files: tuple[FileToUpload, ...], first: int
) -> UploadCreated:
    """Return a signed form for each file; their numbers begin with ``first``."""
    prefix, forms = layout.uploads.upload_prefix(tenant, upload), []
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
def inspect_photo(
    upload_id: UploadId,
    number: Number,
    preset: Shows = "object",
    face_checks: Checks = None,
    same_person_as: Compared = None,
) -> PhotoInspected:
    """Return the verdict on one photo at the base's resolution; nothing is stored.

    With `preset=face` faces are looked for as in a training, where the stack and the base want it.
    """
    tenant, stores = caller(router, "train").tenant, services(router)
    prefix = layout.uploads.upload_prefix(tenant, upload_id)
    key = photo_key(stores, prefix, number)
    if key is None:
        raise ApiError("not_found")
    other = None if same_person_as in {None, number} else same_person_as
    asked = PhotoToInspect(
        number=number,
        key=key,
        compared=None if other is None else photo_key(stores, prefix, other),
        preset=preset,
        face_checks=face_checks,
    )
    return stores.inspector.inspect(asked)


@router.get("/v1/uploads/<upload_id>/photos", summary="An upload's photos", tags=["uploads"])
def list_photos(upload_id: UploadId) -> UploadPhotos:
    """Return a link to each photo that is still kept, for who may train on it."""
    tenant, stores = caller(router, "train").tenant, services(router)
    prefix = layout.uploads.upload_prefix(tenant, upload_id)
    listed = stores.uploads.list(prefix, 3 * MAX_FILES)
    if not listed:
        raise ApiError("not_found")
    photos = {
        number: one
        for one in listed
        if (number := photo_number(one.key.removeprefix(prefix))) is not None
    }
    end = stores.now() + timedelta(seconds=PHOTO_LINK_SECONDS)
    data = [
        PhotoLink(
            number=number,
            url=stores.forms.link(one.key, one.key.removeprefix(prefix), PHOTO_LINK_SECONDS),
            size=one.size,
        )
        for number, one in sorted(photos.items())
    ]
    return UploadPhotos(expires_at=end.isoformat(), data=tuple(data))


@router.delete("/v1/uploads/<upload_id>/photos/<number>", summary="Erase a photo", tags=["uploads"])
def erase_photo(upload_id: UploadId, number: Number) -> PhotoErased:
    """Erase a photo and its caption, every version of them, before the upload is trained."""
    who, stores = caller(router, "train"), services(router)
    prefix = layout.uploads.upload_prefix(who.tenant, upload_id)
    if photo_key(stores, prefix, number) is None:
        raise ApiError("not_found")
    check_untrained(stores, who, upload_id)
    stores.photo_versions.purge(f"{prefix}{number:03d}.")
    return PhotoErased(upload_id=upload_id, number=number, erased_at=stores.now().isoformat())


def check_untrained(stores: Services, who: Caller, upload_id: str) -> None:
    """Refuse to change an upload that was trained; a mock key's is new and trained at once.

    Raises:
        ApiError: a request for this upload was accepted before.
    """
    row = stores.jobs.of_upload(f"{who.tenant}/{upload_id}")
    if who.mode == "live" and row.points_to is not None:
        raise ApiError("already_started")


def photo_number(name: str) -> int | None:
    """Return the number in the name of a photo that came through a form; None for other files.

    >>> photo_number("007.heic"), photo_number("007.txt"), photo_number("sofia.jpg")
    (7, None, None)
    """
    stem, _, suffix = name.partition(".")
    known = has_suffix(f".{suffix}", PHOTO_SUFFIXES) and len(stem) == NUMBER_DIGITS
    return int(stem) if known and stem.isascii() and stem.isdecimal() else None


def photo_key(stores: Services, prefix: str, number: int) -> str | None:
    """Return the key of an upload's photo; None where there is none."""
    listed = stores.uploads.list(f"{prefix}{number:03d}.", 3)
    found = [one.key for one in listed if not has_suffix(one.key, CAPTION_SUFFIXES)]
    others = (*ARCHIVE_SUFFIXES, ADAPTER_SUFFIX)
    return found[0] if found and not has_suffix(found[0], others) else None


def state_of(stores: Services, tenant: str, upload: str) -> UploadState:
    """Return what has arrived of an upload, and what became of it."""
    prefix = layout.uploads.upload_prefix(tenant, upload)
    listed = stores.uploads.list(prefix, 1000)
    row = stores.jobs.of_upload(f"{tenant}/{upload}")
    files = [one for one in listed if one.key != prefix + layout.uploads.REQUEST_FILE]
    refusal_id = upload if row.refused_code == "name_refused" else None
    return UploadState(
        id=upload,
        files=len(files),
        job_id=row.points_to,
        refused=row.refused_code,
        refusal_id=refusal_id,
        appeal=appeal_of(stores, tenant, refusal_id),
    )


def is_decided(state: UploadState) -> bool:
    """Return whether the upload has a job or was refused."""
    return state.job_id is not None or state.refused is not None


def check_files(files: tuple[FileToUpload, ...], first: int = 0) -> None:
    """Refuse files that are too large or too many, wrong captions, and a LoRA beside others.

    Raises:
        ApiError: with every wrong file.
    """
    errors, captioned = [], Counter(file.of_photo for file in files if file.of_photo is not None)
    if first + len(files) > MAX_FILES:
        words = f"an upload has at most {MAX_FILES} files"
        errors.append(FieldProblem(field="body.files", message=words))
    for number, file in enumerate(files):
        is_photo, is_text = file.type.startswith("image/"), file.type == "text/plain"
        if (is_photo or is_text) and file.size > MAX_PHOTO_BYTES:
            errors.append(problem_of(number, "size", "a photo has at most 20,000,000 bytes"))
        if file.type == ADAPTER_TYPE:
            errors += problems_with_adapter(number, file, alone=first + len(files) == 1)
        of = None if file.of_photo is None else file.of_photo - first
        captions = of is not None and 0 <= of < len(files) and files[of].type.startswith("image/")
        if is_text != captions or (not is_text and of is not None):
            words = "names the photo of a text/plain file, and of no other"
            errors.append(problem_of(number, "of_photo", words))
        elif file.of_photo is not None and captioned[file.of_photo] > 1:
            errors.append(problem_of(number, "of_photo", "a photo has one caption"))
    if errors:
        raise ApiError("invalid_call", errors=errors)


def problems_with_adapter(number: int, file: FileToUpload, *, alone: bool) -> list[FieldProblem]:
    """Return what is wrong with a LoRA; ``alone``: whether it is the only file of its upload."""
    too_large = file.size > MAX_IMPORT_BYTES
    words = f"a LoRA has at most {MAX_IMPORT_BYTES:,} bytes"
    return [
        *([problem_of(number, "size", words)] if too_large else []),
        *([] if alone else [problem_of(number, "type", ALONE)]),
    ]


def problem_of(number: int, field: str, message: str) -> FieldProblem:
    """Return a problem of one file."""
    return FieldProblem(field=f"body.files.{number}.{field}", message=message)


def name_of(number: int, file: FileToUpload) -> str:
    """Return the name of a file's key; a caption has the name of its photo."""
    return f"{number if file.of_photo is None else file.of_photo:03d}{SUFFIX_OF_TYPE[file.type]}"
