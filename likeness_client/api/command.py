"""The commands that speak HTTP: upload, import, status, cancel, pictures, files and alias."""

import argparse
import re
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from pydantic import ValidationError

from contracts.documents.api.aliases import (
    MAX_VERSIONS,
    AliasView,
    NewAlias,
    Promotion,
    VersionView,
)
from contracts.documents.api.jobs import JobView
from contracts.documents.api.pictures import NewPicture
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.suffixes import CONSENT_FILE
from domain.requests.merge import RequestSources, merge_sources
from domain.requests.request_json import MAX_REQUEST_BYTES, RequestRefusedError
from likeness_client.api._sync.client import LikenessApi
from likeness_client.api.errors import (
    ApiError,
    LikenessError,
    NotReachedError,
    NotUnderstoodError,
    UploadRefusedError,
)
from likeness_client.api.folder import (
    NotUploadableError,
    UploadProgress,
    consent_file,
    request_file,
)
from likeness_client.api.requests import WAIT_SECONDS, NoAddressError
from likeness_client.api.retries import PATIENCE_SECONDS
from likeness_client.exit_codes import ExitCode
from likeness_client.folder import NoFolderError, shown
from likeness_client.imports import NotImportedError, Order, request_of
from likeness_client.job_lines import job_line, step_words, waiting_words
from likeness_client.saving import NotSavableError, check_place

JOB_ID = re.compile(r"[0-9a-f]{32}")
BAR_CELLS = 24
NOT_ASKED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class NotAsGivenError(Exception):
    """The command cannot be carried out as it was given; the text says why."""


NOT_AS_GIVEN = (
    *(NoAddressError, NoFolderError, NotAsGivenError, NotSavableError, NotUploadableError),
)
"""What the command names is not there, or cannot be used."""


class LoggedPauses:
    """The pauses between the tries of a call. The first one is printed: nobody waits unaware."""

    def __init__(self) -> None:
        self._logged = False

    def __call__(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        if not self._logged:
            sys.stderr.write(
                "likeness: the API did not answer or is busy; "
                f"each call is tried again for up to {PATIENCE_SECONDS:.0f} s\n"
            )
            self._logged = True
        time.sleep(seconds)


def run(options: argparse.Namespace) -> int:
    """Carry out a command, and say in one sentence what went wrong."""
    try:
        with LikenessApi(options.api, sleep=LoggedPauses()) as api:
            return COMMANDS[options.command](api, options)
    except NOT_AS_GIVEN as error:
        return complain(str(error), ExitCode.NOT_FOUND)
    except NotImportedError as error:
        return complain(str(error), ExitCode.REFUSED)
    except LikenessError as error:
        return complain(str(error), status_of(error))


def status_of(error: LikenessError) -> ExitCode:
    """Return the exit status of an error."""
    if isinstance(error, NotReachedError | NotUnderstoodError):
        return ExitCode.NO_AWS
    if isinstance(error, ApiError) and error.status in NOT_ASKED:
        return ExitCode.NO_AWS
    missing = isinstance(error, ApiError) and error.status == HTTPStatus.NOT_FOUND
    return ExitCode.NOT_FOUND if missing else ExitCode.REFUSED


def complain(words: str, code: ExitCode) -> ExitCode:
    """Say what went wrong."""
    sys.stderr.write(f"likeness: {words}\n")
    return code


def upload(api: LikenessApi, options: argparse.Namespace) -> int:
    """Upload a folder or an archive, and train on it if something says what to train.

    Raises:
        NotAsGivenError: nothing says what to train.
    """
    wanted = None if options.no_train else read_request(options)
    state = api.upload(options.place, show_progress)
    print_line(f"upload {state.id}: {state.files} files")
    if wanted is None:
        return ExitCode.DONE
    job = api.train(state.id, wanted)
    print_line(f"job {job.id}")
    return follow(api, job.id) if options.watch else ExitCode.DONE


def import_adapter(api: LikenessApi, options: argparse.Namespace) -> int:
    """Upload a LoRA that another tool has trained, and begin its import.

    Raises:
        NotAsGivenError: a tenant or a stack is named beside the API.
        NotImportedError: the file or a word is refused.
    """
    if options.tenant or options.stack:
        raise NotAsGivenError("leave out --tenant and --stack beside --api: the key names both")
    order = Order.of(options)
    job = api.import_adapter(order.file, request_of(order), show_progress)
    print_line(f"job {job.id}")
    return follow(api, job.id) if options.watch else ExitCode.DONE


def read_request(options: argparse.Namespace) -> TrainingRequest:
    """Return what is to be trained, with the consent that is beside the photos.

    Raises:
        NotAsGivenError: nothing says so, or the file cannot be used.
    """
    path = options.request or request_file(options.place)
    if path is None:
        raise NotAsGivenError(
            "nothing says what to train: put request.json into the folder, name one by --request,"
            " or upload alone by --no-train"
        )
    consent = consent_file(options.place)
    try:
        settings = {} if consent is None else {CONSENT_FILE: read(consent)}
        return merge_sources(RequestSources(read(path), settings, ())).request
    except OSError as error:
        raise NotAsGivenError(f"{shown(Path(error.filename))}: {error.strerror}") from error
    except RequestRefusedError as error:
        problems = "; ".join(f"{one.field}: {one.message}" for one in error.problems)
        files = shown(path) if consent is None else f"{shown(path)} with {consent.name}"
        raise NotAsGivenError(f"{files}: {problems}") from None


def read(path: Path) -> bytes:
    """Return a settings file; of one that is too large only the beginning, which is no JSON."""
    with path.open("rb") as file:
        return file.read(MAX_REQUEST_BYTES)


def show_progress(progress: UploadProgress) -> None:
    """Draw a bar on a terminal; elsewhere nothing is shown."""
    if sys.stderr.isatty():
        end = "\n" if progress.files == progress.of_files else ""
        sys.stderr.write(f"\r{bar(progress)}{end}")
        sys.stderr.flush()


def bar(progress: UploadProgress) -> str:
    """Return the bar.

    >>> bar(UploadProgress(3, 6, 1_500_000, 3_000_000))
    '[############............] 3 of 6 files, 1.5 of 3.0 MB'
    """
    full = BAR_CELLS * progress.sent_bytes // max(progress.of_bytes, 1)
    cells = "#" * full + "." * (BAR_CELLS - full)
    sizes = f"{progress.sent_bytes / 1e6:.1f} of {progress.of_bytes / 1e6:.1f} MB"
    return f"[{cells}] {progress.files} of {progress.of_files} files, {sizes}"


def status(api: LikenessApi, options: argparse.Namespace) -> int:
    """Show how a job stands, once or at each change."""
    job_id = job_of(api, options.job)
    return follow(api, job_id) if options.watch else show(api.get_job(job_id))


def follow(api: LikenessApi, job_id: str) -> int:
    """Show a job at each change, to its end."""
    code: int = ExitCode.DONE
    for job in api.follow_job(job_id):
        code = show(job)
    return code


def show(job: JobView) -> int:
    """Print one line about a job, and what to do when it has ended badly."""
    print_line(job_line(job.status, job.stage, job.percent, details(job)))
    if job.failure is not None:
        print_line(f"  {job.failure.title}. {job.failure.detail}\n  {job.failure.hint}")
    if job.model_id is not None:
        print_line(f"model {job.model_id}")
    return ExitCode.REFUSED if job.status in {"failed", "canceled"} else ExitCode.DONE


def details(job: JobView) -> str:
    """Return what there is to say beyond the stage."""
    if job.failure is not None:
        return job.failure.code
    if job.queue_place is not None:
        return waiting_words(job.queue_place, job.waiting_for)
    if job.eta_seconds is not None:
        return step_words(job.step, job.total_steps, job.eta_seconds)
    return ""


def job_of(api: LikenessApi, name: str) -> str:
    """Return the id of a job that goes by its own id or by that of its upload.

    Raises:
        NotAsGivenError: it names neither, or the upload has no training.
        UploadRefusedError: the upload's request was refused.
    """
    if "/" in name:
        raise NotAsGivenError(
            "over the API a job goes by its own id or by its upload's; TENANT/UPLOAD needs --table"
        )
    if JOB_ID.fullmatch(name):
        return name
    found = api.get_upload(name, wait=WAIT_SECONDS)
    if found.refused is not None:
        raise UploadRefusedError(name, found.refused)
    if found.job_id is None:
        raise NotAsGivenError(f"the upload {found.id} has no training")
    return found.job_id


def cancel(api: LikenessApi, options: argparse.Namespace) -> int:
    """Stop a job."""
    answer = api.cancel_job(job_of(api, options.job))
    print_line(answer.outcome)
    return ExitCode.DONE if answer.outcome == "canceling" else ExitCode.REFUSED


def pictures(api: LikenessApi, options: argparse.Namespace) -> int:
    """Draw pictures, save them, and say where.

    Raises:
        NotAsGivenError: an option is out of its bounds, or a file cannot be read.
        NotSavableError: the pictures cannot be saved where they should be.
    """
    check_place("--out", options.out)
    start = {
        "image": encoded("--image", options.image),
        "mask_image": encoded("--mask", options.mask_image),
    }
    plain = NewPicture.model_fields.keys() - start.keys()
    given = start | {name: getattr(options, name) for name in plain}
    try:
        order = NewPicture.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])).replace("_", "-")
        raise NotAsGivenError(f"--{place}: {fault['msg']}") from None
    drawn = api.draw(options.model, order)
    for path, image in zip(api.save_pictures(drawn, options.out), drawn.images, strict=True):
        print_line(f"{shown(path)} seed={image.seed}")
    return ExitCode.DONE


def encoded(option: str, path: Path | str | None) -> str | None:
    """Return an option's file in base64, or its address.

    Raises:
        NotAsGivenError: it cannot be read.
    """
    if not isinstance(path, Path):
        return path
    try:
        return b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise NotAsGivenError(f"{option}: {shown(path)}: {error.strerror}") from None


def alias(api: LikenessApi, options: argparse.Namespace) -> int:
    """Set, show, promote or remove an alias; print a line for each version.

    Raises:
        NotAsGivenError: a name or a model is missing.
    """
    if options.what == "show" and options.name is None:
        for one in api.list_aliases().data:
            print_alias(one)
        return ExitCode.DONE
    needed = {"set": range(1, MAX_VERSIONS + 1), "promote": range(1, 2)}
    if options.name is None or len(options.models) not in needed.get(options.what, range(1)):
        raise NotAsGivenError(
            "alias set NAME MODEL=WEIGHT ..., alias show [NAME], alias promote NAME MODEL,"
            " or alias remove NAME"
        )
    print_alias(changed_alias(api, options))
    return ExitCode.DONE


def changed_alias(api: LikenessApi, options: argparse.Namespace) -> AliasView:
    """Return an alias after what was asked for, or before its removal."""
    name, versions = options.name, tuple(options.models)
    if options.what == "set":
        try:
            wanted = NewAlias(name=name, versions=versions)
        except ValidationError:
            words = "an alias has a-z, 0-9 and -, at most 31, the first a letter"
            raise NotAsGivenError(words) from None
        return api.set_alias(wanted)
    if options.what == "promote":
        return api.promote_version(name, Promotion(model_id=versions[0].model_id))
    return api.remove_alias(name) if options.what == "remove" else api.get_alias(name)


def print_alias(found: AliasView) -> None:
    """Print an alias: a line for it, and one for each version."""
    print_line(found.id)
    for one in found.versions:
        print_line(f"  {version_line(one)}")


def version_line(found: VersionView) -> str:
    """Return a version with its figures.

    >>> version_line(VersionView(
    ...     model_id="0" * 32, weight=1, share=0.25, present=True, drawn=20, pictures=40, refused=1,
    ...     failed=0, mean_seconds=3.1, half_within_seconds=4, most_within_seconds=8, likeness=0.61,
    ...     rating=4.5, ratings=2))[33:]
    '25 %  drawn 20  refused 1  failed 0  95 % within 8 s  likeness 0.61  rated 4.5 by 2'
    """
    words = [
        f"{found.model_id} {found.share:.0%}".replace("%", " %"),
        *([] if found.present else ["erased"]),
        f"drawn {found.drawn}",
        f"refused {found.refused}",
        f"failed {found.failed}",
    ]
    if found.most_within_seconds is not None:
        words.append(f"95 % within {found.most_within_seconds} s")
    if found.likeness is not None:
        words.append(f"likeness {found.likeness:.2f}")
    if found.rating is not None:
        words.append(f"rated {found.rating:g} by {found.ratings}")
    return "  ".join(words)


def files(api: LikenessApi, options: argparse.Namespace) -> int:
    """Download a model's files, and say where they are."""
    for path in api.save_files(options.model, options.out):
        print_line(shown(path))
    return ExitCode.DONE


def print_line(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


COMMANDS: dict[str, Callable[[LikenessApi, argparse.Namespace], int]] = {
    "upload": upload,
    "import": import_adapter,
    "status": status,
    "cancel": cancel,
    "pictures": pictures,
    "files": files,
    "alias": alias,
}
