"""Parameters and names, judged by the template alone: sam deploy would refuse, or do it in vain."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from contracts.shared.instances.accelerators import training_types
from contracts.shared.names import MAX_STACK_NAME
from domain.pricing.prices import USD_PER_HOUR
from likeness_client.doctor.account import Account
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment, number_of
from likeness_client.doctor.finding import Finding

FRACTIONS = re.compile("Usd|Threshold|Adjustment")
"""Parameters that may have a fraction. CloudFormation takes one in any Number, but the services
that get the others do not."""

STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")

NAME_LIMITS = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": 256,
    "AWS::Budgets::Budget": 100,
    "AWS::CloudTrail::Trail": 128,
    "AWS::CloudWatch::Alarm": 255,
    "AWS::CloudWatch::Dashboard": 255,
    "AWS::Cognito::UserPool": 128,
    "AWS::Events::Rule": 64,
    "AWS::IAM::Role": 64,
    "AWS::Lambda::Function": 64,
    "AWS::Lambda::LayerVersion": 140,
    "AWS::Logs::LogGroup": 512,
    "AWS::SNS::Topic": 256,
    "AWS::SQS::Queue": 80,
    "AWS::SageMaker::Endpoint": 63,
    "AWS::StepFunctions::StateMachine": 80,
}
"""Characters that AWS allows in a name, by resource type (the services' API references)."""

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
"""Python runtimes that Lambda supports and on which the functions run, on 2026-11-28."""

MAX_RUNTIME_SECONDS = 5 * 24 * 3600
"""SageMaker's default limit of one training job."""

LONG_RETENTION_DAYS = 365


def check_parameters(deployment: Deployment, _account: Account) -> Iterator[Finding]:
    """Find parameters that are unknown, missing or refused by the template."""
    rules = deployment.template.parameters_for(deployment.given)
    for name in sorted(deployment.given.keys() - rules.keys()):
        close = get_close_matches(name, rules, n=1)
        guess = f"Did you mean {close[0]}?" if close else ""
        if deployment.planned:
            yield find(deployment, "parameter_unknown", name, guess=guess)
    for name, rule in rules.items():
        if name not in deployment.values:
            yield find(deployment, "parameter_missing", name)
        elif broken := broken_rule(value := deployment.value(name), rule, name):
            yield find(deployment, "parameter_refused", name, value=value, rule=broken)
    for name, words in deployment.template.broken_rules(deployment.known):
        yield find(deployment, "parameters_contradict", name, rule=words.rstrip("."))


def broken_rule(value: str, rule: Mapping[str, Any], name: str = "") -> str:
    """Return the rule of a parameter that a value breaks, in words; empty: none.

    >>> broken_rule("3", {"Type": "Number", "MinValue": 5})
    'it must be at least 5'
    >>> broken_rule("3", {"Type": "Number", "MinValue": 1})
    ''
    >>> broken_rule("0.5", {"Type": "Number"}, "PhotoRetentionDays")
    'it must be a whole number'
    """
    if rule["Type"] == "Number":
        return broken_bounds(value, rule) or broken_whole(value, name)
    allowed = rule.get("AllowedValues")
    several = rule["Type"] == "CommaDelimitedList" or rule["Type"].startswith("List<")
    parts = value.split(",") if several else [value]
    if rule["Type"].startswith("List<") and not all(part.strip() for part in parts):
        return "it must name at least one, with a comma between two"
    if allowed is not None and not {part.strip() for part in parts} <= {*map(str, allowed)}:
        return "it must be one of " + ", ".join(map(str, allowed))
    pattern = rule.get("AllowedPattern")
    if pattern is not None and not all(re.fullmatch(pattern, part.strip()) for part in parts):
        return rule.get("ConstraintDescription") or f"it must match {pattern}"
    if not rule.get("MinLength", 0) <= len(value) <= rule.get("MaxLength", 4096):
        return (
            f"it must have {rule.get('MinLength', 0)} to {rule.get('MaxLength', 4096)} characters"
        )
    return ""


def broken_bounds(value: str, rule: Mapping[str, Any]) -> str:
    """Return the bound of a number that a value breaks, in words; empty: none."""
    number = number_of(value)
    if number is None:
        return "it must be a number"
    allowed = rule.get("AllowedValues")
    if allowed is not None and number not in map(float, allowed):
        return "it must be one of " + ", ".join(map(str, allowed))
    if number < float(rule.get("MinValue", number)):
        return f"it must be at least {rule['MinValue']}"
    if number > float(rule.get("MaxValue", number)):
        return f"it must be at most {rule['MaxValue']}"
    return ""


def broken_whole(value: str, name: str) -> str:
    """Return that a number must be whole, where it is not; empty: it may have a fraction."""
    is_whole = float(value).is_integer() or FRACTIONS.search(name) is not None
    return "" if is_whole else "it must be a whole number"


def check_names(deployment: Deployment, _account: Account) -> Iterator[Finding]:
    """Find a stack's name that AWS refuses, or that makes another name too long."""
    stack = deployment.stack
    if not STACK_NAME.fullmatch(stack):
        yield find(deployment, "stack_name_refused", stack)
        return
    if stack != stack.lower():
        yield find(deployment, "stack_name_capitals", stack, lower=stack.lower())
    if len(stack) > MAX_STACK_NAME:
        yield find(
            deployment,
            "name_too_long",
            stack,
            type="the stack",
            length=len(stack),
            limit=MAX_STACK_NAME,
            longest=MAX_STACK_NAME,
        )
        return
    named = [
        (len(one.name) - NAME_LIMITS[one.type], one)
        for one in deployment.template.names(stack, deployment.known)
        if one.type in NAME_LIMITS
    ]
    excess, worst = max(named, key=lambda pair: pair[0], default=(0, None))
    if worst is not None and excess > 0:
        yield find(
            deployment,
            "name_too_long",
            worst.name,
            type=worst.type,
            length=len(worst.name),
            limit=NAME_LIMITS[worst.type],
            longest=len(stack) - excess,
        )


def check_choices(deployment: Deployment, _account: Account) -> Iterator[Finding]:
    """Find values that are legal one by one, but not wise or without effect."""
    yield from check_runtime(deployment)
    yield from check_price(deployment)
    yield from check_endpoint_settings(deployment)
    users, seconds = deployment.number("LargestBatch", 1), deployment.number("MaxRuntimeSeconds")
    if users * seconds > MAX_RUNTIME_SECONDS:
        yield find(
            deployment,
            "batch_is_cut",
            "LargestBatch",
            users=users,
            seconds=seconds,
            needed=users * seconds,
            limit=MAX_RUNTIME_SECONDS,
            batch=int(MAX_RUNTIME_SECONDS // seconds),
        )
    if deployment.number("PhotoRetentionDays") > LONG_RETENTION_DAYS:
        days = deployment.value("PhotoRetentionDays")
        yield find(deployment, "photos_kept_long", "PhotoRetentionDays", value=days)
    if deployment.value("RequireConsent", "true") == "false":
        yield find(deployment, "consent_not_required", "RequireConsent")
    if deployment.number("MonthlyBudgetUsd") == 0:
        yield find(deployment, "no_budget", "MonthlyBudgetUsd")


def check_runtime(deployment: Deployment) -> Iterator[Finding]:
    """Find a runtime that Lambda does not offer."""
    runtime = deployment.value("LambdaRuntime", RUNTIMES[-1])
    if runtime not in RUNTIMES:
        yield find(
            deployment,
            "runtime_unsupported",
            "LambdaRuntime",
            value=runtime,
            supported=", ".join(RUNTIMES),
            newest=RUNTIMES[-1],
        )


def check_endpoint_settings(deployment: Deployment) -> Iterator[Finding]:
    """Find a setting of an endpoint that is not made so that it counts."""
    kind = deployment.value("CreateEndpoint")
    if deployment.value("EndpointIdleMinutes") != "60" and kind != "on-demand":
        yield find(
            deployment,
            "setting_without_effect",
            "EndpointIdleMinutes",
            because=f"CreateEndpoint is {kind}; only an endpoint on demand is taken down",
            mend="EndpointIdleMinutes=60",
        )


def check_price(deployment: Deployment) -> Iterator[Finding]:
    """Find a training instance type whose price nobody knows."""
    chosen = deployment.value("TrainingInstanceType")
    priced = chosen in USD_PER_HOUR or deployment.number("TrainingPriceUsdPerHour") > 0
    if chosen in training_types() and not priced:
        yield find(deployment, "price_unknown", chosen)
