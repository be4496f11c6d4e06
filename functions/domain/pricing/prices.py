"""What training costs: one table, and arithmetic on it.

SageMaker training, us-east-1, on demand, USD an hour; read 2026-09-27 (docs/cost.md).
"""

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
"""Dense bfloat16, of one of the instance's GPUs: a task trains on one."""


def cost_usd(instance_type: str, billable_seconds: float) -> float | None:
    """Return what these seconds cost, or None for a type that the table does not know.

    >>> cost_usd("ml.g5.2xlarge", 7200), cost_usd("ml.unknown", 7200)
    (3.03, None)
    """
    hourly = USD_PER_HOUR.get(instance_type)
    return None if hourly is None else hourly * billable_seconds / 3600
