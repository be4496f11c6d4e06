"""The metrics that the dashboard and the alarms of template.yaml read.

Each value is one log line in CloudWatch's embedded metric format, with the stack as ``service``.
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
    "QuotaZero",
    "TrainingDenied",
    "AdapterCost",
    "PriceUnknown",
    "TakedownHours",
    "AppealHours",
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
    "Crashes": MetricUnit.Count,  # invocations that ended in an unexpected error
    "ServiceFailures": MetricUnit.Count,  # failed jobs that an operator has to act on
    "QuotaZero": MetricUnit.Count,  # failed jobs whose instance type the account may not use
    "TrainingDenied": MetricUnit.Count,  # failed jobs for which the stack may not create trainings
    "AdapterCost": MetricUnit.NoUnit,  # USD for each finished adapter, all attempts
    "PriceUnknown": MetricUnit.Count,  # refused jobs and finished adapters without a price
    "TakedownHours": MetricUnit.NoUnit,  # how long the oldest report, or its appeal, has waited
    "AppealHours": MetricUnit.NoUnit,  # the same of appeals against content rules
    "BillableSeconds": MetricUnit.Seconds,  # for each training job
    "SpotSaving": MetricUnit.Percent,  # share of a spot job's time that was not billed
    "WarmPoolHit": MetricUnit.Percent,  # 100: another training job took the warm instance; else 0
    "WarmPoolSeconds": MetricUnit.Seconds,  # time that a warm instance waited and was billed
}

Outcome = Literal["Succeeded", "Failed", "Crashed"]


def report(figure: Figure, value: float) -> None:
    """Write one value of a metric of the whole stack."""
    with single_metric(name=figure, unit=UNITS[figure], value=value):
        pass


def count(outcome: Outcome, stage: str) -> None:
    """Count the outcome of one invocation of a stage."""
    with single_metric(name=outcome, unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension("stage", stage)
