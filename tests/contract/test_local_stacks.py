"""The laptop's CloudFormation makes what stock refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from local.cloud.server import ACCOUNT
from tests.cloud import eventually

if TYPE_CHECKING:
    from local.cloud.server import Cloud

ROOT = Path(__file__).resolve().parents[2]


def test_a_stack_keeps_its_budget(cloud: Cloud) -> None:
    stacks, budgets = cloud.client("cloudformation"), cloud.client("budgets")
    topic = cloud.client("sns").create_topic(Name="operations")["TopicArn"]

    def values(amount: str) -> list[dict[str, str]]:
        given = {"BudgetName": "b", "MonthlyBudgetUsd": amount, "OperationsTopicArn": topic}
        return [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()]

    def amounts() -> list[float]:
        found = budgets.describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
        return [float(each["BudgetLimit"]["Amount"]) for each in found]

    body = (ROOT / "budget.yaml").read_text()
    stacks.create_stack(StackName="budgeted", TemplateBody=body, Parameters=values("5"))
    eventually(lambda: amounts() == [5])
    notifications = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName="b")
    assert notifications["Notifications"]
    stacks.update_stack(StackName="budgeted", TemplateBody=body, Parameters=values("7"))
    eventually(lambda: amounts() == [7])
    stacks.delete_stack(StackName="budgeted")
    eventually(lambda: amounts() == [])
