"""The commands that ask AWS, with the caller's own credentials; they need boto3.

``likeness generate <target model> "a photo of sks" --endpoint NAME`` draws.
"""

import argparse
import os
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoRegionError,
    ParamValidationError,
)

from contracts.documents.api.callers import Scope
from likeness_client import keys, signed_api
from likeness_client.answer import Answer
from likeness_client.appeals import run_appeals
from likeness_client.aws_errors import explain, is_about_access, is_missing
from likeness_client.aws_imports import import_lora
from likeness_client.bases import add as base_add
from likeness_client.bases import check as base_check
from likeness_client.bases.calibrate import calibrate
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.mirror import open_bucket
from likeness_client.bench import NotMeasuredError, Order, measure
from likeness_client.client import Likeness
from likeness_client.doctor.account import NotAskedError
from likeness_client.doctor.command import Question, SamConfigError, check_names, diagnose
from likeness_client.erase import NoSubjectError, NotErasedError, run_erase, run_receipt
from likeness_client.errors import GenerationError
from likeness_client.exit_codes import ExitCode
from likeness_client.export import NoExportError, NotExportedError, run_export
from likeness_client.folder import NoFolderError
from likeness_client.functions import FunctionFailedError, NotDecidedError
from likeness_client.imports import NotImportedError
from likeness_client.imports import Order as ImportOrder
from likeness_client.jobs import UnknownJobError, show, stop
from likeness_client.models import NoTenantError, show_models
from likeness_client.replay import replay
from likeness_client.saving import NotSavableError, check_place
from likeness_client.stack import NoStackError
from likeness_client.store import NotStoredError
from likeness_client.takedown import run_takedown
from likeness_client.uninstall import NotConfirmedError, NotUninstalledError, uninstall
from likeness_client.verify import NotVerifiedError, print_root, verify
from likeness_client.verify import Question as MarksQuestion

NOT_ARGUMENTS = {
    *(
        "command",
        "model",
        "prompt",
        "negative_prompt",
        "endpoint",
        "out",
        "store",
        "image",
        "mask_image",
    )
}
DEFAULT_STACK = "likeness"
ADDRESS = "AWS_ENDPOINT_URL"
"""Botocore's variable, and the beginning of those for single services."""


EMPTY_REGION = "Invalid endpoint: "
"""How botocore says that AWS_DEFAULT_REGION or a profile's ``region`` is set to nothing."""


class UsageError(Exception):
    """The command cannot be carried out as it was given."""


NOT_AS_GIVEN = (
    *(UsageError, NoFolderError, NoStackError, NoSubjectError, NoTenantError),
    *(NoExportError, NotVerifiedError, SamConfigError, UnknownJobError),
    *(keys.NoApiError, keys.NotAKeyError, NotSavableError),
)
"""What the command names is not there."""

ANSWERS = (
    *(BaseRefusedError, FunctionFailedError, GenerationError, NotAskedError),
    *(NotConfirmedError, NotDecidedError, NotErasedError, NotImportedError, NotMeasuredError),
    *(NotExportedError, NotUninstalledError, signed_api.ApiRefusedError),
)
"""The answer is no, or AWS could not be asked."""


def run(options: argparse.Namespace) -> int:
    """Carry out the command, and say in one sentence what went wrong."""
    try:
        check_addresses()
        return COMMANDS[options.command](options)
    except NOT_AS_GIVEN as error:
        return complain(str(error), ExitCode.NOT_FOUND)
    except ANSWERS as error:
        unasked = isinstance(error, NotAskedError) or is_about_access(error.__cause__)
        return complain(str(error), ExitCode.NO_AWS if unasked else ExitCode.REFUSED)
    except ParamValidationError as error:
        return complain(explain(error), ExitCode.NOT_FOUND)
    except (BotoCoreError, ValueError) as error:
        return complain(explain(of_botocore(error)), ExitCode.NO_AWS)
    except ClientError as error:
        missing = is_missing(error)
        return complain(explain(error), ExitCode.NOT_FOUND if missing else ExitCode.NO_AWS)


def of_botocore(error: BotoCoreError | ValueError) -> BotoCoreError:
    """Return the error as botocore's own: for a Region of no letters it has none.

    Raises:
        ValueError: it is another fault.
    """
    if isinstance(error, BotoCoreError):
        return error
    if not str(error).startswith(EMPTY_REGION):
        raise error
    return NoRegionError()


def complain(words: str, code: ExitCode) -> ExitCode:
    """Say what went wrong."""
    sys.stderr.write(f"likeness: {words}\n")
    return code


def check_addresses() -> None:
    """Let only addresses pass that botocore can use: it ends in a traceback for others.

    Raises:
        UsageError: AWS_ENDPOINT_URL or one of its kind is no address.
    """
    for name, value in os.environ.items():
        if name.startswith(ADDRESS) and value:
            try:
                address = urlsplit(value)
                good = address.scheme in {"http", "https"} and address.hostname
                _ = address.port
            except ValueError:
                good = None
            if not good:
                raise UsageError(f"{name} is no address such as http://127.0.0.1:4566")


def run_replay(options: argparse.Namespace) -> int:
    """Empty the dead-letter queue."""
    return replay(options.queue_url, dry_run=options.dry_run)


def run_uninstall(options: argparse.Namespace) -> int:
    """Remove a stack with all that it holds."""
    return uninstall(options.stack, keep=options.keep, yes=options.yes, dry_run=options.dry_run)


def run_doctor(options: argparse.Namespace) -> int:
    """Examine a deployment, before or after it is made.

    Raises:
        UsageError: a check that is left out does not exist.
    """
    if unknown := set(options.skip) - {*check_names()}:
        raise UsageError(
            f"--skip {' '.join(sorted(unknown))}: checks are {' '.join(check_names())}"
        )
    return diagnose(
        Question(
            region=options.region,
            stack=options.stack,
            overrides=options.parameter_overrides,
            config_env=options.config_env,
            config_file=options.config_file,
            skip=options.skip,
            deep=options.hash,
            json=options.json,
        )
    )


def run_base(options: argparse.Namespace) -> int:
    """Add, check or calibrate a base.

    Raises:
        UsageError: nothing says where the base is.
    """
    if options.part == "calibrate":
        return calibrate(options.stack, options.photos, yes=options.yes)
    bucket = open_bucket(options.to, options.stack)
    if options.part == "add":
        names = base_add.Order.__dataclass_fields__.keys() - {"base_id"}
        chosen = {name: getattr(options, name) for name in names}
        return base_add.add(base_add.Order(base_id=options.id, **chosen), bucket)
    if Path(options.base).is_dir():
        return base_check.check(base_check.FolderStore(Path(options.base)), options.base)
    if bucket is None:
        raise UsageError(f"there is no folder {options.base}; for an id give --to or --stack")
    store = base_check.BucketStore(bucket, options.base, deep=options.hash)
    return base_check.check(store, options.base)


def run_bench(options: argparse.Namespace) -> int:
    """Measure instance types."""
    order = Order(options.photos, options.types, options.steps, options.save, options.yes)
    return measure(options.stack, order)


def run_verify(options: argparse.Namespace) -> int:
    """Read a picture's marks, or print the certificates that they are checked with.

    Raises:
        UsageError: no file is named.
    """
    if options.file is None and not options.print_root:
        raise UsageError("name the picture's file, or ask for --print-root")
    file = options.file or Path()
    question = MarksQuestion(file, options.stack, options.secret, options.json)
    return print_root(question) if options.print_root else verify(question)


def run_models(options: argparse.Namespace) -> int:
    """List models.

    Raises:
        UsageError: only the function, which operators may invoke, starts an endpoint.
    """
    if options.signed_api and options.wake:
        raise UsageError("leave out --wake with --signed-api: an ordered picture starts it")
    if options.signed_api:
        return signed_api.show_models(options.signed_api, options.tenant)
    return show_models(options.function, options.tenant, wake=options.wake)


def run_keys(options: argparse.Namespace) -> int:
    """Make, list or end API keys.

    Raises:
        UsageError: a word is missing, or a scope does not exist.
    """
    if options.what == "revoke":
        if not options.key:
            raise UsageError("name the key to revoke by --key; `likeness keys list` shows it")
        return keys.revoke(options.stack, options.key)
    if not options.tenant:
        raise UsageError(f"name the tenant by --tenant for `likeness keys {options.what}`")
    if options.what == "list":
        return keys.show(options.stack, options.tenant)
    return keys.create(
        options.stack,
        options.tenant,
        options.name,
        scopes_of(options.scopes),
        mode="mock" if options.mock else "live",
        days=options.days,
    )


def scopes_of(words: str) -> list[Scope]:
    """Return the scopes of a list with commas.

    Raises:
        UsageError: one of them does not exist.
    """
    known: dict[str, Scope] = {scope: scope for scope in get_args(Scope)}
    wanted = [word.strip() for word in words.split(",")]
    if unknown := [word for word in wanted if word not in known]:
        raise UsageError(f"--scopes {','.join(unknown)}: scopes are {', '.join(known)}")
    return [known[word] for word in wanted]


def run_import(options: argparse.Namespace) -> int:
    """Upload a LoRA that another tool has trained.

    Raises:
        UsageError: nobody says whose model it becomes, or the job is to be followed.
    """
    if not options.tenant:
        raise UsageError(
            "name the API, the stack's output ApiUrl, by --api or LIKENESS_API; or, with AWS"
            " credentials, whose model it becomes by --tenant"
        )
    if options.watch:
        raise UsageError("leave out --watch, and follow it by `likeness status TENANT/UPLOAD`")
    return import_lora(options.stack or DEFAULT_STACK, options.tenant, ImportOrder.of(options))


def run_status(options: argparse.Namespace) -> int:
    """Show or follow a job."""
    table = table_of(options)
    return show(table, options.job, watch=options.watch, patience_seconds=options.patience)


def run_cancel(options: argparse.Namespace) -> int:
    """Stop a job.

    Raises:
        UsageError: nobody says whose job it is.
    """
    if options.signed_api and not options.tenant:
        raise UsageError("name the tenant by --tenant, beside --signed-api")
    if options.signed_api:
        return signed_api.stop(options.signed_api, options.tenant, options.job)
    table = table_of(options)
    return stop(table, options.job, options.function, patience_seconds=options.patience)


def table_of(options: argparse.Namespace) -> str:
    """Return the jobs table's name.

    Raises:
        UsageError: nobody names it.
    """
    table: str | None = options.table or os.environ.get("LIKENESS_JOBS_TABLE")
    if not table:
        raise UsageError(
            "name the API, the stack's output ApiUrl, by --api or LIKENESS_API; or, with AWS"
            " credentials, the jobs table, the output JobsTableName, by --table or"
            " LIKENESS_JOBS_TABLE"
        )
    return table


def run_generate(options: argparse.Namespace) -> int:
    """Draw, save, and say where.

    Raises:
        UsageError: there is no endpoint, or no picture to start from.
        NotSavableError: the pictures cannot be saved where they should be.
        GenerationError: there is no picture.
    """
    if not options.endpoint:
        raise UsageError("name the endpoint by --endpoint or LIKENESS_ENDPOINT")
    check_place("--out", options.out)
    chosen = {
        name: value
        for name, value in vars(options).items()
        if name not in NOT_ARGUMENTS and value is not None
    }
    image = read_image("--image", options.image)
    mask = read_image("--mask", options.mask_image)
    if mask is not None:
        chosen["mask_image"] = mask if isinstance(mask, str) else b64encode(mask).decode()
    client = Likeness(options.endpoint)
    try:
        answer = client.generate(
            options.model, options.prompt, options.negative_prompt, options.store, image, **chosen
        )
    except NotStoredError as error:
        save(error.answer, options.out)
        raise
    save(answer, options.out)
    return ExitCode.DONE


def read_image(option: str, path: Path | str | None) -> bytes | str | None:
    """Return an option's picture, or its address.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_bytes() if isinstance(path, Path) else path
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from error


def save(answer: Answer, first: Path) -> None:
    """Write the files, and say where.

    Raises:
        UsageError: the disk does not take them.
    """
    places = name_files(first, len(answer.pictures))
    for place, picture in zip(places, answer.pictures, strict=True):
        try:
            picture.save(place)
        except OSError as error:
            raise UsageError(f"--out {place}: {error.strerror}") from error
        sys.stdout.write(f"{place} seed={picture.seed}\n")
    if answer.stored_at:
        sys.stdout.write(f"{answer.stored_at}\n")


def name_files(first: Path, count: int) -> list[Path]:
    """Return one path for each picture: ``me.png``, ``me-2.png``, ..."""
    more = [first.with_stem(f"{first.stem}-{number}") for number in range(2, count + 1)]
    return [first, *more]


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "import": run_import,
    "status": run_status,
    "cancel": run_cancel,
    "erase": run_erase,
    "receipt": run_receipt,
    "export": run_export,
    "models": run_models,
    "generate": run_generate,
    "replay": run_replay,
    "uninstall": run_uninstall,
    "doctor": run_doctor,
    "bench": run_bench,
    "verify": run_verify,
    "base": run_base,
    "keys": run_keys,
    "takedown": run_takedown,
    "appeals": run_appeals,
}
