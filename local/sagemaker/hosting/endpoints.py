"""The API of models, endpoint configurations and endpoints."""

import copy
from functools import partial

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import events, host, settings, store
from local.sagemaker.api import listing, tagging
from local.sagemaker.api.errors import ContainerFault, ServiceError
from local.sagemaker.container.images import find_program
from local.sagemaker.hosting.fleet import Fleet
from local.sagemaker.hosting.instance import Instance

BUSY = ("Creating", "Updating", "Deleting")

_serving: dict[str, Fleet] = {}
"""The instances that answer for an endpoint, by ARN."""

_fleets: set[Fleet] = set()
"""All fleets of instances that run or start."""


def _refuse(message: str) -> None:
    raise ServiceError("ValidationException", message)


def _add(found: Stock, name: str, document: Json, request: Json, what: str) -> None:
    arn = document[_arn_field(document)]
    with store.lock:
        if name in found:
            _refuse(f'Cannot create already existing {what} "{arn}".')
        found[name] = document
        tagging.put(arn, request.get("Tags", []))


def _arn_field(document: Json) -> str:
    return next(
        field for field in ("EndpointArn", "EndpointConfigArn", "ModelArn") if field in document
    )


def _find(found: Stock, name: str, kind: str, what: str) -> Json:
    document = found.get(name)
    if document is None:
        _refuse(f'Could not find {what} "{host.arn(kind, name)}".')
    return document


def _new(request: Json, field: str, arn: str) -> Json:
    own = {key: value for key, value in request.items() if key != "Tags"}
    return {**own, field: arn, "CreationTime": store.now()}


# ---- models ------------------------------------------------------------------------------------


def create_model(request: Json) -> Json:
    """CreateModel, for one multi-model container."""
    arn = host.arn("model", request["ModelName"])
    container, role = request.get("PrimaryContainer"), request.get("ExecutionRoleArn")
    if not container or container.get("Mode") != "MultiModel" or not container.get("ModelDataUrl"):
        _refuse("On the laptop a model has a PrimaryContainer with Mode MultiModel.")
    if not role or not host.may_assume(role, arn):
        _refuse(
            f"Could not assume role {role}. Please ensure that the role exists and allows "
            "principal 'sagemaker.amazonaws.com' to assume the role."
        )
    if find_program(settings.current().images, container.get("Image", "")) is None:
        _refuse(f"Requested image {container.get('Image')} not found.")
    _add(store.models(), request["ModelName"], _new(request, "ModelArn", arn), request, "model")
    return {"ModelArn": arn}


def describe_model(request: Json) -> Json:
    """DescribeModel."""
    return _find(store.models(), request["ModelName"], "model", "model")


def delete_model(request: Json) -> Json:
    """DeleteModel; endpoints that use the model keep running."""
    describe_model(request)
    store.models().pop(request["ModelName"])
    return {}


def list_models(request: Json) -> Json:
    """ListModels."""
    page, token = listing.page(store.models().values(), request, name="ModelName", status="")
    return {"Models": [_fields(model, "ModelName", "ModelArn") for model in page], **token}


# ---- configurations ----------------------------------------------------------------------------


def create_config(request: Json) -> Json:
    """CreateEndpointConfig, for one variant."""
    name, variants = request["EndpointConfigName"], request["ProductionVariants"]
    if len(variants) != 1:
        _refuse("On the laptop an endpoint has one production variant.")
    if not variants[0].get("InstanceType") or not variants[0].get("InitialInstanceCount"):
        _refuse("InstanceType and InitialInstanceCount are required.")
    describe_model({"ModelName": variants[0].get("ModelName", "")})
    arn = host.arn("endpoint-config", name)
    document = _new(request, "EndpointConfigArn", arn)
    _add(store.configs(), name, document, request, "endpoint configuration")
    return {"EndpointConfigArn": arn}


def describe_config(request: Json) -> Json:
    """DescribeEndpointConfig."""
    name = request["EndpointConfigName"]
    return _find(store.configs(), name, "endpoint-config", "endpoint configuration")


def delete_config(request: Json) -> Json:
    """DeleteEndpointConfig."""
    describe_config(request)
    store.configs().pop(request["EndpointConfigName"])
    return {}


def list_configs(request: Json) -> Json:
    """ListEndpointConfigs."""
    found = store.configs().values()
    page, token = listing.page(found, request, name="EndpointConfigName", status="")
    fields = ("EndpointConfigName", "EndpointConfigArn")
    return {"EndpointConfigs": [_fields(config, *fields) for config in page], **token}


def _fields(document: Json, *names: str) -> Json:
    wanted = (*names, "CreationTime", "LastModifiedTime")
    return {name: document[name] for name in wanted if name in document}


# ---- endpoints ---------------------------------------------------------------------------------


def create_endpoint(request: Json) -> Json:
    """CreateEndpoint: the containers start on new threads."""
    name, arn = request["EndpointName"], host.arn("endpoint", request["EndpointName"])
    describe_config(request)
    document = _new(request, "EndpointArn", arn)
    document |= {"EndpointStatus": "Creating", "LastModifiedTime": store.now()}
    _add(store.endpoints(), name, document, request, "endpoint")
    host.in_background(f"endpoint-{name}", lambda: _deploy(document, request))
    return {"EndpointArn": arn}


def describe_endpoint(request: Json) -> Json:
    """DescribeEndpoint."""
    with store.lock:
        found = _find(store.endpoints(), request["EndpointName"], "endpoint", "endpoint")
        return copy.deepcopy(found)


def update_endpoint(request: Json) -> Json:
    """UpdateEndpoint: start new containers; the old ones answer until all of them are ready."""
    with store.lock:
        document = _idle(request)
        describe_config(request)
        document["EndpointStatus"] = "Updating"
        document.pop("FailureReason", None)
    host.in_background("update-endpoint", lambda: _deploy(document, request))
    return {"EndpointArn": document["EndpointArn"]}


def update_capacities(request: Json) -> Json:
    """UpdateEndpointWeightsAndCapacities: instances start or end; the others answer meanwhile."""
    wanted = {one["VariantName"]: one for one in request["DesiredWeightsAndCapacities"]}
    with store.lock:
        document = _idle(request)
        (variant,) = document["ProductionVariants"]
        if set(wanted) != {variant["VariantName"]}:
            _refuse("The variants of the request are not those of the endpoint.")
        count = wanted[variant["VariantName"]].get("DesiredInstanceCount")
        if count is not None:
            variant["DesiredInstanceCount"] = count
            document["EndpointStatus"] = "Updating"
            document.pop("FailureReason", None)
    if count is not None:
        host.in_background("resize-endpoint", lambda: _resize(document, variant, count))
    return {"EndpointArn": document["EndpointArn"]}


def _resize(document: Json, variant: Json, count: int) -> None:
    """Start or end instances; what cannot start leaves the endpoint as it was."""
    reason = None
    try:
        _serving[document["EndpointArn"]].resize(count)
        variant["CurrentInstanceCount"] = count
    except ContainerFault as fault:
        variant["DesiredInstanceCount"], reason = variant["CurrentInstanceCount"], str(fault)
    _set_status(document, "InService", reason)


def delete_endpoint(request: Json) -> Json:
    """DeleteEndpoint."""
    with store.lock:
        document = _idle(request)
        document["EndpointStatus"] = "Deleting"
    host.in_background("delete-endpoint", lambda: _remove(document))
    return {}


def _idle(request: Json) -> Json:
    document = _find(store.endpoints(), request["EndpointName"], "endpoint", "endpoint")
    if document["EndpointStatus"] in BUSY:
        _refuse(f'Cannot update in-progress endpoint "{document["EndpointArn"]}".')
    return document


def list_endpoints(request: Json) -> Json:
    """ListEndpoints."""
    status = request.get("StatusEquals")
    found = [
        endpoint
        for endpoint in store.endpoints().values()
        if status in {None, endpoint["EndpointStatus"]}
    ]
    page, token = listing.page(found, request, name="EndpointName", status="EndpointStatus")
    fields = ("EndpointName", "EndpointArn", "EndpointStatus")
    return {"Endpoints": [_fields(endpoint, *fields) for endpoint in page], **token}


def serving(name: str) -> Fleet | None:
    """Return the instances that answer for an endpoint, or None."""
    return _serving.get(host.arn("endpoint", name))


def _deploy(document: Json, request: Json) -> None:
    """Start the instances of a configuration, route requests to them, and stop the old ones."""
    arn, old = document["EndpointArn"], _serving.get(document["EndpointArn"])
    retained = old is not None and request.get("RetainAllVariantProperties", False)
    count = document["ProductionVariants"][0]["DesiredInstanceCount"] if retained else None
    try:
        fleet = _start(document["EndpointName"], describe_config(request), count)
    except (ContainerFault, ServiceError) as fault:
        # After a failed update the old instances keep answering.
        _set_status(document, "Failed" if old is None else "InService", str(fault))
        return
    with store.lock:
        deleted = store.endpoints().get(document["EndpointName"]) is not document
        if not deleted:
            _serving[arn] = fleet
            document["EndpointConfigName"] = request["EndpointConfigName"]
            document["ProductionVariants"] = [_summary(describe_config(request), count)]
    if deleted:
        _discard(fleet)
        return
    if old is not None:
        old.retire()
        _fleets.discard(old)
    _set_status(document, "InService", None)


def _start(name: str, config: Json, count: int | None) -> Fleet:
    variant = config["ProductionVariants"][0]
    model = describe_model({"ModelName": variant["ModelName"]})
    fleet = Fleet(lambda: Instance(name, variant, model))
    _fleets.add(fleet)
    try:
        fleet.resize(count or variant["InitialInstanceCount"])
    except ContainerFault:
        _fleets.discard(fleet)
        raise
    return fleet


def _discard(fleet: Fleet) -> None:
    _fleets.discard(fleet)
    fleet.stop()


def _set_status(document: Json, status: str, reason: str | None) -> None:
    with store.lock:
        document |= {"EndpointStatus": status, "LastModifiedTime": store.now()}
        if reason is not None:
            document["FailureReason"] = reason
    events.endpoint_changed(document)


def _summary(config: Json, retained: int | None) -> Json:
    variant = config["ProductionVariants"][0]
    weight, count = variant.get("InitialVariantWeight", 1.0), variant["InitialInstanceCount"]
    count = retained or count
    image = describe_model({"ModelName": variant["ModelName"]})["PrimaryContainer"]["Image"]
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [
            {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": store.now()}
        ],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        "CurrentInstanceCount": count,
        "DesiredInstanceCount": count,
    }


def _remove(document: Json) -> None:
    fleet = _serving.pop(document["EndpointArn"], None)
    if fleet is not None:
        _discard(fleet)
    with store.lock:
        store.endpoints().pop(document["EndpointName"], None)
        store.tags().pop(document["EndpointArn"], None)
    events.endpoint_changed(document)


def recover() -> None:
    """Start every endpoint again after a restart of the server."""
    for (account, region, name), document in store.endpoints().all_items():
        with host.scope(account, region):
            document["EndpointStatus"] = "Creating"
            config = {"EndpointConfigName": document["EndpointConfigName"]}
            host.in_background(f"endpoint-{name}", partial(_deploy, document, config))


def abandon_all() -> None:
    """Stop every container, because the server stops or is reset."""
    for fleet in list(_fleets):
        _discard(fleet)
    _serving.clear()
