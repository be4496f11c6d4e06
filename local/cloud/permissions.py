"""IAM decisions that stock gets wrong: it denies what a least-privilege policy allows on AWS."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.services import cloudwatch

from local.cloud.states import tokens
from local.cloud.typing_aliases import Json, Stock


def install() -> None:
    """Name the resource of SendTask* and the namespace of PutMetricData; count HTTP as safe."""
    iam_actions.extract_resource_arn = _by_token(iam_actions.extract_resource_arn)
    iam_actions.request_tag_context = _with_namespace(iam_actions.request_tag_context)
    iam_evaluator._resolve_condition_key = _over_tls(iam_evaluator._resolve_condition_key)


def _over_tls(resolve: Callable[[str, Stock], Stock]) -> Callable[[str, Stock], Stock]:
    """A request on the loopback is as safe as TLS, and policies that ask for TLS must pass here."""

    def resolved(key: str, context: Stock) -> Stock:
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    return resolved


def _by_token(extract: Callable[..., Any]) -> Callable[..., Any]:
    """SendTask* acts on the state machine that issued the token; stock sees `*`."""

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
    """The condition key cloudwatch:namespace, which stock does not fill."""

    def with_namespace(service: str, action: str, body: bytes, query: Json) -> Stock:
        found = context(service, action, body, query)
        if action != "cloudwatch:PutMetricData":
            return found
        namespace = _namespace(body, query)
        return {**found, "cloudwatch:namespace": namespace} if namespace else found

    return with_namespace


def _namespace(body: bytes, query: Json) -> str | None:
    """Read the namespace from whichever of CloudWatch's three protocols the client speaks."""
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
