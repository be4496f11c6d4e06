"""EventBridge and DynamoDB properties of a template that stock ignores."""

import json
import logging

from ministack.core import iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, eventbridge, lambda_svc, stepfunctions

from local.cloud import resources, sessions
from local.cloud.typing_aliases import Json, Stock

log = logging.getLogger(__name__)

EVENTS = "events.amazonaws.com"


def install() -> None:
    """Retry functions, send undeliverable events to a DLQ, and keep a table's TTL and recovery."""
    eventbridge._dispatch_to_lambda = _invoke_asynchronously
    _keep_undeliverable_events()
    resources.apply_after("AWS::DynamoDB::Table", _apply)


def _invoke_asynchronously(arn: str, payload: str) -> None:
    """Invoke a rule's function asynchronously: two retries, then its OnFailure destination.

    Stock invokes it once and drops a failure.
    """
    function, config, _name = lambda_svc._get_func_record_for_ref(arn)
    record = lambda_svc._execution_record_for_config(function, config)
    lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def _keep_undeliverable_events() -> None:
    deliver = eventbridge._invoke_target

    def invoke(target: Json, event: Json, rule: Json, view: Stock = None) -> None:
        reason = _undeliverable(target, rule)
        if reason is None:
            deliver(target, event, rule, view)
            return
        log.warning("rule %s: %s", rule.get("Name"), reason)
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue:
            shown = view or eventbridge._pattern_event_view(event)
            body = json.dumps(shown.event_with_detail())
            eventbridge._dispatch_to_sqs(parse_arn(queue), body, {})

    eventbridge._invoke_target = invoke


def _undeliverable(target: Json, rule: Json) -> str | None:
    """Return why a target cannot be called; None when it can, even if it fails afterwards."""
    arn = target.get("Arn", "")
    if ":states:" in arn:
        if stepfunctions._resolve_state_machine_arn(arn) is None:
            return f"no state machine {arn}"
        return sessions.denial(target.get("RoleArn", ""), "states:StartExecution", arn)
    if ":lambda:" not in arn:
        return None
    function = lambda_svc._get_func_record_for_ref(arn)[0]
    if function is None:
        return f"no function {arn}"
    return None if _may_invoke(rule, function, arn) else f"no permission to invoke {arn}"


def _may_invoke(rule: Json, function: Stock, arn: str) -> bool:
    """Return whether the function's resource policy lets this rule call it."""
    account = get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account=account,
        action="lambda:InvokeFunction",
        resource_arn=arn,
        region=get_region(),
        service_context={"aws:sourcearn": rule.get("Arn", ""), "aws:sourceaccount": account},
    )
    policy = function.get("policy")
    found = iam_evaluator.evaluate_resource_policy(policy, context, service=EVENTS)
    return bool(found.decision == "Allow")


def _apply(table: str, properties: Json) -> None:
    expiry = properties.get("TimeToLiveSpecification")
    if expiry:
        enabled = str(expiry.get("Enabled")).lower() == "true"
        wanted = {**expiry, "Enabled": enabled}
        dynamodb._update_ttl({"TableName": table, "TimeToLiveSpecification": wanted})
    recovery = properties.get("PointInTimeRecoverySpecification")
    if recovery:
        wanted = {"TableName": table, "PointInTimeRecoverySpecification": recovery}
        dynamodb._update_continuous_backups(wanted)
