"""Replaces ministack's functions for log lines, filters and alarms."""

import contextvars
import threading
from collections.abc import Callable
from math import ceil

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch, cloudwatch_logs

from local.cloud.monitoring import alarms, embedded_metrics, json_patterns
from local.cloud.typing_aliases import Json, Stock

Matcher = Callable[[str], bool]

MAX_POINTS = 1440
"""Points of one GetMetricStatistics request."""


def install() -> None:
    """Read metrics from log lines, filter by fields, and let alarms see only their own metric."""
    cloudwatch_logs._append_log_events = _with_metrics(cloudwatch_logs._append_log_events)
    compile_words = cloudwatch_logs._compile_filter_pattern
    cloudwatch_logs._compile_filter_pattern = _with_fields(compile_words)
    cloudwatch_logs._subscription_pattern_matches = lambda pattern, message: (
        cloudwatch_logs._compile_filter_pattern(pattern or "")(message or "")
    )
    cloudwatch_logs._filter_log_events = _refusing_patterns(cloudwatch_logs._filter_log_events)
    cloudwatch._evaluate_alarm = alarms.evaluate
    cloudwatch._get_metric_statistics = _limited(cloudwatch._get_metric_statistics)


def _with_metrics(append: Callable[[Stock, list[Json]], None]) -> Callable[..., None]:
    """Store the metrics of each line, and evaluate the alarms when there are any."""

    def appended(stream: Stock, events: list[Json]) -> None:
        append(stream, events)
        found = [datum for event in events for datum in embedded_metrics.read(event["message"])]
        for datum in found:
            cloudwatch._store_datum(*datum)
        if found:  # an alarm's action may call a function, so nobody waits for it
            evaluate = contextvars.copy_context().run
            work = (cloudwatch._evaluate_all_alarms,)
            threading.Thread(target=evaluate, args=work, daemon=True, name="alarms").start()

    return appended


def _with_fields(compile_words: Callable[[str], Matcher]) -> Callable[[str], Matcher]:
    """Compile a pattern in braces; stock lets every line pass it."""

    def compiled(pattern: str) -> Matcher:
        if pattern.strip().startswith("{"):
            return json_patterns.compile_pattern(pattern)
        return compile_words(pattern)

    return compiled


def _refusing_patterns(handle: Callable[[Json], Stock]) -> Callable[[Json], Stock]:
    def handled(request: Json) -> Stock:
        try:
            return handle(request)
        except json_patterns.PatternError as error:
            return error_response_json("InvalidParameterException", str(error), 400)

    return handled


def _limited(handle: Callable[..., Stock]) -> Callable[..., Stock]:
    """Refuse a request for more points than CloudWatch gives; stock counts none."""

    def handled(params: Json, sent: Json, is_cbor: bool, is_json: bool = False) -> Stock:
        names = ("StartTime", "EndTime", "Period")
        asked = sent if is_cbor or is_json else {n: cloudwatch._p(params, n) for n in names}
        start, end = (cloudwatch._parse_ts(asked.get(name)) for name in names[:2])
        if start is not None and end is not None:
            points = ceil((end - start) / int(asked.get("Period") or 60))
            if points > MAX_POINTS:
                reason = (
                    f"You have requested up to {points:,} datapoints, which exceeds the limit of"
                    f" {MAX_POINTS:,}. You may reduce the datapoints requested by increasing"
                    " Period, or decreasing the time range."
                )
                code = "InvalidParameterCombination"
                return cloudwatch._error(code, reason, 400, use_json=is_json, use_cbor=is_cbor)
        return handle(params, sent, is_cbor, is_json)

    return handled
