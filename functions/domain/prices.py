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


def cost_usd(instance_type: str, billable_seconds: float) -> float | None:
    """Return what these seconds cost, or None for a type that the table does not know.

    >>> cost_usd("ml.g5.2xlarge", 1200)
    0.505
    """
    hourly = USD_PER_HOUR.get(instance_type)
    return None if hourly is None else hourly * billable_seconds / 3600


def keep_alive(cold_seconds: float, waiting_is_worth: float = 0.0) -> float:
    """Return how long an idle warm pool should be kept, in seconds.

    The ski-rental rule: pay for idling as long as it has cost no more than the cold start that it
    may save. Whatever comes, that is at most twice what hindsight would have paid.

    Args:
        cold_seconds: billed seconds of a cold start beyond a warm one.
        waiting_is_worth: billed seconds that one would pay to spare a user the wait.
    """
    return cold_seconds + waiting_is_worth
