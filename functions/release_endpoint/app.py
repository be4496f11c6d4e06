"""Beside the states, release_endpoint: delete the on-demand endpoint when its stack is deleted.

In     StackRequest        CloudFormation's custom resource, for create, update and delete
Out    nothing             the answer goes to the URL in the request
Fails  anything            the answer is FAILED: the stack stays until the endpoint can be deleted
"""

import json
from urllib.request import Request, urlopen

from aws.endpoint_lifecycle import SageMakerEndpointLifecycle
from contracts.documents.stages import StackRequest
from runtime.handlers import listener


@listener
def lambda_handler(request: StackRequest) -> None:
    status = "FAILED"
    try:
        if request.request_type == "Delete":
            SageMakerEndpointLifecycle.from_env().delete()
        status = "SUCCESS"
    finally:
        reply(request, status)


def reply(request: StackRequest, status: str) -> None:
    """Send CloudFormation the answer that it waits for."""
    body = {
        "Status": status,
        "Reason": "see the log of release-endpoint",
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
