"""Logs and history of an execution: every line has its job id, and none has a user's text."""

import json
import re
from typing import Any

from tests.e2e.stack import SMALL, Stack, photos

STATES = (
    "accept-request",
    "inspect-photos",
    "train-adapter",
    "publish-adapter",
    "warm-model",
    "notify-owner",
)
WORD, FILE_NAME = "zebrafinch", "aunt-gertrude"


def lines_of(stack: Stack, group: str, stream: str = "") -> list[str]:
    """Return every line of a log group's streams with a name prefix."""
    logs = stack.cloud.client("logs")
    asked = {"logGroupName": group} | ({"logStreamNamePrefix": stream} if stream else {})
    streams = logs.get_paginator("describe_log_streams").paginate(**asked)
    names = [one["logStreamName"] for page in streams for one in page["logStreams"]]
    return [
        line
        for name in names
        for event in logs.get_log_events(logGroupName=group, logStreamName=name)["events"]
        for line in event["message"].splitlines()
    ]


def structured(lines: list[str]) -> list[dict[str, Any]]:
    """Return the structured lines that are not metrics."""
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if "message" in line]


def test_every_line_names_its_job_and_no_line_repeats_its_owner(stack: Stack) -> None:
    files = {f"{FILE_NAME}-{number}.jpg": body for number, body in enumerate(photos(41).values())}
    prompt = f"a photo of a sks person with a {WORD}"
    stack.upload("logged", files, SMALL | {"instance_prompt": prompt})
    execution = stack.execution("logged")
    assert execution["status"] == "SUCCEEDED"
    assert stack.notice("logged")["code"] == "ready"
    job_id = stack.record("logged").job_id

    for name in STATES:
        logged = structured(lines_of(stack, f"/aws/lambda/likeness-{name}"))
        assert logged, name
        # accept-request also logs events that do not become a job; photos that the HTTP API
        # has judged before a training have their upload's id.
        named = {"job_id", "upload_id"}
        nameless = [one for one in logged if not named & one.keys() and name != "accept-request"]
        assert nameless == []
        assert job_id in {line.get("job_id") for line in logged}
    for name in ("launch-training", "follow-training"):
        logged = structured(lines_of(stack, f"/aws/lambda/likeness-{name}"))
        assert job_id in {line.get("job_id") for line in logged}, name

    plan = stack.plan_id(job_id)
    trained = lines_of(stack, "/aws/sagemaker/TrainingJobs", f"likeness-{plan}-")
    assert trained
    assert [line for line in trained if not re.search("(job|plan)_id=", line)] == []

    logs = stack.cloud.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    everything = "\n".join(line for group in groups for line in lines_of(stack, group))
    assert job_id in everything
    remembered = json.dumps(stack.history(execution), default=str)
    assert job_id in remembered
    for text in (everything, remembered):
        assert (WORD in text, FILE_NAME in text) == (False, False)
