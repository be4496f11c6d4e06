"""Differences between the laptop and AWS; docs/differences.md names each of these tests.

If a test fails after an update of ministack, the difference may be gone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cloud import RUNTIME, archive, role
from tests.contract.files import template

if TYPE_CHECKING:
    from local.cloud.server import Cloud


def test_a_function_s_tmp_is_a_folder_that_a_variable_names(cloud: Cloud) -> None:
    functions = cloud.client("lambda")
    source = "import tempfile\ndef handler(event, context): return tempfile.gettempdir()"
    functions.create_function(
        FunctionName="tmp", Runtime=RUNTIME, Role=role(cloud, "tmp"), Handler="app.handler",
        Code={"ZipFile": archive(app=source)}, Timeout=60,
    )  # fmt: skip
    found = json.load(functions.invoke(FunctionName="tmp", Payload="{}")["Payload"])
    assert found != "/tmp"  # noqa: S108 - the name is the difference
    assert f"/functions/{cloud.port}/" in found


def test_a_stack_with_a_budget_is_refused(cloud: Cloud) -> None:
    properties = template()["Resources"]["Budget"]["Properties"]
    body = {"Resources": {"B": {"Type": "AWS::Budgets::Budget", "Properties": properties}}}
    stacks = cloud.client("cloudformation")
    with pytest.raises(stacks.exceptions.ClientError, match="AWS::Budgets::Budget"):
        stacks.create_stack(StackName="budgeted", TemplateBody=json.dumps(body))
