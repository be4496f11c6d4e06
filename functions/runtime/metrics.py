"""The figures that the dashboard and the alarms of template.yaml read.

Each is one log line in CloudWatch's embedded metric format, with the stack as its ``service``.
"""

from typing import Literal

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

Figure = Literal[
    "QueueLength",
    "QueueAge",
    "JobsInTraining",
    "JobsStuck",
    "Crashes",
    "ServiceFailures",
    "AdapterCost",
    "BillableSeconds",
    "SpotSaving",
    "WarmPoolHit",
    "WarmPoolSeconds",
]

UNITS: dict[Figure, MetricUnit] = {
    "QueueLength": MetricUnit.Count,  # jobs that wait for a training job
    "QueueAge": MetricUnit.Seconds,  # how long the oldest of them has waited
    "JobsInTraining": MetricUnit.Count,
    "JobsStuck": MetricUnit.Count,  # in training for longer than any training may last
    "Crashes": MetricUnit.Count,  # functions that ended in an error which is not one of ours
    "ServiceFailures": MetricUnit.Count,  # jobs that failed through no fault of their owner
    "AdapterCost": MetricUnit.NoUnit,  # USD, of each finished adapter, all its attempts
    "BillableSeconds": MetricUnit.Seconds,  # of each training job
    "SpotSaving": MetricUnit.Percent,  # of a spot job's time, that was not billed
    "WarmPoolHit": MetricUnit.Percent,  # 100: another training job took the warm instance; 0: none
    "WarmPoolSeconds": MetricUnit.Seconds,  # that a warm instance waited, and was billed
}

Outcome = Literal["Succeeded", "Failed", "Crashed"]


def report(figure: Figure, value: float) -> None:
    """Write one figure of the whole stack."""
    with single_metric(name=figure, unit=UNITS[figure], value=value):
        pass


def count(outcome: Outcome, stage: str) -> None:
    """Count how one invocation of a stage ended."""
    with single_metric(name=outcome, unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension("stage", stage)
