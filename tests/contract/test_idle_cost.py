"""What docs/cost.md says of an idle stack is what the quickstart of template.yaml makes."""

import re
import tomllib
from collections import Counter
from functools import cache

import pytest

from likeness_client.doctor.template import shipped
from tests.contract.files import ROOT, functions

FREE = {
    *("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Integration"),
    *("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage", "AWS::Cognito::UserPool"),
    *("AWS::Cognito::UserPoolClient", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"),
    *("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Function", "AWS::Lambda::LayerVersion"),
    *("AWS::Lambda::Permission", "AWS::S3::BucketPolicy", "AWS::SageMaker::EndpointConfig"),
    *("AWS::SageMaker::Model", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SQS::Queue"),
    *("AWS::SQS::QueuePolicy", "AWS::SSM::Parameter", "AWS::StepFunctions::StateMachine"),
    "Custom::EndpointOnDemand",
}
"""Paid by use, or never: an idle stack pays nothing for one of these."""

COUNTED = {
    "AWS::CloudWatch::Alarm": "alarms",
    "AWS::CloudWatch::Dashboard": "the dashboard",
    "AWS::KMS::Key": "the key that signs receipts (KMS)",
    "AWS::SecretsManager::Secret": "the secret of the marks (Secrets Manager)",
}
"""Paid by the month; the row of the table that has their number."""

ELSEWHERE = {
    "AWS::DynamoDB::Table": "S3, DynamoDB, ECR storage",
    "AWS::S3::Bucket": "S3, DynamoDB, ECR storage",
    "AWS::Logs::LogGroup": "log lines of these",
    "AWS::Events::Rule": "every minute",
    "AWS::Lambda::EventSourceMapping": "Lambda's polls of the queues",
}
"""Paid by what they hold or cause; words of the row that says it."""

RUNS = {"rate(1 minute)": 730 * 60, "rate(5 minutes)": 730 * 12, "rate(1 hour)": 730}
"""How often a schedule calls in a month."""


@cache
def rows() -> dict[str, tuple[str, str]]:
    """Quantity and price of each row of the table, by what is paid."""
    page = (ROOT / "docs/cost.md").read_text()
    section = page.partition("## What an idle stack costs")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return {what: (quantity, price) for what, quantity, price in cells[2:]}


@cache
def quickstart() -> Counter[str]:
    """How many resources of each type the default of samconfig.toml makes."""
    given = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]["deploy"]["parameters"]
    overrides = dict(one.split("=") for one in given["parameter_overrides"].split())
    template = shipped()
    values = template.values(overrides)
    return Counter(resource["Type"] for _, resource in template.active(values))


def test_every_kind_of_resource_is_paid_in_a_row_or_costs_nothing_idle() -> None:
    assert quickstart().keys() == FREE | COUNTED.keys() | ELSEWHERE.keys()
    assert FREE.isdisjoint(COUNTED | ELSEWHERE)
    named = " ".join(rows())
    assert [words for words in (*COUNTED.values(), *ELSEWHERE.values()) if words not in named] == []


@pytest.mark.parametrize(("kind", "row"), COUNTED.items())
def test_what_is_paid_by_the_month_is_counted(kind: str, row: str) -> None:
    assert re.findall(r"^\d+", rows()[row][0]) == [str(quickstart()[kind])]


def test_what_a_schedule_calls_is_counted() -> None:
    scheduled = {
        name: RUNS[event["Properties"]["Schedule"]]
        for name, function in functions().items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Schedule" and isinstance(event["Properties"]["Schedule"], str)
    }
    (row,) = (what for what in rows() if "every minute" in what)
    assert set(re.findall(r"[a-z]+_[a-z]+|reconcile", row)) == scheduled.keys()
    calls = f"{sum(scheduled.values()):,}"
    assert rows()[row][0].startswith(f"{calls} ")
    assert rows()["traces of these"][0].startswith(f"{calls},")
    (metrics,) = (what for what in rows() if what.startswith("metrics"))
    assert f"Succeeded of {len(scheduled)} functions" in metrics
    polled = [
        event
        for function in functions().values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    (polls,) = (quantity for what, (quantity, _) in rows().items() if "polls" in what)
    assert polls.startswith(f"{len(polled)} queues")


def test_the_prices_are_those_of_the_quantities_and_their_sum_is_the_page_s() -> None:
    for quantity, price in rows().values():
        if each := re.match(r"([\d,]+), at ([\d.]+) (each|a million)", quantity):
            share = {"each": 1.0, "a million": 1e-6}[each[3]]
            cost = float(each[1].replace(",", "")) * float(each[2]) * share
            assert float(price) == pytest.approx(cost, abs=0.005), quantity
    ends = [[float(one) for one in price.split(" to ")] for _, price in rows().values()]
    least, most = (sum(end[place] for end in ends) for place in (0, -1))
    page = (ROOT / "docs/cost.md").read_text()
    assert f"So about {least:.0f} to {most:.0f} USD a month" in page
