"""IAM for tenants: policy variables such as `${aws:PrincipalTag/tenant}`, and four condition keys.

Stock compares a policy's text with `${...}` as it stands, so that no such policy allows anything.
It leaves dynamodb:LeadingKeys and sagemaker:TargetModel empty, so that conditions on them prove
nothing. It has no lambda:SourceFunctionArn, and takes a session's own ARN for aws:PrincipalArn; on
AWS that is the role's, with its path. A value of a variable is text: a `*` in a tag's value matches
no more than itself on AWS, and nothing at all here.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb, iam

from local.cloud import sessions
from local.cloud.typing_aliases import Json, Stock

NOTHING = "\ue000"
"""Stands for a variable without a value; no ARN and no value contains it."""

FUNCTION = "lambda:sourcefunctionarn"
PRINCIPAL, SESSION = "aws:principalarn", ":assumed-role/"

TARGET = "x-amzn-sagemaker-target-model"

_VARIABLE = re.compile(r"\$\{\s*([^,{}]+?)\s*(?:,\s*'([^']*)'\s*)?\}")
_EQUALS = re.compile(r"(#?[A-Za-z0-9_.-]+)\s*=\s*(:[A-Za-z0-9_]+)")
_target_model: ContextVar[str | None] = ContextVar("likeness_target_model", default=None)


def install() -> None:
    """Replace ministack's search for a statement, and fill the four keys."""
    iam_evaluator._resolve_condition_key = _with_role(iam_evaluator._resolve_condition_key)
    iam_evaluator._first_match = _with_variables(iam_evaluator._first_match)
    iam_actions.request_tag_context = _with_keys(iam_actions.request_tag_context)
    iam_actions.extract_resource_arn = _with_headers(iam_actions.extract_resource_arn)


# --- variables --------------------------------------------------------------------------------


def _with_variables(first_match: Callable[..., Any]) -> Callable[..., Any]:
    """Put the request's values in place of variables before statements are compared."""

    def matched(context: Stock, statements: list[Stock], effect: str) -> Stock:
        filled = [filled_in(found, context) for found in statements if found.effect == effect]
        return first_match(context, filled, effect)

    return matched


def filled_in(statement: Stock, context: Stock) -> Stock:
    """Return a statement whose variables have the values of this request."""
    parts = {
        "resources": statement.resources,
        "not_resources": statement.not_resources,
        "conditions": statement.conditions,
    }
    if "${" not in json.dumps(parts):
        return statement

    def fill(part: Json) -> Json:
        if isinstance(part, str):
            return _VARIABLE.sub(lambda found: _value(found, context), part)
        if isinstance(part, list):
            return [fill(each) for each in part]
        if isinstance(part, dict):
            return {name: fill(each) for name, each in part.items()}
        return part

    return replace(statement, **{name: fill(part) for name, part in parts.items()})


def _value(found: re.Match[str], context: Stock) -> str:
    value = iam_evaluator._resolve_condition_key(found[1], context)
    text = found[2] if value is None else value
    return NOTHING if not isinstance(text, str) else re.sub(r"[*?]", NOTHING, text)


# --- keys -------------------------------------------------------------------------------------


def _with_role(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Give aws:PrincipalArn of a role's session the role's ARN, and a function's its own."""

    def resolved(key: str, context: Stock) -> Stock:
        if key.lower() == FUNCTION:
            return sessions.function_arn_of(context.principal_arn)
        found = resolve(key, context)
        if key.lower() != PRINCIPAL or SESSION not in str(found):
            return found
        name = found.partition(SESSION)[2].partition("/")[0]
        role = iam._roles.get(name)
        return role["Arn"] if role else found

    return resolved


def _with_headers(extract: Callable[..., Any]) -> Callable[..., Any]:
    """Remember the TargetModel of a request: ministack asks for the keys without its headers."""

    def extracted(  # noqa: PLR0913, PLR0917 - ministack's signature
        service: str, method: str, path: str, headers: Json, body: bytes,
        query: Json, region: str, account: str,
    ) -> Stock:  # fmt: skip
        _target_model.set(headers.get(TARGET))
        return extract(service, method, path, headers, body, query, region, account)

    return extracted


def _with_keys(context: Callable[..., Any]) -> Callable[..., Any]:
    """Fill dynamodb:LeadingKeys and sagemaker:TargetModel."""

    def with_keys(service: str, action: str, body: bytes, query: Json) -> Stock:
        found = context(service, action, body, query)
        if service == "sagemaker" and _target_model.get() is not None:
            return {**found, "sagemaker:TargetModel": _target_model.get()}
        if service == "dynamodb":
            keys = sorted(set(leading_keys(body)))
            return {**found, "dynamodb:LeadingKeys": keys} if keys else found
        return found

    return with_keys


def leading_keys(body: bytes) -> Iterator[str]:
    """Yield the values of the partition keys that a request of DynamoDB names.

    A Query whose key cannot be read yields a value that no policy allows.
    """
    request = json.loads(body or b"{}")
    yield from _of_table(request, request.get("TableName"))
    for name, items in (request.get("RequestItems") or {}).items():
        for part in items.get("Keys", []) if isinstance(items, dict) else items:
            yield from _of_table({"Key": part} if isinstance(items, dict) else part, name)
    for part in request.get("TransactItems") or []:
        for one in part.values():
            yield from _of_table(one, one.get("TableName"))


def _of_table(request: Json, name: str | None) -> Iterator[str]:
    """Yield the partition key's values of one request to one table."""
    hashed = partition_key(name, request.get("IndexName")) if name else None
    if hashed is None:
        return
    for item in (request.get("Key"), request.get("Item"), *_batched(request)):
        if isinstance(item, dict) and hashed in item:
            yield _text(item[hashed])
    if "KeyConditions" in request or "KeyConditionExpression" in request:
        yield _queried(request, hashed) or NOTHING


def _batched(request: Json) -> Iterator[Json]:
    """Yield the item or key of one part of BatchWriteItem."""
    yield request.get("PutRequest", {}).get("Item")
    yield request.get("DeleteRequest", {}).get("Key")


def _queried(request: Json, hashed: str) -> str | None:
    """Return the partition key's value of a Query; None: it does not say."""
    old = (request.get("KeyConditions") or {}).get(hashed)
    if old:
        return _text(old["AttributeValueList"][0])
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    for name, value in _EQUALS.findall(request.get("KeyConditionExpression") or ""):
        if names.get(name, name) == hashed and value in values:
            return _text(values[value])
    return None


def partition_key(table: str, index: str | None) -> str | None:
    """Return the name of a table's partition key, or of its index's; None: there is none."""
    known = dynamodb._tables.get(table.rpartition("/")[2])
    if known is None:
        return None
    schema = known.get("KeySchema") or []
    for found in known.get("GlobalSecondaryIndexes") or []:
        if index is not None and found.get("IndexName") == index:
            schema = found["KeySchema"]
    return next((str(key["AttributeName"]) for key in schema if key["KeyType"] == "HASH"), None)


def _text(value: Json) -> str:
    """Return a value of DynamoDB as IAM compares it."""
    return str(next(iter(value.values())))
