"""Why a demo has ended badly: the notice's words, else the state that failed; and its log."""

from pathlib import Path
from typing import Any

from local.cloud import paths
from local.cloud.server import Cloud
from local.demo.subscriber import NoNoticeError, Subscriber
from local.demo.watch import failure_details, history

LAST_LINES = 8
NOTICE_SECONDS = 60.0


def of_execution(cloud: Cloud, arn: str, subscriber: Subscriber) -> str:
    """Return why an execution failed.

    The owner's notice says it best; where none came, the history has the stage's own words.
    """
    try:
        notice = subscriber.receive(seconds=NOTICE_SECONDS)
    except NoNoticeError:
        return f"{of_history(history(cloud.client('stepfunctions'), arn))} (no notice came)"
    return f"{notice['code']}: {notice['text']}"


def of_history(events: list[dict[str, Any]]) -> str:
    """Return the last state that was entered before the first failure, and the error's words.

    >>> of_history([
    ...     {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "TrainAdapter"}},
    ...     {"type": "TaskFailed", "taskFailedEventDetails": {"error": "E", "cause": "why"}},
    ... ])
    'TrainAdapter failed: E: why'
    """
    state = "the execution"
    for event in events:
        if event["type"].endswith("StateEntered"):
            state = event["stateEnteredEventDetails"]["name"]
        elif details := failure_details(event):
            error, cause = details.get("error", "no error name"), details.get("cause", "no cause")
            return f"{state} failed: {error}: {cause}"
    return "the execution's history tells of no failure"


def training_log(port: int) -> Path | None:
    """Return the file of the newest training job's output; None when there was no job."""
    logs = (paths.LOGS / "training").glob(f"*-{port}.log")
    return max(logs, key=lambda path: path.stat().st_mtime, default=None)


def tail(path: Path | None, lines: int = LAST_LINES) -> list[str]:
    """Return the last lines of a log; empty when there is none."""
    if path is None or not path.is_file():
        return []
    return path.read_text("utf-8", "replace").splitlines()[-lines:]
