"""``likeness erase``: forget a tenant, an upload, a photo or a model, and check the receipt.

The function request_erasure stops everything at once; erase_subject does the rest.
"""

import base64
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from pydantic import ValidationError

from contracts.documents.erasure import (
    ErasureAnswer,
    ErasureInput,
    ErasureSubject,
    SignedReceipt,
    digest_of,
)
from likeness_client.aws_errors import CONFIG
from likeness_client.exit_codes import ExitCode
from likeness_client.functions import call
from likeness_client.saving import check_place

EVERY_SECONDS = 2.0
PATIENCE_SECONDS = 3600.0
"""How long to wait for a receipt: work under way has to end first."""


class NoSubjectError(Exception):
    """What is named can be no tenant, upload or model; or no receipt."""


class NotErasedError(Exception):
    """There is nothing of the kind, it was not confirmed, or it takes too long."""


def subject_of(
    tenant: str, upload: str | None, photo: str | None, model: str | None
) -> ErasureSubject:
    """Return what the command names.

    Raises:
        NoSubjectError: the words cannot name anything.
    """
    try:
        return ErasureSubject(
            tenant=tenant,
            upload=upload,
            model_id=None if model is None else model[:32],
            photo=None if photo is None else hashlib.sha256(photo.encode()).hexdigest(),
        )
    except ValidationError as error:
        fields = {".".join(map(str, each["loc"])) or each["msg"] for each in error.errors()}
        raise NoSubjectError(
            f"this names nothing that could be erased: {', '.join(sorted(fields))}. A tenant or an"
            " upload has letters, digits, - and _, at most 64; a model is its id (32 hexadecimal"
            " digits) or its target model; --photo needs --upload"
        ) from None


def erase(
    subject: ErasureSubject,
    function: str,
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
    *,
    withdrawn: bool = False,
) -> ErasureAnswer:
    """Ask a stack to forget; return at once.

    ``withdrawn``: a consent was taken back; its record, which stays, then says when.

    Raises:
        FunctionFailedError: the function failed.
        NotErasedError: the tenant has no such thing.
    """
    given = ErasureInput(subject=subject, withdrawn=withdrawn)
    answer = call(function, given, ErasureAnswer, session)
    if answer.outcome == "unknown":
        raise NotErasedError(
            f"the tenant {subject.tenant} has no such {subject.kind}: check the name. What was"
            " erased before has a receipt and is named as erased"
        )
    return answer


def wait_for_receipt(
    uri: str,
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
    sleep: Callable[[float], None] = time.sleep,
    patience_seconds: float = PATIENCE_SECONDS,
) -> bytes:
    """Return the receipt once everything is gone.

    Raises:
        NotErasedError: the patience is over; the erasure goes on.
    """
    s3 = (session or boto3).client("s3", config=CONFIG)
    waited = 0.0
    while (receipt := find(s3, uri)) is None:
        if waited >= patience_seconds:
            raise NotErasedError(
                f"there is no receipt after {waited:.0f} s. Nothing is drawn or trained any more."
                " Give the same command again: it continues an erasure that has failed"
            )
        sleep(EVERY_SECONDS)
        waited += EVERY_SECONDS
    return receipt


def find(s3: Any, uri: str) -> bytes | None:  # noqa: ANN401 (boto3 ships no types)
    """Return an object's bytes; None when it is not there yet."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    return body


def run_erase(options: Any) -> int:  # noqa: ANN401 (argparse's namespace)
    """Carry out the command.

    Raises:
        NotSavableError: the receipt cannot be saved where it should be; nothing is erased.
    """
    if options.receipt is not None:
        check_place("--receipt", options.receipt)
    subject = subject_of(options.tenant, options.upload, options.photo, options.model)
    confirm(subject, options.yes)
    answer = erase(subject, options.function, withdrawn=options.withdrawn)
    sys.stdout.write(f"{answer.outcome}: nothing of this {subject.kind} is drawn or trained now\n")
    if options.receipt is not None and answer.receipt_uri is not None:
        body = wait_for_receipt(answer.receipt_uri, patience_seconds=options.patience)
        options.receipt.write_bytes(body)
        show(SignedReceipt.model_validate_json(body))
        sys.stdout.write(f"receipt in {options.receipt}\n")
    return ExitCode.DONE


def confirm(subject: ErasureSubject, yes: str | None) -> None:
    """Let the tenant's name be said once more.

    Raises:
        NotErasedError: it is another name.
    """
    if yes is None:
        sys.stderr.write(f"This {subject.kind} goes for ever. The tenant's name again: ")
        sys.stderr.flush()
        yes = sys.stdin.readline().strip()
    if yes != subject.tenant:
        raise NotErasedError("the names differ, so nothing was erased")


def show(signed: SignedReceipt) -> None:
    """Print a receipt as a table."""
    receipt = signed.receipt
    sys.stdout.write(
        f"{receipt.kind} {receipt.subject_sha256[:12]}..., asked {receipt.requested_at},"
        f" erased {receipt.erased_at}, {receipt.jobs} trainings\n"
    )
    for store in receipt.stores:
        left = "not counted" if store.remaining is None else f"{store.remaining} left"
        sys.stdout.write(f"  {store.store:<28}{store.found:>8} found{left:>14}\n")
    for later in receipt.expiring:
        until = later.gone_at or "kept by AWS"
        sys.stdout.write(f"  {later.store}: {later.holds}; {until}\n")


def run_receipt(options: Any) -> int:  # noqa: ANN401 (argparse's namespace)
    """Check a receipt."""
    if options.key is None:
        raise NoSubjectError("which key? Give --key, the stack's output ReceiptKeyArn")
    signed = read(options.file)
    show(signed)
    if not is_signed_by(signed, options.key):
        sys.stdout.write(
            "NOT SIGNED by this key: the receipt was changed, or is of another stack\n"
        )
        return ExitCode.REFUSED
    sys.stdout.write(f"signed by {options.key}\n")
    return ExitCode.DONE


def read(file: Path) -> SignedReceipt:
    """Return the receipt in a file.

    Raises:
        NoSubjectError: the file is missing, or is no receipt.
    """
    try:
        return SignedReceipt.model_validate_json(file.read_bytes())
    except OSError as error:
        raise NoSubjectError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError:
        raise NoSubjectError(f"{file} is no receipt of an erasure") from None


def is_signed_by(signed: SignedReceipt, key: str, session: Any = None) -> bool:  # noqa: ANN401
    """Return whether this key has signed the receipt as it stands."""
    try:
        signature = base64.b64decode(signed.signature, validate=True)
    except ValueError:
        return False
    if not signature:  # KMS would not be asked
        return False
    kms = (session or boto3).client("kms", config=CONFIG)
    try:
        answer = kms.verify(
            KeyId=key,
            Message=digest_of(signed.receipt),
            MessageType="DIGEST",
            Signature=signature,
            SigningAlgorithm=signed.algorithm,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "KMSInvalidSignatureException":
            return False
        raise
    return bool(answer["SignatureValid"])
