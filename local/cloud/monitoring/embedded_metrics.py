"""Metrics in log lines: CloudWatch's embedded metric format.

Source: CloudWatch's user guide, "Specification: Embedded metric format".
"""

import json
import time
from collections.abc import Iterator
from typing import NamedTuple

from local.cloud.typing_aliases import Json

MARKER = '"_aws"'
MAX_AGE_SECONDS = 14 * 24 * 3600.0
MAX_AHEAD_SECONDS = 2 * 3600.0


class Datum(NamedTuple):
    """One value of a metric, as ministack stores it; `values` are several of one moment."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    timestamp: float
    unit: str
    value: float | None
    values: list[float] | None
    counts: None = None
    statistics: None = None


def read(line: str) -> list[Datum]:
    """Return the metrics of a log line; none if it has none, or its time is far from now."""
    if MARKER not in line:
        return []
    try:
        document = json.loads(line)
        about = document["_aws"]
        moment = about["Timestamp"] / 1000
        if not -MAX_AHEAD_SECONDS <= time.time() - moment <= MAX_AGE_SECONDS:
            return []
        return [
            datum for each in about["CloudWatchMetrics"] for datum in _of(each, document, moment)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []  # CloudWatch keeps the line as a log, too


def _of(directive: Json, document: Json, moment: float) -> Iterator[Datum]:
    """Yield each metric once for each set of dimensions."""
    for names in directive.get("Dimensions") or [[]]:
        dimensions = {name: str(document[name]) for name in names}
        for metric in directive["Metrics"]:
            found = document[metric["Name"]]
            several = [float(each) for each in found] if isinstance(found, list) else None
            yield Datum(
                directive["Namespace"],
                metric["Name"],
                dimensions,
                moment,
                metric.get("Unit", "None"),
                float(found) if several is None else None,
                several,
            )
