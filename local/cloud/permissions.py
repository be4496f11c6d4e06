"""IAM decisions that stock gets wrong: it denies what least-privilege policies allow on AWS."""

import json
import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.services import cloudwatch, iam, sts

from local.cloud.states import tokens
from local.cloud.typing_aliases import Json, Stock


def install() -> None:
    """Correct the resource of SendTask*, condition keys, and which key is the root key."""
    iam_actions.extract_resource_arn = _by_token(iam_actions.extract_resource_arn)
    iam_actions.request_tag_context = _with_namespace(iam_actions.request_tag_context)
    iam_evaluator._resolve_condition_key = _over_tls(iam_evaluator._resolve_condition_key)
    iam_evaluator._resolve_condition_key = _as_simulated(iam_evaluator._resolve_condition_key)
    name = "SimulatePrincipalPolicy"
    iam._IAM_HANDLERS[name] = _with_context_entries(iam._IAM_HANDLERS[name])
    iam_evaluator.is_root_access_key = _is_root
    iam_evaluator.parse_policy_document = _parsed_once(iam_evaluator.parse_policy_document)
    sts.is_root_access_key = _is_root


def _parsed_once(parse: Callable[[Stock], Stock]) -> Callable[[Stock], Stock]:
    """Keep what a policy says: stock parses all policies of a role at each of its calls."""
    of_text = lru_cache(512)(parse)

    def parsed(document: Stock) -> Stock:
        return of_text(document) if isinstance(document, str) else parse(document)

    return parsed


def _is_root(access_key_id: str) -> bool:
    """Return whether a key is this server's root key, or absent as in ministack's own calls.

    Stock also takes `test` and every account number for the root key.
    """
    return not access_key_id or access_key_id == os.environ.get("AWS_ACCESS_KEY_ID")


def _over_tls(resolve: Callable[[str, Stock], Stock]) -> Callable[[str, Stock], Stock]:
    """Set aws:SecureTransport to true, so that policies that require TLS pass on the loopback."""

    def resolved(key: str, context: Stock) -> Stock:
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    return resolved


_simulated: ContextVar[Json | None] = ContextVar("_simulated", default=None)
"""Condition keys of a simulation, which its caller gives; stock does not read them."""


def _with_context_entries(simulate: Callable[[Json], Stock]) -> Callable[[Json], Stock]:
    """Let SimulatePrincipalPolicy know its ContextEntries, each with one value."""

    def simulated(params: Json) -> Stock:
        def of(field: str) -> str:
            found = params.get(field, "")
            return str(found[0] if isinstance(found, list) else found)

        start, keys = "ContextEntries.member", {}
        for number in count(1):
            name = of(f"{start}.{number}.ContextKeyName")
            if not name:
                break
            keys[name.lower()] = of(f"{start}.{number}.ContextKeyValues.member.1")
        token = _simulated.set(keys)
        try:
            return simulate(params)
        finally:
            _simulated.reset(token)

    return simulated


def _as_simulated(resolve: Callable[[str, Stock], Stock]) -> Callable[[str, Stock], Stock]:
    """Take a condition key from the simulation that asks, if it gives one."""

    def resolved(key: str, context: Stock) -> Stock:
        given = (_simulated.get() or {}).get(key.lower())
        return resolve(key, context) if given is None else given

    return resolved


def _by_token(extract: Callable[..., Any]) -> Callable[..., Any]:
    """Name the state machine that issued the token as the resource of SendTask*; stock uses `*`."""

    def extracted(  # noqa: PLR0913, PLR0917 - ministack's signature
        service: str, method: str, path: str, headers: Json, body: bytes,
        query: Json, region: str, account: str,
    ) -> Stock:  # fmt: skip
        if service == "states" and "SendTask" in headers.get("x-amz-target", ""):
            machine = tokens.machine_of(json.loads(body or b"{}").get("taskToken"))
            return machine or f"arn:aws:states:{region}:{account}:stateMachine:*"
        return extract(service, method, path, headers, body, query, region, account)

    return extracted


def _with_namespace(context: Callable[..., Any]) -> Callable[..., Any]:
    """Fill the condition key cloudwatch:namespace, which stock leaves empty."""

    def with_namespace(service: str, action: str, body: bytes, query: Json) -> Stock:
        found = context(service, action, body, query)
        if action != "cloudwatch:PutMetricData":
            return found
        namespace = _namespace(body, query)
        return {**found, "cloudwatch:namespace": namespace} if namespace else found

    return with_namespace


def _namespace(body: bytes, query: Json) -> str | None:
    """Read the namespace from a request in any of CloudWatch's three protocols."""
    named = query.get("Namespace")
    if named:
        return str(named[0] if isinstance(named, list) else named)
    if body.startswith(b"{"):
        return _named(json.loads(body))
    form = parse_qs(body.decode("latin-1")).get("Namespace")
    return form[0] if form else _named(_cbor(body))


def _named(document: Json) -> str | None:
    return document.get("Namespace") if isinstance(document, dict) else None


def _cbor(body: bytes) -> Json:
    try:
        return cloudwatch._decode_cbor(body)
    except (ValueError, IndexError, KeyError):
        return None
