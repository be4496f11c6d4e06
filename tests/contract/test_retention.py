"""One table says how long things are kept: template.yaml and docs/retention.md agree with it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from aws.api.front_door import KEPT_SECONDS
from aws.erasure.api_rows import KINDS
from contracts.shared import layout
from contracts.shared.people.retention import DELIVERIES, RETENTION, Kept
from http_api.rates import DAY_SECONDS
from tests.contract.files import ROOT, template

RESOURCES = template()["Resources"]
PARAMETERS = template()["Parameters"]
Rule = tuple[str, str, str, object]


def lifecycle_rules() -> Iterator[Rule]:
    """Yield bucket, prefix, what deletes and the days of every lifecycle rule."""
    for name, resource in RESOURCES.items():
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        for rule in resource["Properties"]["LifecycleConfiguration"]["Rules"]:
            prefix = rule.get("Prefix", "")
            if "ExpirationInDays" in rule:
                yield name, prefix, "lifecycle", days_of(rule["ExpirationInDays"])
            if "NoncurrentVersionExpiration" in rule:
                days = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
                yield name, prefix, "noncurrent", days
            if "AbortIncompleteMultipartUpload" in rule:
                days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
                yield name, prefix, "unfinished", days


def days_of(value: Any) -> object:
    """Return a number of days, or a parameter's default."""
    return PARAMETERS[value["Ref"]]["Default"] if isinstance(value, dict) else value


def test_the_lifecycle_rules_are_the_table_s() -> None:
    wanted = {
        (row.place, row.prefix, row.by, row.after.days)
        for row in RETENTION
        if row.by in {"lifecycle", "noncurrent", "unfinished"} and row.after is not None
    }
    assert set(lifecycle_rules()) == wanted


@pytest.mark.parametrize("row", [row for row in RETENTION if row.parameter], ids=lambda r: r.what)
def test_an_operator_can_choose_and_the_default_is_the_table_s(row: Kept) -> None:
    assert row.parameter is not None
    assert row.after is not None
    unit = timedelta(hours=1) if row.parameter.endswith("Hours") else timedelta(days=1)
    assert PARAMETERS[row.parameter]["Default"] * unit == row.after


def test_undelivered_events_are_kept_as_long_as_the_table_says() -> None:
    (row,) = (row for row in RETENTION if row.by == "queue")
    assert row.after is not None
    seconds = RESOURCES[row.place]["Properties"]["MessageRetentionPeriod"]
    assert timedelta(seconds=seconds) == row.after


def test_rows_of_the_api_go_when_the_table_says() -> None:
    """Every kind of row that has an end has a row of the table, but one that is evidence."""
    ends = {row.what: row.after for row in RETENTION if row.place == "ApiTable"}
    assert ends["counters of calls"] == 2 * timedelta(seconds=DAY_SECONDS)
    assert ends["answers that a repeated call gets"] == timedelta(seconds=KEPT_SECONDS)
    assert ends["deliveries to webhooks"] == DELIVERIES
    named = {"picture", "delivery", "idem", "rate", "export", "takedown", "appeal", "consent"}
    kept = {"key", "webhook", "approval", "alias", "version"}
    assert {kind.begins for kind in KINDS} == named | kept
    assert len(ends) == len(named)


def test_markers_lie_where_the_table_says() -> None:
    assert layout.models.erased_model_key("x").startswith("erased/")
    assert layout.uploads.upload_prefix("t", "u").startswith("tenants/")


@pytest.mark.parametrize("row", RETENTION, ids=lambda row: row.what)
def test_the_page_says_the_same(row: Kept) -> None:
    page = (ROOT / "docs" / "retention.md").read_text()
    assert f"| {row.what} | {words_of(row)} | {row.by} |" in page


def words_of(row: Kept) -> str:
    """Return a row's time in words."""
    if row.after is None:
        return "until its erasure"
    hours = row.after.total_seconds() / 3600
    time = f"{hours:.0f} hours" if hours <= 24 and row.parameter else f"{row.after.days} days"
    return f"{time} (`{row.parameter}`)" if row.parameter else time.replace("1 days", "1 day")
