"""``likeness import`` with AWS credentials: the LoRA goes to the uploads bucket.

request.json comes last, because its arrival starts the workflow.
"""

import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import boto3

from contracts.codes import CODES
from contracts.documents.upload.request import TrainingRequest
from contracts.shared import layout
from contracts.shared.people.faces import may_show_people
from likeness_client.aws_errors import CONFIG
from likeness_client.exit_codes import ExitCode
from likeness_client.imports import NotImportedError, Order, read, request_of
from likeness_client.stack import NoStackError, described

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
OUTPUT = "UploadsBucketName"
PARAMETER = "RequireConsent"
UPLOADED_FILE = "lora.safetensors"
"""The file's name in the upload: a person's own file name may name somebody."""


def import_lora(stack: str, tenant: str, order: Order) -> int:
    """Check the file, upload it and start the workflow; print TENANT/UPLOAD.

    Raises:
        NotImportedError: the file or a word is refused.
        NoStackError: there is no such stack.
    """
    if TENANT.fullmatch(tenant) is None:
        raise NotImportedError("--tenant: letters, digits, - and _, at most 64")
    request = request_of(order, UPLOADED_FILE)
    body = read(order.file)
    found = stack_of(boto3.client("cloudformation", config=CONFIG), stack)
    check_consent(request, found)
    bucket = bucket_of(found, stack)
    upload = name_upload(body, datetime.now(UTC))
    prefix = layout.uploads.upload_prefix(tenant, upload)
    s3 = boto3.client("s3", config=CONFIG)
    s3.put_object(Bucket=bucket, Key=prefix + UPLOADED_FILE, Body=body)
    text = request.model_dump_json(exclude_defaults=True).encode()
    s3.put_object(Bucket=bucket, Key=prefix + layout.uploads.REQUEST_FILE, Body=text)
    sys.stderr.write("uploaded; the notice says when the model is ready, or why it is refused\n")
    sys.stdout.write(f"{tenant}/{upload}\n")
    return ExitCode.DONE


def check_consent(request: TrainingRequest, stack: Mapping[str, Any]) -> None:
    """Refuse what the stack would refuse after the upload: a person's LoRA without a consent.

    Raises:
        NotImportedError: there is none, and the stack asks for one.
    """
    given = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}
    if given.get(PARAMETER) == "true" and request.consent is None and may_show_people(request):
        entry = CODES["consent_missing"]
        raise NotImportedError(f"{entry.text} Write it into a file, and name the file by --consent")


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
