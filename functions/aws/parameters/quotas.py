"""The quotas of a tenant, from the environment."""

from aws import settings
from domain.pricing.quotas import Quotas


def quotas_from_env() -> Quotas:
    """Return what TRAININGS_AT_ONCE and USD_PER_MONTH say."""
    return Quotas(
        trainings_at_once=settings.number("TRAININGS_AT_ONCE"),
        usd_per_month=settings.decimal("USD_PER_MONTH"),
    )
