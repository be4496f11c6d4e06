"""Beside the states, release_endpoint: a stack that goes takes its on-demand endpoint with it.

In     StackRequest        CloudFormation's custom resource, for create, update and delete
Out    nothing             CloudFormation is answered at the URL that it gave
Fails  anything            CloudFormation is told so: the stack stays until the endpoint can go
"""

import json
from urllib.request import Request, urlopen

from aws.hosting import SageMakerHosting
from contracts.documents.stages import StackRequest
from runtime.handlers import listener


@listener
def lambda_handler(request: StackRequest) -> None:
    status = "FAILED"
    try:
        if request.request_type == "Delete":
            SageMakerHosting.from_env().delete()
        status = "SUCCESS"
    finally:
        reply(request, status)


def reply(request: StackRequest, status: str) -> None:
    """Tell CloudFormation, which waits for it."""
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
