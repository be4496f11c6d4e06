"""Budgets of a template. Stock has the API of AWS Budgets, but refuses a stack with a budget.

Nothing is spent on the laptop, so no budget raises its alarm.
"""

import json

from ministack.core.responses import get_account_id
from ministack.services import budgets
from ministack.services.cloudformation import provisioners

from local.cloud.typing_aliases import Json, Stock

TYPE = "AWS::Budgets::Budget"
OK = 200


def install() -> None:
    """Let CloudFormation make, change and delete a budget."""
    provisioners._RESOURCE_HANDLERS[TYPE] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def _create(logical_id: str, properties: Json, stack: Stock) -> tuple[str, dict[str, Json]]:
    budget = _with_texts(properties["Budget"])
    budget.setdefault("BudgetName", f"{stack}-{logical_id}")
    _checked(budgets._create_budget({
        "AccountId": get_account_id(),
        "Budget": budget,
        "NotificationsWithSubscribers": properties.get("NotificationsWithSubscribers", []),
        "ResourceTags": properties.get("ResourceTags", []),
    }))  # fmt: skip
    return budget["BudgetName"], {}


def _update(name: str, old: Json, new: Json, stack: Stock, *_rest: Stock) -> Stock:
    """Replace the budget; its notifications may have changed, too."""
    del old
    _delete(name, {})
    return _create("Budget", {**new, "Budget": {"BudgetName": name, **new["Budget"]}}, stack)


def _delete(name: str, properties: Json) -> None:
    del properties
    budgets._delete_budget({"AccountId": get_account_id(), "BudgetName": name})


def _with_texts(budget: Json) -> dict[str, Json]:
    """Return the budget with the amounts as texts, as the API wants them."""
    limit = budget.get("BudgetLimit")
    if limit is None:
        return dict(budget)
    return {**budget, "BudgetLimit": {**limit, "Amount": str(limit["Amount"])}}


def _checked(answer: Stock) -> None:
    status, _, body = answer
    if status != OK:
        raise ValueError(f"AWS::Budgets::Budget: {json.loads(body).get('message', body)}")
