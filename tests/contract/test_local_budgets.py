"""The laptop's CloudFormation makes budgets, which stock refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.cloud.server import ACCOUNT
from tests.cloud import eventually
from tests.contract.files import template

if TYPE_CHECKING:
    from local.cloud.server import Cloud


def stack(topic: str) -> str:
    """Return a template with the budget of ours, and what it refers to."""
    ours = template()
    operations = {"Type": "String", "Default": topic}
    parameters = {"MonthlyBudgetUsd": {"Type": "Number"}, "OperationsTopic": operations}
    budget = {k: v for k, v in ours["Resources"]["Budget"].items() if k in {"Type", "Properties"}}
    body: dict[str, Any] = {"Parameters": parameters, "Resources": {"Budget": budget}}
    return json.dumps(body)


def test_a_stack_keeps_its_budget(cloud: Cloud) -> None:
    stacks, budgets = cloud.client("cloudformation"), cloud.client("budgets")
    body = stack(cloud.client("sns").create_topic(Name="operations")["TopicArn"])

    def amounts() -> list[float]:
        found = budgets.describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
        return [float(each["BudgetLimit"]["Amount"]) for each in found]

    def values(amount: str) -> list[dict[str, str]]:
        return [{"ParameterKey": "MonthlyBudgetUsd", "ParameterValue": amount}]

    stacks.create_stack(StackName="budgeted", TemplateBody=body, Parameters=values("5"))
    eventually(lambda: amounts() == [5])
    (name,) = (
        each["BudgetName"] for each in budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]
    )
    found = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)
    assert found["Notifications"]
    stacks.update_stack(StackName="budgeted", TemplateBody=body, Parameters=values("7"))
    eventually(lambda: amounts() == [7])
    stacks.delete_stack(StackName="budgeted")
    eventually(lambda: amounts() == [])
