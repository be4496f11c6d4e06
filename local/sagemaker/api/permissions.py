"""IAM: the resource of a request, and the further permissions that it needs."""

import json
import re
from importlib import import_module

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import host
from local.sagemaker.api.errors import ServiceError

_KINDS = {
    "TrainingJob": ("TrainingJobName", "training-job"),
    "EndpointConfig": ("EndpointConfigName", "endpoint-config"),
    "Endpoint": ("EndpointName", "endpoint"),
    "Model": ("ModelName", "model"),
}
_INVOCATION = re.compile(r"^/endpoints/([^/]+)/(?:async-)?invocations")


def resource_of(target: str, path: str, body: bytes) -> str:
    """Return the ARN of a request's resource; * for lists."""
    invoked = _INVOCATION.match(path)
    if invoked is not None:
        return host.arn("endpoint", invoked[1])
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return "*"
    if isinstance(request.get("ResourceArn"), str):
        return str(request["ResourceArn"])
    operation = target.rpartition(".")[2]
    for word, (field, kind) in _KINDS.items():
        named = re.fullmatch(rf"[A-Z][a-z]+{word}(WeightsAndCapacities)?", operation)
        if named and isinstance(request.get(field), str):
            return host.arn(kind, request[field])
    return "*"


def check_related(operation: str, headers: Json, request: Json) -> None:
    """Raise unless the caller may pass the role and set the tags of a request.

    Raises:
        ServiceError: AccessDeniedException.
    """
    role = request.get("RoleArn") or request.get("ExecutionRoleArn")
    if operation.startswith("Create") and role:
        passed = {"iam:PassedToService": host.SERVICE_PRINCIPAL}
        _require(headers, "iam:PassRole", role, passed)
    if operation.startswith("Create") and request.get("Tags"):
        resource = resource_of(operation, "", json.dumps(request).encode())
        _require(headers, "sagemaker:AddTags", resource, {})


def _require(headers: Json, action: str, resource: str, context: Json) -> None:
    principal = host.denied_principal(headers, action, resource, context)
    if principal is not None:
        raise ServiceError(
            "AccessDeniedException",
            f"User: {principal} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action",
        )


def install() -> None:
    """Add the actions and resources of SageMaker to ministack's IAM."""
    actions: Stock = import_module("ministack.core.iam_actions")
    actions.SERVICE_TO_IAM_NAMESPACE["sagemaker"] = "sagemaker"
    actions._BOTOCORE_SERVICE_MAP["sagemaker"] = ["sagemaker-runtime"]  # noqa: SLF001
    stock = actions.extract_resource_arn

    def extract(  # noqa: PLR0913, PLR0917 - ministack's signature
        service: str,
        method: str,
        path: str,
        headers: Json,
        body: bytes,
        query_params: Json,
        region: str,
        account_id: str,
    ) -> Stock:
        if service == "sagemaker":
            return resource_of(headers.get("x-amz-target", ""), path, body)
        return stock(service, method, path, headers, body, query_params, region, account_id)

    actions.extract_resource_arn = extract
