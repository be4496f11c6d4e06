"""The price of an instance type, and none for an unknown type."""

from domain.pricing.prices import USD_PER_HOUR, cost_usd


def test_an_hour_costs_what_the_table_says() -> None:
    assert {kind: cost_usd(kind, 3600) for kind in USD_PER_HOUR} == USD_PER_HOUR


def test_an_unknown_type_has_no_price() -> None:
    assert cost_usd("ml.unknown", 3600) is None
