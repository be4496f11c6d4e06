"""The service module that ministack calls: dispatch, state and reset."""

import copy
import json
from collections.abc import Callable

from local.cloud.typing_aliases import Json
from local.sagemaker import host, store
from local.sagemaker.api import permissions, tagging, validation
from local.sagemaker.api.errors import ServiceError
from local.sagemaker.container import folders
from local.sagemaker.hosting import endpoints, runtime
from local.sagemaker.training import jobs

Answer = tuple[int, dict[str, str], bytes]
JSON_TYPE = "application/x-amz-json-1.1"

OPERATIONS: dict[str, Callable[[Json], Json]] = {
    "CreateTrainingJob": jobs.create,
    "DescribeTrainingJob": jobs.describe,
    "StopTrainingJob": jobs.stop,
    "UpdateTrainingJob": jobs.update,
    "DeleteTrainingJob": jobs.delete,
    "ListTrainingJobs": jobs.list_jobs,
    "CreateModel": endpoints.create_model,
    "DescribeModel": endpoints.describe_model,
    "DeleteModel": endpoints.delete_model,
    "ListModels": endpoints.list_models,
    "CreateEndpointConfig": endpoints.create_config,
    "DescribeEndpointConfig": endpoints.describe_config,
    "DeleteEndpointConfig": endpoints.delete_config,
    "ListEndpointConfigs": endpoints.list_configs,
    "CreateEndpoint": endpoints.create_endpoint,
    "DescribeEndpoint": endpoints.describe_endpoint,
    "UpdateEndpoint": endpoints.update_endpoint,
    "UpdateEndpointWeightsAndCapacities": endpoints.update_capacities,
    "DeleteEndpoint": endpoints.delete_endpoint,
    "ListEndpoints": endpoints.list_endpoints,
    "AddTags": tagging.add,
    "DeleteTags": tagging.delete,
    "ListTags": tagging.list_tags,
}


async def handle_request(
    method: str, path: str, headers: Json, body: bytes, query_params: Json
) -> Answer:
    """Answer a call of `sagemaker` or `sagemaker-runtime`."""
    del method, query_params
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    invoked = runtime.endpoint_of(path) is not None

    def answer() -> Answer:
        if invoked:
            return runtime.invoke(path, headers, body)
        return control(operation, headers, body)

    answered: Answer = await host.off_the_loop(operation or "invoke-endpoint", answer)
    return answered


def control(operation: str, headers: Json, body: bytes) -> Answer:
    """Answer a call of the control plane."""
    handler = OPERATIONS.get(operation)
    if handler is None:
        message = f"{operation or 'This'} is not an operation of the laptop's SageMaker."
        return refusal(ServiceError("UnknownOperationException", message))
    try:
        request = json.loads(body or b"{}")
        validation.check(operation, request)
        permissions.check_related(operation, headers, request)
        answer = handler(request)
    except ServiceError as error:
        return refusal(error)
    return 200, {"Content-Type": JSON_TYPE}, json.dumps(answer).encode()


def refusal(error: ServiceError) -> Answer:
    """Return an error in the form of AWS's JSON services."""
    body = {"__type": error.code, "message": error.message}
    headers = {"Content-Type": JSON_TYPE, "x-amzn-errortype": error.code}
    return error.status, headers, json.dumps(body).encode()


def get_state() -> Json:
    """Return the state that a restart of ministack loads."""
    return copy.deepcopy(store.everything())


def load_persisted_state(state: Json) -> None:
    """Load the state; running jobs become failed, and endpoints start again."""
    store.restore(state)
    jobs.recover()
    endpoints.recover()


def reset() -> None:
    """Stop every process and clear the state."""
    store.forget()
    jobs.abandon_all()
    endpoints.abandon_all()
    folders.sweep(mine=True)
