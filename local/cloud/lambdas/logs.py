"""The lines that Lambda writes to CloudWatch Logs: one stream for each execution environment."""

import math
import time
import uuid
from datetime import UTC, datetime

from ministack.services import cloudwatch_logs, lambda_svc

from local.cloud.lambdas import memory
from local.cloud.lambdas.outcome import Outcome
from local.cloud.lambdas.process import Line
from local.cloud.lambdas.variables import log_group
from local.cloud.typing_aliases import Stock


def stream_name(config: Stock) -> str:
    """Return a new environment's stream, such as `2026/11/28/[$LATEST]0123456789abcdef...`."""
    today = datetime.now(UTC).strftime("%Y/%m/%d")
    return f"{today}/[{config.get('Version', '$LATEST')}]{uuid.uuid4().hex}"


def record(config: Stock, stream: str, request_id: str, outcome: Outcome) -> str:
    """Write an invocation's lines to its function's log group; return them.

    A deleted function's late retry writes nothing: it must not create the log group again.
    """
    lines = _lines(config, request_id, outcome)
    if config["FunctionName"] in lambda_svc._functions:
        group = log_group(config)
        _write(group, stream, lines)
    return "\n".join(text for _, text in lines)


def _lines(config: Stock, request_id: str, outcome: Outcome) -> list[Line]:
    now = time.time_ns() // 1_000_000
    begin = min(now - math.ceil(outcome.duration_ms), *(at for at, _ in outcome.lines), now)
    start = f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}"
    report = _report(int(config.get("MemorySize", 128)), request_id, outcome)
    end = f"END RequestId: {request_id}"
    late = outcome.last_words if outcome.status == "error" else ()
    words = () if outcome.status == "error" else outcome.last_words
    last = ((now, text) for text in (*words, end, report, *late))
    return [(begin, start), *outcome.lines, *last]


def _report(memory_size: int, request_id: str, outcome: Outcome) -> str:
    used = min(memory_size, math.ceil(outcome.used_bytes / memory.MIB))
    words = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {outcome.duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(outcome.duration_ms)} ms",
        f"Memory Size: {memory_size} MB",
        f"Max Memory Used: {used} MB",
    ]
    if outcome.init_ms is not None:
        words.append(f"Init Duration: {outcome.init_ms:.2f} ms")
    if outcome.status:
        words.append(f"Status: {outcome.status}")
    if outcome.error_type:
        words.append(f"Error Type: {outcome.error_type}")
    return "\t".join(words)


def _write(group: str, stream: str, lines: list[Line]) -> None:
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": group})
    if stream not in cloudwatch_logs._log_groups[group]["streams"]:
        names = {"logGroupName": group, "logStreamName": stream}
        cloudwatch_logs._create_log_stream(names)
    now = time.time_ns() // 1_000_000
    events = [{"timestamp": at, "message": text, "ingestionTime": now} for at, text in lines]
    cloudwatch_logs._append_log_events(
        cloudwatch_logs._log_groups[group]["streams"][stream], events
    )
    cloudwatch_logs._fanout_to_subscription_filters(group, stream, events)
