"""The price table of training instances, and the operator's own price before it.

SageMaker training, us-east-1, on demand, USD an hour; read 2026-09-27 (docs/cost.md). A type
that is missing has a price only where the operator gives one (TrainingPriceUsdPerHour).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.documents.speeds import MeasuredSpeed
from contracts.shared.instances.accelerators import INSTANCES, training_types

USD_PER_HOUR = {
    "ml.g5.2xlarge": 1.515,
    "ml.g6.2xlarge": 1.222,
    "ml.g6e.xlarge": 2.61,
    "ml.g6e.2xlarge": 2.80,
    "ml.p4d.24xlarge": 25.2513,
    "ml.p5.4xlarge": 7.912,
    "ml.p5.48xlarge": 63.296,
}

PEAK_TFLOPS = {name: INSTANCES[name].gpu.peak_tflops for name in training_types()}
"""Dense bfloat16 TFLOPS of one GPU of the instance, of which a process has one."""


def gpus_of(instance_type: str) -> int:
    """Return the number of GPUs of a training instance; 1 for a type that the table lacks.

    >>> gpus_of("ml.p4d.24xlarge"), gpus_of("ml.g5.2xlarge"), gpus_of("ml.new")
    (8, 1, 1)
    """
    return INSTANCES[instance_type].gpus if instance_type in INSTANCES else 1


def processes_on(instance_type: str, most: int) -> int:
    """Return how many processes train one adapter: ``most``, or one for each GPU of the instance.

    The estimate and the training job ask here, as epochs have fewer steps with more processes.
    """
    return min(most, gpus_of(instance_type))


@dataclass(frozen=True)
class PriceTable:
    """USD an hour of each instance type, and how fast one base trains on it."""

    own: Mapping[str, float] = field(default_factory=dict)
    """The operator's prices, which come before those of USD_PER_HOUR."""

    speeds: Mapping[str, MeasuredSpeed] = field(default_factory=dict)
    """What `likeness bench` measured, by instance type; other types are estimated."""

    num_processes: int = 1
    """Largest number of processes that train one adapter, each on a GPU of its own."""

    def processes_on(self, instance_type: str) -> int:
        """Return how many processes train one adapter on an instance of this type.

        >>> table = PriceTable(num_processes=4)
        >>> table.processes_on("ml.p4d.24xlarge"), table.processes_on("ml.g5.2xlarge")
        (4, 1)
        """
        return processes_on(instance_type, self.num_processes)

    def usd_per_hour(self, instance_type: str) -> float | None:
        """Return the price of an hour; None for an instance type without a price.

        >>> table = PriceTable({"ml.g6.xlarge": 1.0, "ml.g5.2xlarge": 2.0})
        >>> [table.usd_per_hour(f"ml.{name}") for name in ("g6.xlarge", "g5.2xlarge", "g6.2xlarge")]
        [1.0, 2.0, 1.222]
        """
        return self.own.get(instance_type, USD_PER_HOUR.get(instance_type))

    def cost_usd(self, instance_type: str, billable_seconds: float) -> float | None:
        """Return the cost of these seconds; None for an instance type without a price.

        >>> round(PriceTable().cost_usd("ml.g5.2xlarge", 1200), 4)
        0.505
        """
        hourly = self.usd_per_hour(instance_type)
        return None if hourly is None else hourly * billable_seconds / 3600


PUBLISHED = PriceTable()
"""AWS's published prices alone."""


def sum_usd(prices: Iterable[float | None]) -> float | None:
    """Return the sum of prices, or None where one of them is unknown, which is not 0.

    >>> sum_usd([0.5, 0.25]), sum_usd([0.5, None]), sum_usd([])
    (0.75, None, 0)
    """
    found = list(prices)
    known = [price for price in found if price is not None]
    return sum(known) if len(known) == len(found) else None
