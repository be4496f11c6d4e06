"""InvokeEndpoint of sagemaker-runtime."""

import json
import re
import time
from http import HTTPStatus
from importlib import import_module

from contracts.shared.limits import MAX_PAYLOAD_BYTES
from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import host
from local.sagemaker.api.errors import ServiceError
from local.sagemaker.hosting import endpoints
from local.sagemaker.hosting.fleet import Fleet, FleetClosedError
from local.sagemaker.hosting.model_errors import ModelError

Answer = tuple[int, dict[str, str], bytes]

TARGET = "x-amzn-sagemaker-target-model"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_PATH = re.compile(r"^/endpoints/([^/]+)/invocations$")


def endpoint_of(path: str) -> str | None:
    """Return the endpoint that a request invokes; None for another request."""
    found = _PATH.match(path)
    return found[1] if found else None


def invoke(path: str, headers: Json, body: bytes) -> Answer:
    """Answer InvokeEndpoint."""
    try:
        return _invoke(endpoint_of(path) or "", headers, body)
    except ServiceError as error:
        return _refusal(error)


def _invoke(name: str, headers: Json, body: bytes) -> Answer:
    fleet = _serving(name)
    target = headers.get(TARGET)
    if not target:
        message = "Target Model must be specified when invoking a multi-model endpoint."
        raise ServiceError("ValidationError", message)
    if len(body) > MAX_PAYLOAD_BYTES:
        message = f"The payload is larger than {MAX_PAYLOAD_BYTES} bytes."
        raise ServiceError("ValidationError", message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    passed = {
        title: headers[title.lower()]
        for title in ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")
        if title.lower() in headers
    }
    started = time.monotonic()
    passed["X-Amzn-SageMaker-Target-Model"] = target
    try:
        reply = fleet.invoke(target, body, passed)
    except FleetClosedError:  # an update has replaced its instances since the call came
        fleet = _serving(name)
        reply = fleet.invoke(target, body, passed)
    if len(reply.body) > MAX_PAYLOAD_BYTES:
        reason = f"The response is larger than {MAX_PAYLOAD_BYTES} bytes."
        raise ModelError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
    _count(name, fleet.variant, time.monotonic() - started)
    answer = {
        # In lower case, because ministack replaces "Content-Type" by the service's default.
        "content-type": reply.headers.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": fleet.variant,
    }
    if ATTRIBUTES in reply.headers:
        answer["X-Amzn-SageMaker-Custom-Attributes"] = reply.headers[ATTRIBUTES]
    return HTTPStatus.OK, answer, reply.body


def _serving(name: str) -> Fleet:
    """Return the instances that answer for an endpoint.

    Raises:
        ServiceError: there is no such endpoint.
    """
    fleet = endpoints.serving(name)
    if fleet is None:
        message = f"Endpoint {name} of account {host.account_id()} not found."
        raise ServiceError("ValidationError", message)
    return fleet


def _count(endpoint: str, variant: str, seconds: float) -> None:
    """Publish SageMaker's metrics of an answered call."""
    cloudwatch: Stock = import_module("ministack.services.cloudwatch")
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    for metric, value, unit in (
        ("Invocations", 1, "None"),
        ("ModelLatency", seconds * 1e6, "Microseconds"),
    ):
        cloudwatch.record_metric("AWS/SageMaker", metric, value, unit, dimensions)


def _refusal(error: ServiceError) -> Answer:
    """Return an error in the form of AWS's REST services."""
    body: Json = {"Message": error.message}
    if isinstance(error, ModelError):
        body |= {
            "OriginalStatusCode": error.original_status,
            "OriginalMessage": error.original_message,
        }
    headers = {"content-type": "application/json", "x-amzn-errortype": error.code}
    return int(error.status), headers, json.dumps(body).encode()
