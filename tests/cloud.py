"""The embedded AWS for tests: one server for the whole session, found by name as a fixture.

ministack is imported only when a test asks for it: the training and serving environments have none.
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

    from local.cloud.server import Cloud

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
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
    """Make a role that Lambda, Step Functions and EventBridge may take; return its ARN."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"][
        "Arn"
    ]
    if statements:
        document = _policy(*statements)
        iam.put_role_policy(RoleName=name, PolicyName="tests", PolicyDocument=document)
    return arn


def eventually(look: Callable[[], Any], seconds: float = 10) -> Any:
    """Look until something true is seen, and return it."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"{look} saw nothing in {seconds} seconds"
        time.sleep(0.02)
    return seen


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
