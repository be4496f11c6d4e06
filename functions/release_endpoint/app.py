"""Beside the states, release_endpoint: delete the on-demand endpoint when nobody may own one.

That is when the stack is deleted, when it gets no endpoint any more, and before CloudFormation
makes an endpoint of its own under the same name.

In     StackRequest        CloudFormation's custom resource, for create, update and delete
Out    nothing             the answer goes to the URL in the request
Fails  anything            the answer is FAILED with the reason: the stack stays as it was
"""

import json
import time
from functools import partial
from urllib.request import Request, urlopen

from aws.endpoint.lifecycle import SageMakerEndpointLifecycle
from contracts.documents.stages import StackRequest
from domain.serving.endpoint import RELEASE_PAUSE_SECONDS, EndpointStaysError, release
from runtime.handlers import listener

SEE_LOG = "see the log of release-endpoint"


@listener
def lambda_handler(request: StackRequest) -> None:
    status, reason = "FAILED", SEE_LOG
    try:
        if must_go(request):
            pause = partial(time.sleep, RELEASE_PAUSE_SECONDS)
            release(SageMakerEndpointLifecycle.from_env(), pause)
        status = "SUCCESS"
    except EndpointStaysError as error:
        reason = str(error)
        raise
    finally:
        reply(request, status, reason)


def must_go(request: StackRequest) -> bool:
    """Return whether an endpoint that was made on demand has to be deleted."""
    taken_over = request.resource_properties.create_endpoint == "true"
    return request.request_type == "Delete" or taken_over


def reply(request: StackRequest, status: str, reason: str) -> None:
    """Send CloudFormation the answer that it waits for."""
    body = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": request.physical_resource_id or "endpoint-on-demand",
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_resource_id,
    }
    answer = Request(  # noqa: S310 - CloudFormation's own presigned URL
        request.response_url, json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urlopen(answer, timeout=20):  # noqa: S310
        pass
