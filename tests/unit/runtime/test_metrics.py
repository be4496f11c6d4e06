"""The figures that functions write for the dashboard, once each."""

import json
from typing import Any

import pytest

from contracts.documents.notice import Notice
from domain.training.billing import Settled
from runtime.cost_metrics import report_costs
from runtime.failure_metrics import CountingNotifier
from tests.fakes.notifier import MemoryNotifier, TopicGoneError

WARM = Settled((0.5, 0.25), 600, None, 42, pool_reused=True)
COLD = Settled((), 60, None, 240, pool_reused=False)
SPOT = Settled((0.1,), 300, 0.7, 0, pool_reused=None)


def figures(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, float]]:
    """Name and value of every figure written, in order."""
    lines: list[dict[str, Any]] = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    named = [
        (line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], line)
        for line in lines
        if "_aws" in line
    ]
    return [(name, line[name][0]) for name, line in named]


def test_a_training_job_s_costs_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    report_costs([WARM, COLD, SPOT])
    assert figures(capsys) == [
        ("BillableSeconds", 600.0),
        ("AdapterCost", 0.5),
        ("AdapterCost", 0.25),
        ("WarmPoolHit", 100.0),
        ("WarmPoolSeconds", 42.0),
        ("BillableSeconds", 60.0),
        ("WarmPoolHit", 0.0),
        ("WarmPoolSeconds", 240.0),
        ("BillableSeconds", 300.0),
        ("AdapterCost", 0.1),
        ("SpotSaving", 70.0),
    ]


def test_an_adapter_without_a_price_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    report_costs([Settled((), 60, None, 0, pool_reused=None, without_price=2)])
    assert figures(capsys) == [("BillableSeconds", 60.0), ("PriceUnknown", 2.0)]


def notice(code: str, status: str = "failed") -> Notice:
    return Notice.model_validate(
        {
            "notice_id": "failed-1",
            "job_id": None,
            "tenant": None,
            "upload": None,
            "status": status,
            "code": code,
            "title": "t",
            "text": "t",
            "retryable": False,
        }
    )


def test_only_what_somebody_here_must_mend_is_a_failure_of_the_service(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notifier = MemoryNotifier()
    for event in (notice("too_few_photos"), notice("disk_full"), notice("canceled", "canceled")):
        CountingNotifier(notifier).publish(event)
    assert figures(capsys) == [("ServiceFailures", 1.0)]
    assert len(notifier.published) == 3


@pytest.mark.parametrize(
    ("code", "figure"), [("quota_zero", "QuotaZero"), ("training_denied", "TrainingDenied")]
)
def test_what_keeps_every_training_from_starting_has_a_figure_of_its_own(
    capsys: pytest.CaptureFixture[str], code: str, figure: str
) -> None:
    CountingNotifier(MemoryNotifier()).publish(notice(code))
    assert figures(capsys) == [("ServiceFailures", 1.0), (figure, 1.0)]


def test_a_request_that_no_price_could_be_told_is_counted_for_the_operator(
    capsys: pytest.CaptureFixture[str],
) -> None:
    CountingNotifier(MemoryNotifier()).publish(notice("price_unknown"))
    assert figures(capsys) == [("ServiceFailures", 1.0), ("PriceUnknown", 1.0)]


def test_a_notice_that_did_not_go_out_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    notifier = MemoryNotifier()
    notifier.away = True
    with pytest.raises(TopicGoneError):
        CountingNotifier(notifier).publish(notice("disk_full"))
    assert figures(capsys) == []
