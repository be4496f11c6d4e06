"""Differences between the laptop and AWS; docs/differences.md names each of these tests.

If a test fails after an update of ministack, the difference may be gone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cloud import RUNTIME, archive, role

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
