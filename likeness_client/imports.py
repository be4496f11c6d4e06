"""``likeness import``: a LoRA that another tool has trained becomes a tenant's model.

The file is checked here by the rules of intake, so a wrong one costs no upload. request.json comes
last, because its arrival starts the workflow.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
from pydantic import ValidationError

from contracts.codes import CODES
from contracts.documents.upload.consent import Consent
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import ImportRefusedError
from contracts.shared import layout
from contracts.shared.limits import MAX_IMPORT_BYTES
from contracts.shared.people.faces import may_show_people
from domain.intake.imports import check_import
from likeness_client.aws_errors import CONFIG
from likeness_client.exit_codes import ExitCode
from likeness_client.stack import NoStackError, described

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
OUTPUT = "UploadsBucketName"
PARAMETER = "RequireConsent"
UPLOADED_FILE = "lora.safetensors"
"""The file's name in the upload: a person's own file name may name somebody."""


class NotImportedError(Exception):
    """The file or the words of the command make no import; nothing was uploaded."""


@dataclass(frozen=True)
class Order:
    """What the command asks for."""

    file: Path
    tenant: str
    trigger: str
    subject: str
    """What the LoRA shows, for the gate's prompts: person, dog, style."""
    consent: Path | None = None
    """A file with the consent of the person whom the LoRA shows: docs/consent.md."""
    alpha: float | None = None
    """Alpha of layers whose alpha the file does not say, as PEFT's files; None: their rank."""


def import_lora(stack: str, order: Order) -> int:
    """Check the file, upload it and start the workflow; print TENANT/UPLOAD.

    Raises:
        NotImportedError: the file or a word is refused.
        NoStackError: there is no such stack.
    """
    request = request_of(order)
    body = read(order.file)
    found = stack_of(boto3.client("cloudformation", config=CONFIG), stack)
    check_consent(request, found)
    bucket = bucket_of(found, stack)
    upload = name_upload(body, datetime.now(UTC))
    prefix = layout.upload_prefix(order.tenant, upload)
    s3 = boto3.client("s3", config=CONFIG)
    s3.put_object(Bucket=bucket, Key=prefix + UPLOADED_FILE, Body=body)
    text = request.model_dump_json(exclude_defaults=True).encode()
    s3.put_object(Bucket=bucket, Key=prefix + layout.REQUEST_FILE, Body=text)
    sys.stderr.write("uploaded; the notice says when the model is ready, or why it is refused\n")
    sys.stdout.write(f"{order.tenant}/{upload}\n")
    return ExitCode.DONE


def request_of(order: Order) -> TrainingRequest:
    """Return the request of an import.

    Raises:
        NotImportedError: the tenant, the trigger word or the subject is not valid.
    """
    if TENANT.fullmatch(order.tenant) is None:
        raise NotImportedError("--tenant: letters, digits, - and _, at most 64")
    try:
        return TrainingRequest(
            adapter_file=UPLOADED_FILE,
            trigger_word=order.trigger,
            instance_prompt=f"a photo of a {order.trigger} {order.subject}",
            class_prompt=f"a photo of a {order.subject}",
            lora_alpha=order.alpha,
            consent=None if order.consent is None else read_consent(order.consent),
        )
    except ValidationError as error:
        reasons = "; ".join(each["msg"] for each in error.errors())
        raise NotImportedError(f"--trigger, --subject or --alpha: {reasons}") from None


def read_consent(file: Path) -> Consent:
    """Return the consent of a file.

    Raises:
        NotImportedError: it cannot be read, or is none.
    """
    try:
        return Consent.model_validate_json(file.read_bytes())
    except OSError as error:
        raise NotImportedError(f"--consent: {file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        fields = {".".join(map(str, each["loc"])) or "the file" for each in error.errors()}
        raise NotImportedError(
            f"--consent: {file}: {', '.join(sorted(fields))}: see docs/consent.md"
        ) from None


def check_consent(request: TrainingRequest, stack: Mapping[str, Any]) -> None:
    """Refuse what the stack would refuse after the upload: a person's LoRA without a consent.

    Raises:
        NotImportedError: there is none, and the stack asks for one.
    """
    given = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}
    if given.get(PARAMETER) == "true" and request.consent is None and may_show_people(request):
        entry = CODES["consent_missing"]
        raise NotImportedError(f"{entry.text} Write it into a file, and name the file by --consent")


def read(file: Path) -> bytes:
    """Return the file's bytes once the rules of intake hold.

    Raises:
        NotImportedError: it cannot be read, is too large, or would be refused after the upload.
    """
    try:
        if file.stat().st_size > MAX_IMPORT_BYTES:
            raise NotImportedError(f"{file} is larger than {MAX_IMPORT_BYTES >> 20} MiB")
        body = file.read_bytes()
    except OSError as error:
        raise NotImportedError(f"{file} cannot be read: {error.strerror}") from error
    try:
        check_import(body)
    except ImportRefusedError as error:
        entry = CODES[str(error.facts["code"])]
        why = error.facts.get("kind") or error.facts.get("reason")
        raise NotImportedError(f"{file}: {entry.text} ({why}) {entry.hint}") from None
    return body


def name_upload(body: bytes, now: datetime) -> str:
    """Return the upload's name: the time and the file's hash, nothing of a person's words."""
    return f"import-{now:%Y%m%dT%H%M%S}-{sha256(body).hexdigest()[:8]}"


def stack_of(cloudformation: Any, stack: str) -> Mapping[str, Any]:  # noqa: ANN401 (untyped boto3)
    """Return CloudFormation's description of the stack; an empty one where there is none."""
    found: Mapping[str, Any] | None = described(cloudformation, stack)
    return {} if found is None else found


def bucket_of(found: Mapping[str, Any], stack: str) -> str:
    """Return the stack's uploads bucket.

    Raises:
        NoStackError: there is no such stack, or it is none of Likeness.
    """
    outputs = {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", ())}
    if OUTPUT not in outputs:
        raise NoStackError(f"there is no stack {stack} of Likeness here; name it by --stack")
    return str(outputs[OUTPUT])
