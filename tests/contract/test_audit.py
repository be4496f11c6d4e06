"""The audit trail: nobody may change it, and everybody who acts may write to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.files import functions, template

RESOURCES = template()["Resources"]
TABLE = {"Fn::GetAtt": ["AuditTable", "Arn"]}
WRITERS = {
    "accept_request",
    "cancel_job",
    "decide_takedown",
    "decide_appeal",
    "http_api",
    "export_data",
    "request_erasure",
    "sign_receipt",
}


def allowed(properties: dict[str, Any]) -> Iterator[str]:
    """Yield what a function may do with the audit table."""
    for policy in properties.get("Policies", []):
        for statement in policy["Statement"]:
            resource = statement.get("Resource", [])
            if TABLE in (resource if isinstance(resource, list) else [resource]):
                yield from statement["Action"]


READERS = {"http_api", "export_data"}
"""The API reads a page, an export the tenant's whole trail."""


def test_only_those_who_act_write_and_only_the_api_and_exports_read() -> None:
    rights = {name: set(allowed(found)) for name, found in functions().items()}
    assert {name: found for name, found in rights.items() if found} == {
        name: {"dynamodb:PutItem"} for name in WRITERS - READERS
    } | {name: {"dynamodb:PutItem", "dynamodb:Query"} for name in READERS}


def test_the_table_itself_refuses_every_change_of_a_row() -> None:
    (statement,) = RESOURCES["AuditTable"]["Properties"]["ResourcePolicy"]["PolicyDocument"][
        "Statement"
    ]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} <= set(
        statement["Action"]
    )


def test_an_entry_ends_when_the_parameter_says() -> None:
    ttl = RESOURCES["AuditTable"]["Properties"]["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "delete_at", "Enabled": True}


@pytest.mark.parametrize("table", ["JobsTable", "ModelsTable", "ApiTable", "AuditTable"])
def test_the_trail_of_aws_covers_every_table(table: str) -> None:
    _, rows = RESOURCES["DataEventsTrail"]["Properties"]["AdvancedEventSelectors"]
    (arns,) = (one["Equals"] for one in rows["FieldSelectors"] if one["Field"] == "resources.ARN")
    assert {"Fn::GetAtt": [table, "Arn"]} in arns


def test_the_trail_of_aws_covers_both_buckets_and_is_off_by_default() -> None:
    objects, _ = RESOURCES["DataEventsTrail"]["Properties"]["AdvancedEventSelectors"]
    (arns,) = (
        one["StartsWith"] for one in objects["FieldSelectors"] if one["Field"] == "resources.ARN"
    )
    assert [arn["Fn::Sub"] for arn in arns] == ["${UploadsBucket.Arn}/", "${ModelsBucket.Arn}/"]
    assert template()["Parameters"]["DataEventsBucket"]["Default"] == "none"
