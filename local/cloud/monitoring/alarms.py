"""An alarm on one metric: it reads its own dimensions, and knows what a missing value means.

Stock mixes all metrics of the name, so that a failure of another stack raises the alarm, and leaves
an alarm as it is when no value came. The last `EvaluationPeriods` periods are one interval, as in
stock.
"""

import time

from ministack.services import cloudwatch

from local.cloud.typing_aliases import Json, Stock

WHEN_MISSING = {"breaching": "ALARM", "notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}
"""State of an alarm without values, for each TreatMissingData; `ignore` keeps the state."""


def evaluate(alarm: Stock) -> None:
    """Set an alarm's state, and act on a change. An alarm on an expression keeps its state."""
    if not alarm.get("Namespace") or not alarm.get("MetricName"):
        return
    points = _points(alarm)
    if points:
        state, reason = _compared(alarm, points)
    else:
        treat = alarm.get("TreatMissingData") or "missing"
        state = WHEN_MISSING.get(treat, alarm["StateValue"])
        reason = f"no datapoints were received, and {treat} data is treated so"
    before = alarm["StateValue"]
    if state == before:
        return
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _points(alarm: Stock) -> list[Json]:
    dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or []}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    since = time.time() - alarm.get("Period", 60) * alarm.get("EvaluationPeriods", 1)
    return [point for point in cloudwatch._metrics.get(key) or [] if point["Timestamp"] >= since]


def _compared(alarm: Stock, points: list[Json]) -> tuple[str, str]:
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    threshold, operator = alarm.get("Threshold", 0), alarm.get("ComparisonOperator", "")
    breaching = {
        "GreaterThanOrEqualToThreshold": value >= threshold,
        "GreaterThanThreshold": value > threshold,
        "LessThanThreshold": value < threshold,
        "LessThanOrEqualToThreshold": value <= threshold,
    }.get(operator, False)
    reason = f"Threshold Crossed: {statistic} {value} {operator} {threshold}"
    return ("ALARM" if breaching else "OK"), reason
