"""An alarm on one metric: it reads its own dimensions, and knows what a missing value means.

Stock mixes all metrics of the name, so that a failure of another stack raises the alarm. It takes
all periods for one, and leaves an alarm as it is when no value came. An alarm on an expression
keeps its state, as in stock.

Source: CloudWatch's user guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat
missing data".
"""

import time

from ministack.services import cloudwatch

from local.cloud.typing_aliases import Json, Stock

WHEN_MISSING = {"breaching": True, "notBreaching": False}
"""What a period without values counts as, for each TreatMissingData; others do not count."""


def evaluate(alarm: Stock) -> None:
    """Set an alarm's state, and act on a change."""
    if not alarm.get("Namespace") or not alarm.get("MetricName"):
        return
    state, reason = _state(alarm, time.time())
    before = alarm["StateValue"]
    if state == before:
        return
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _state(alarm: Stock, now: float) -> tuple[str, str]:
    treat = alarm.get("TreatMissingData") or "missing"
    values = _values(alarm, now)
    if all(value is None for value in values) and treat not in WHEN_MISSING:
        kept = alarm["StateValue"] if treat == "ignore" else "INSUFFICIENT_DATA"
        return kept, "Insufficient Data: no datapoints were received"
    judged = [WHEN_MISSING.get(treat) if v is None else _breaches(alarm, v) for v in values]
    breaching, needed = judged.count(True), _needed(alarm)
    reason = f"{breaching} of {len(values)} periods breach the threshold; {needed} raise the alarm"
    return ("ALARM" if breaching >= needed else "OK"), f"Threshold Crossed: {reason}"


def _needed(alarm: Stock) -> int:
    """Return how many of the periods raise the alarm."""
    return int(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods", 1))


def _values(alarm: Stock, now: float) -> list[float | None]:
    """Return the statistic of each of the last periods, None for one without values."""
    dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or []}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points, period = list(cloudwatch._metrics.get(key) or []), int(alarm.get("Period", 60))
    values = []
    for number in range(int(alarm.get("EvaluationPeriods", 1))):
        end = now - number * period
        values.append(_statistic(alarm, [p for p in points if 0 <= end - p["Timestamp"] < period]))
    return values


def _statistic(alarm: Stock, points: list[Json]) -> float | None:
    if not points:
        return None
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    found: float | None = cloudwatch._stat_value(cloudwatch._calc_stats(points), name, points)
    return found


def _breaches(alarm: Stock, value: float) -> bool:
    threshold = float(alarm.get("Threshold", 0))
    compared = {
        "GreaterThanOrEqualToThreshold": value >= threshold,
        "GreaterThanThreshold": value > threshold,
        "LessThanThreshold": value < threshold,
        "LessThanOrEqualToThreshold": value <= threshold,
    }
    return compared.get(alarm.get("ComparisonOperator", ""), False)
