"""The price of an instance type: the operator's own, the published one, or none."""

from domain.pricing.prices import PUBLISHED, USD_PER_HOUR, PriceTable

G5, UNPRICED = "ml.g5.2xlarge", "ml.g6.8xlarge"


def test_an_hour_costs_what_the_table_says() -> None:
    assert {kind: PUBLISHED.cost_usd(kind, 3600) for kind in USD_PER_HOUR} == USD_PER_HOUR


def test_a_type_that_nobody_gave_a_price_has_none() -> None:
    assert PUBLISHED.cost_usd(UNPRICED, 3600) is None
    assert PUBLISHED.usd_per_hour("ml.unknown") is None


def test_the_operator_s_price_comes_before_the_published_one_and_counts_for_its_type_alone() -> (
    None
):
    own = PriceTable({G5: 2.0, UNPRICED: 3.0})
    assert own.cost_usd(G5, 1800) == 1.0
    assert own.cost_usd(UNPRICED, 1200) == 1.0
    assert own.cost_usd("ml.g6.2xlarge", 3600) == USD_PER_HOUR["ml.g6.2xlarge"]
