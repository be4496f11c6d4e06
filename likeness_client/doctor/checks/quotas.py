"""Service quotas of the instance types, against what the parameters ask for."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from contracts.shared.instances.quotas import Use, quota_name, refusal_sentence
from likeness_client.doctor.account import Account
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.checks.parameters import MAX_RUNTIME_SECONDS
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

RUNTIME_QUOTA = "Longest run time for a training job"

TOTALS: dict[Use, str] = {
    "training job": "Number of instances across all training jobs",
    "endpoint": "Number of instances across active endpoints",
}
"""Quotas for all instance types together."""

OPEN = {"PENDING", "CASE_OPENED"}
"""States of a request for more that AWS has not decided."""


class Need(NamedTuple):
    """How many instances of a type the stack may use at once, and for what."""

    instance_type: str
    use: Use
    wanted: int
    parameter: str
    """The parameter that names the instance type."""
    refused: bool = True
    """Whether AWS refuses the request where the quota is too small; else it does without."""
    beginning: str = ""
    """The beginning of the finding's code, where it is not that of the use."""


class Quota(NamedTuple):
    """A quota of the account."""

    code: str
    name: str
    value: float
    description: str


CODES: dict[Use, str] = {
    "training job": "quota_training",
    "spot training job": "quota_spot",
    "training warm pool": "quota_warm_pool",
    "endpoint": "quota_endpoint",
}
"""The beginning of the finding's code; ``_zero`` or ``_low`` follows."""


def check_quotas(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find quotas that are smaller than the parameters, and types that have none here."""
    quotas = quotas_of(account)
    for need in needs_of(deployment):
        name = quota_name(need.instance_type, need.use)
        quota = quotas.get(name)
        if quota is None:
            yield find(
                deployment,
                "instance_type_not_offered",
                need.instance_type,
                name=name,
                parameter=need.parameter,
            )
        elif quota.value < need.wanted:
            yield too_small(deployment, account, need, quota)
    yield from check_update(deployment, account, quotas)
    yield from check_totals(deployment, account, quotas)
    yield from check_runtime(deployment, account, quotas.get(RUNTIME_QUOTA))


def needs_of(deployment: Deployment) -> Iterator[Need]:
    """Yield what the parameters ask for."""
    training = deployment.value("TrainingInstanceType")
    jobs = int(deployment.number("TrainingQuota", 1))
    yield Need(training, "training job", jobs, "TrainingInstanceType")
    for chosen in choices_of(deployment):
        yield Need(chosen, "training job", 1, "AllowedInstanceTypes", beginning="quota_choice")
    if deployment.value("TrainingCapacity") == "spot":
        yield Need(training, "spot training job", jobs, "TrainingInstanceType")
    elif may_use_spot(deployment):
        yield Need(
            training, "spot training job", 1, "TrainingInstanceType", beginning="quota_spot_choice"
        )
    if deployment.number("KeepAliveSeconds") > 0:
        yield Need(training, "training warm pool", jobs, "TrainingInstanceType", refused=False)
    if deployment.holds("HasEndpoint"):
        instances = endpoint_instances(deployment)
        yield Need(
            deployment.value("EndpointInstanceType"), "endpoint", instances, "EndpointInstanceType"
        )


def may_use_spot(deployment: Deployment) -> bool:
    """Return whether a request may choose spot instances, or the planner may."""
    planned = deployment.value("TrainingCapacity") == "planned"
    return planned or deployment.value("SpotAllowed") == "true"


def choices_of(deployment: Deployment) -> Iterator[str]:
    """Yield the instance types that a request may choose beside the stack's own."""
    for name in deployment.parts("AllowedInstanceTypes"):
        if name not in {"none", deployment.value("TrainingInstanceType")}:
            yield name


def quotas_of(account: Account) -> dict[str, Quota]:
    """Return SageMaker's quotas by name: the account's own value, or else AWS's default."""
    found = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        for one in account.ask_all("service-quotas", operation, "Quotas", ServiceCode="sagemaker"):
            found[one["QuotaName"]] = Quota(
                one["QuotaCode"], one["QuotaName"], one["Value"], one.get("Description", "")
            )
    return found


def too_small(deployment: Deployment, account: Account, need: Need, quota: Quota) -> Finding:
    """Return the finding about a quota, with AWS's sentence."""
    ending = "zero" if quota.value == 0 else "low"
    sentence = refusal_sentence(quota.name, int(quota.value), need.wanted)
    finding = find(
        deployment,
        f"{need.beginning or CODES[need.use]}_{ending}",
        need.instance_type,
        quote=sentence if need.refused else described(quota),
        name=quota.name,
        quota_code=quota.code,
        value=quota.value,
        wanted=need.wanted,
        request=open_request(account, quota),
    )
    return replace(finding, foreseen=need.refused)


def described(quota: Quota) -> str:
    """Return a quota in Service Quotas' own words, where AWS refuses nothing."""
    words = f": {quota.description}" if quota.description else ""
    return f"{quota.name} ({quota.code}){words}"


def check_update(
    deployment: Deployment, account: Account, quotas: Mapping[str, Quota]
) -> Iterator[Finding]:
    """Find a quota that is enough for the endpoint, and not for its update by CloudFormation."""
    if not deployment.holds("EndpointStays"):
        return
    instances = endpoint_instances(deployment)
    wanted = 2 * instances
    instance_type = deployment.value("EndpointInstanceType")
    quota = quotas.get(quota_name(instance_type, "endpoint"))
    if quota is not None and instances <= quota.value < wanted:
        yield find(
            deployment,
            "quota_endpoint_update",
            instance_type,
            name=quota.name,
            quota_code=quota.code,
            value=quota.value,
            wanted=wanted,
            request=open_request(account, quota),
        )


def endpoint_instances(deployment: Deployment) -> int:
    """Return the largest number of instances that the endpoint may have."""
    bounds = ("EndpointMinInstances", "EndpointMaxInstances")
    return int(max(deployment.number(name, 1) for name in bounds))


def check_totals(
    deployment: Deployment, account: Account, quotas: Mapping[str, Quota]
) -> Iterator[Finding]:
    """Find quotas for all instance types together; an account without them has no such limit."""
    for need in needs_of(deployment):
        quota = quotas.get(TOTALS.get(need.use, ""))
        if quota is not None and quota.value < need.wanted:
            sentence = refusal_sentence(quota.name, int(quota.value), need.wanted)
            finding = find(
                deployment,
                "quota_total_low",
                need.parameter,
                quote=sentence,
                name=quota.name,
                quota_code=quota.code,
                value=quota.value,
                wanted=need.wanted,
                request=open_request(account, quota),
            )
            yield replace(finding, foreseen=True)


def check_runtime(
    deployment: Deployment, account: Account, quota: Quota | None
) -> Iterator[Finding]:
    """Find a training job's longest runtime that is shorter than what the launcher asks for."""
    users = max(1.0, deployment.number("LargestBatch", 1))
    wanted = min(users * deployment.number("MaxRuntimeSeconds"), MAX_RUNTIME_SECONDS)
    if quota is not None and quota.value < wanted:
        yield find(
            deployment,
            "quota_runtime_low",
            "MaxRuntimeSeconds",
            quote=described(quota),
            name=quota.name,
            quota_code=quota.code,
            value=quota.value,
            wanted=wanted,
            request=open_request(account, quota),
        )


def open_request(account: Account, quota: Quota) -> str:
    """Return a sentence about a request for more that AWS has not answered; empty: none."""
    history = account.ask_all(
        "service-quotas",
        "list_requested_service_quota_change_history_by_quota",
        "RequestedQuotas",
        ServiceCode="sagemaker",
        QuotaCode=quota.code,
    )
    for one in history:
        if one["Status"] in OPEN:
            return (
                f"AWS has not decided yet on the request of {one['Created']:%Y-%m-%d} for"
                f" {one['DesiredValue']:g} ({one['Status']})."
            )
    return ""
