"""The price table of training instances.

SageMaker training, us-east-1, on demand, USD an hour; read 2026-09-27 (docs/cost.md).
"""

from collections.abc import Iterable

USD_PER_HOUR = {
    "ml.g5.2xlarge": 1.515,
    "ml.g6.2xlarge": 1.222,
    "ml.g6e.xlarge": 2.61,
    "ml.g6e.2xlarge": 2.80,
    "ml.p4d.24xlarge": 25.2513,
    "ml.p5.4xlarge": 7.912,
    "ml.p5.48xlarge": 63.296,
}

PEAK_TFLOPS = {
    "ml.g5.2xlarge": 70.0,
    "ml.g6.2xlarge": 121.0,
    "ml.g6e.xlarge": 362.0,
    "ml.g6e.2xlarge": 362.0,
    "ml.p4d.24xlarge": 312.0,
    "ml.p5.4xlarge": 989.0,
    "ml.p5.48xlarge": 989.0,
}
"""Dense bfloat16 TFLOPS of one GPU of the instance, because a task trains on one GPU."""


GPUS = {"ml.p4d.24xlarge": 8, "ml.p5.48xlarge": 8}
"""GPUs of the instance types that have more than one."""


def gpus_of(instance_type: str) -> int:
    """Return the number of GPUs of a training instance.

    >>> gpus_of("ml.p4d.24xlarge"), gpus_of("ml.g5.2xlarge")
    (8, 1)
    """
    return GPUS.get(instance_type, 1)


def cost_usd(instance_type: str, billable_seconds: float) -> float | None:
    """Return the cost of these seconds; None for an instance type without a price.

    >>> round(cost_usd("ml.g5.2xlarge", 1200), 4)
    0.505
    """
    hourly = USD_PER_HOUR.get(instance_type)
    return None if hourly is None else hourly * billable_seconds / 3600


def sum_usd(prices: Iterable[float | None]) -> float | None:
    """Return the sum of prices, or None where one of them is not known: that is no zero.

    >>> sum_usd([0.5, 0.25]), sum_usd([0.5, None]), sum_usd([])
    (0.75, None, 0)
    """
    found = list(prices)
    known = [price for price in found if price is not None]
    return sum(known) if len(known) == len(found) else None
