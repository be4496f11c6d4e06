"""AWS::SageMaker::Model, EndpointConfig and Endpoint. Ref returns the ARN, as on AWS."""

import time
from collections.abc import Callable
from importlib import import_module

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import store
from local.sagemaker.api import tagging, validation
from local.sagemaker.api.errors import ServiceError
from local.sagemaker.hosting import endpoints

MAX_NAME = 63
POLL_SECONDS = 0.1

REPLACING = {
    "AWS::SageMaker::Model": (
        "ModelName",
        "PrimaryContainer",
        "Containers",
        "ExecutionRoleArn",
        "EnableNetworkIsolation",
        "InferenceExecutionConfig",
        "VpcConfig",
    ),
    "AWS::SageMaker::EndpointConfig": (
        "EndpointConfigName",
        "ProductionVariants",
        "DataCaptureConfig",
        "KmsKeyId",
        "AsyncInferenceConfig",
        "ExplainerConfig",
        "ShadowProductionVariants",
    ),
    "AWS::SageMaker::Endpoint": ("EndpointName",),
}
"""Properties whose change replaces the resource."""

OF_UPDATES = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties")
"""Properties of an endpoint that CreateEndpoint does not know."""

Created = tuple[str, dict[str, str]]


def install() -> None:
    """Add the three resource types to ministack's CloudFormation."""
    provisioners = import_module("ministack.services.cloudformation.provisioners")
    provisioners._RESOURCE_HANDLERS.update(handlers())  # noqa: SLF001
    provisioners._REPLACING_PROPERTIES.update(REPLACING)  # noqa: SLF001
    for kind, properties in REPLACING.items():
        provisioners._CUSTOM_NAME_REPLACEMENT[kind] = {"name": properties[0]}  # noqa: SLF001
    stacks: Stock = import_module("ministack.services.cloudformation.stacks")
    stock = stacks._runs_on_worker_thread  # noqa: SLF001
    # CloudFormation waits for an endpoint, whose container calls this server meanwhile.
    stacks._runs_on_worker_thread = lambda kind: kind in REPLACING or stock(kind)  # noqa: SLF001


def handlers() -> dict[str, dict[str, Callable[..., Stock]]]:
    """Return the handlers that create, update and delete each type."""
    return {
        "AWS::SageMaker::Model": {
            "create": _creator("CreateModel", "ModelName", endpoints.create_model),
            "delete": _deleter("ModelName", store.models, endpoints.delete_model),
            "update": _only_tags("ModelName", store.models),
        },
        "AWS::SageMaker::EndpointConfig": {
            "create": _creator(
                "CreateEndpointConfig", "EndpointConfigName", endpoints.create_config
            ),
            "delete": _deleter("EndpointConfigName", store.configs, endpoints.delete_config),
            "update": _only_tags("EndpointConfigName", store.configs),
        },
        "AWS::SageMaker::Endpoint": {
            "create": _create_endpoint,
            "delete": _delete_endpoint,
            "update": _update_endpoint,
        },
    }


def _creator(
    operation: str, field: str, create: Callable[[Json], Json]
) -> Callable[[str, Json, str], Created]:
    def provision(logical_id: str, properties: Json, stack_name: str) -> Created:
        provisioners = import_module("ministack.services.cloudformation.provisioners")
        name = properties.get(field) or provisioners._physical_name(  # noqa: SLF001
            stack_name, logical_id, max_len=MAX_NAME
        )
        request = validation.coerce(operation, {**properties, field: name})
        try:
            validation.check(operation, request)
            (arn,) = create(request).values()
        except ServiceError as error:
            raise ValueError(error.message) from error
        return arn, {field: name}

    return provision


def _deleter(
    field: str, found: Callable[[], Stock], delete: Callable[[Json], Json]
) -> Callable[[str, Json], None]:
    def remove(physical_id: str, properties: Json) -> None:
        del properties
        name = _name_of(physical_id, field, found)
        if name is None:
            return  # a user has deleted it already
        try:
            delete({field: name})
        except ServiceError as error:
            raise ValueError(error.message) from error

    return remove


def _only_tags(field: str, found: Callable[[], Stock]) -> Callable[..., Created]:
    def update(physical_id: str, *_: Json) -> Created:
        return physical_id, {field: _name_of(physical_id, field, found) or ""}

    return update


def _name_of(arn: str, field: str, found: Callable[[], Stock]) -> str | None:
    """Return a resource's name, which its ARN has in lower case only."""
    names = [document[field] for document in found().values() if arn in document.values()]
    return names[0] if names else None


def _create_endpoint(logical_id: str, properties: Json, stack_name: str) -> Created:
    create = _creator("CreateEndpoint", "EndpointName", endpoints.create_endpoint)
    known = {name: value for name, value in properties.items() if name not in OF_UPDATES}
    arn, attributes = create(logical_id, known, stack_name)
    document = _wait(attributes["EndpointName"])
    if document is None or document["EndpointStatus"] != "InService":
        _delete_endpoint(arn, properties)
        reason = "it was deleted" if document is None else document.get("FailureReason")
        message = f"Endpoint {attributes['EndpointName']} failed: {reason}"
        raise ValueError(message)
    return arn, attributes


def _update_endpoint(physical_id: str, before: Json, properties: Json, *_: Json) -> Created:
    name = _name_of(physical_id, "EndpointName", store.endpoints) or ""
    tagging.put(physical_id, properties.get("Tags", []))
    wanted = properties["EndpointConfigName"]
    if before.get("EndpointConfigName") == wanted:
        return physical_id, {"EndpointName": name}
    retained = str(properties.get("RetainAllVariantProperties", "")).lower() == "true"
    request = {"EndpointName": name, "EndpointConfigName": wanted}
    try:
        endpoints.update_endpoint({**request, "RetainAllVariantProperties": retained})
    except ServiceError as error:
        raise ValueError(error.message) from error
    document = _wait(name)
    if document is None or document["EndpointConfigName"] != wanted:
        reason = "it was deleted" if document is None else document.get("FailureReason")
        message = f"Endpoint {name} was not updated: {reason}"
        raise ValueError(message)
    return physical_id, {"EndpointName": name}


def _delete_endpoint(physical_id: str, properties: Json) -> None:
    name = _name_of(physical_id, "EndpointName", store.endpoints)
    remove = _deleter("EndpointName", store.endpoints, endpoints.delete_endpoint)
    remove(physical_id, properties)
    if name is not None:
        _wait(name)


def _wait(name: str) -> Json:
    """Wait until the endpoint has settled; return it, or None when it is deleted."""
    while True:
        try:
            document = endpoints.describe_endpoint({"EndpointName": name})
        except ServiceError:
            return None
        if document["EndpointStatus"] not in endpoints.BUSY:
            return document
        time.sleep(POLL_SECONDS)
