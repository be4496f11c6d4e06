"""Metrics of training costs: each training job is reported once, when its cost is final."""

from collections.abc import Iterable

from domain.training.billing import Settled
from runtime.metrics import report


def report_costs(jobs: Iterable[Settled]) -> None:
    """Report the training jobs whose cost has become final."""
    for settled in jobs:
        report("BillableSeconds", settled.billable_seconds)
        if settled.without_price:
            report("PriceUnknown", settled.without_price)
        for usd in settled.adapters_usd:
            report("AdapterCost", usd)
        if settled.spot_saving is not None:
            report("SpotSaving", 100 * settled.spot_saving)
        if settled.pool_reused is not None:
            report("WarmPoolHit", 100 if settled.pool_reused else 0)
            report("WarmPoolSeconds", settled.pool_seconds)
