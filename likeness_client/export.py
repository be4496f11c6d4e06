"""``likeness export``: everything that is held about a tenant, a person or an upload, in one zip.

The function export_data writes the archive; this program waits for it and downloads it.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import boto3
from pydantic import ValidationError

from contracts.codes import CODES
from contracts.documents.export import ExportAnswer, ExportInput, ExportSubject
from likeness_client.aws_errors import CONFIG
from likeness_client.exit_codes import ExitCode
from likeness_client.functions import call
from likeness_client.saving import check_place

EVERY_SECONDS = 2.0


class NoExportError(Exception):
    """What is named can be no tenant, person or upload."""


class NotExportedError(Exception):
    """There is no archive, or it is not the one that was written."""


def subject_of(tenant: str, person: str | None, upload: str | None) -> ExportSubject:
    """Return what the command names.

    Raises:
        NoExportError: the words cannot name anything.
    """
    try:
        return ExportSubject(tenant=tenant, given_by=person, upload=upload)
    except ValidationError:
        raise NoExportError(
            "this names nobody: a tenant, a person (given_by of the consent) and an upload have"
            " letters, digits, - and _, at most 64; --person and --upload exclude each other"
        ) from None


def run_export(options: Any) -> int:  # noqa: ANN401 (argparse's namespace)
    """Carry out the command.

    Raises:
        NoExportError: the words name nobody.
        NotExportedError: there is no archive; the message says why.
        NotSavableError: it cannot be saved where it should be.
    """
    check_place("--out", options.out)
    given = ExportInput(
        export_id=f"exp_{token_hex(12)}",
        subject=subject_of(options.tenant, options.person, options.upload),
    )
    start(options.function, given)
    answer = wait_for_archive(options.function, given, patience_seconds=options.patience)
    download(answer, options.out)
    sys.stdout.write(f"{options.out}  {answer.size} bytes  sha256 {answer.sha256}\n")
    return ExitCode.DONE


def start(function: str, given: ExportInput, session: Any = None) -> None:  # noqa: ANN401
    """Begin the archive; return at once."""
    client = session.client("lambda") if session else boto3.client("lambda", config=CONFIG)
    client.invoke(
        FunctionName=function,
        InvocationType="Event",
        Payload=given.model_dump_json().encode(),
    )


def wait_for_archive(
    function: str,
    given: ExportInput,
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
    sleep: Callable[[float], None] = time.sleep,
    patience_seconds: float = 3600.0,
) -> ExportAnswer:
    """Return the answer that names the whole archive.

    Raises:
        NotExportedError: it has failed, or the patience is over.
        FunctionFailedError: the function failed.
    """
    look, waited = given.model_copy(update={"step": "look"}), 0.0
    while (answer := call(function, look, ExportAnswer, session)).status == "processing":
        if waited >= patience_seconds:
            raise NotExportedError(f"there is no archive after {waited:.0f} s; ask again")
        sleep(EVERY_SECONDS)
        waited += EVERY_SECONDS
    if answer.status == "failed":
        entry = CODES[answer.code or "internal_error"]
        raise NotExportedError(f"{entry.title}. {entry.hint}")
    return answer


def download(answer: ExportAnswer, out: Path, session: Any = None) -> None:  # noqa: ANN401
    """Save the archive.

    Raises:
        NotExportedError: the archive is not the one that was written.
    """
    bucket, _, key = (answer.uri or "").removeprefix("s3://").partition("/")
    (session or boto3).client("s3", config=CONFIG).download_file(bucket, key, str(out))
    with out.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != answer.sha256:
            raise NotExportedError(f"{out} was changed on its way; ask again")
