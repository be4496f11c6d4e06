"""The embedded AWS for tests: the fixture `cloud` is one server for the whole session.

ministack is imported when a test uses the fixture: two environments have none.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contracts.document import Document
    from local.cloud.server import Cloud

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
PATIENCE_SECONDS = 300
"""Time limit of every wait; it is long, as a busy machine may need minutes for seconds of work."""

SERVICES = ["lambda.amazonaws.com", "states.amazonaws.com", "events.amazonaws.com"]


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    from local.cloud import paths  # noqa: PLC0415
    from local.cloud.server import serve  # noqa: PLC0415

    with serve(log_file=paths.LOGS / "cloud-in-tests.log") as running:
        yield running


def archive(**modules: str) -> bytes:
    """Return a function's zip: each name is a module, each value its text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        for name, source in modules.items():
            files.writestr(f"{name}.py", source)
    return packed.getvalue()


def role(cloud: Cloud, name: str, *statements: dict[str, Any]) -> str:
    """Create a role that Lambda, Step Functions and EventBridge can assume; return its ARN."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"][
        "Arn"
    ]
    if statements:
        document = _policy(*statements)
        iam.put_role_policy(RoleName=name, PolicyName="tests", PolicyDocument=document)
    return arn


def eventually(look: Callable[[], Any]) -> Any:
    """Call ``look`` until it returns something true, and return that."""
    end, pause = time.monotonic() + PATIENCE_SECONDS, 0.02
    while not (seen := look()):
        assert time.monotonic() < end, f"{look} saw nothing in {PATIENCE_SECONDS} seconds"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)  # who looks all the time takes a core from what is waited for
    return seen


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def row_of(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as DynamoDB's resource reads it, whose making takes a tenth of a second."""
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415 - as the embedded AWS

    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def item_of(row: Document) -> dict[str, Any]:
    """Return a document as a low-level client of DynamoDB writes it."""
    from boto3.dynamodb.types import TypeSerializer  # noqa: PLC0415 - as the embedded AWS

    given = row.model_dump(exclude_none=True)
    return {name: TypeSerializer().serialize(value) for name, value in given.items()}
