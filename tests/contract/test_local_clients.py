"""The commands of the README and the demo, with the real AWS CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.contract.step_functions_kit import StatesKit, one

if TYPE_CHECKING:
    from local.cloud.server import Cloud

AWS = Path(sys.executable).with_name("aws")


def aws(cloud: Cloud, *arguments: str) -> Any:
    run = subprocess.run(
        [str(AWS), *arguments, "--output", "json"],
        env=os.environ | cloud.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout) if run.stdout.strip() else None


def test_an_execution_is_followed_and_redriven_from_the_command_line(
    cloud: Cloud, states: StatesKit
) -> None:
    payload = {"key": "cli", "failures": 1}
    arn = states.run(one(states.task("flaky", payload=payload))).arn
    shown = aws(cloud, "stepfunctions", "describe-execution", "--execution-arn", arn)
    assert (shown["status"], shown["error"]) == ("FAILED", "FlakyError")
    assert aws(cloud, "stepfunctions", "redrive-execution", "--execution-arn", arn)["redriveDate"]
    assert states.outcome(arn).status == "SUCCEEDED"
    history = aws(cloud, "stepfunctions", "get-execution-history", "--execution-arn", arn)
    assert "ExecutionRedriven" in [event["type"] for event in history["events"]]
    machine = shown["stateMachineArn"]
    listed = aws(cloud, "stepfunctions", "list-executions", "--state-machine-arn", machine)
    assert [each["redriveCount"] for each in listed["executions"]] == [1]
