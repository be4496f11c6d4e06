"""What stock CloudFormation leaves out: full buckets, patterns, a function's retries."""

import re

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc, s3, ssm
from ministack.services.cloudformation import provisioners

from local.cloud.typing_aliases import Json, Stock

NOT_EMPTY = (
    "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
)


def install() -> None:
    """Keep full buckets, refuse what a pattern excludes, retry custom resources' functions."""
    _keep_full_buckets()
    _check_patterns()
    _retry_custom_resources()


def _keep_full_buckets() -> None:
    """Fail the deletion of a bucket that has objects, versions or delete markers.

    Stock forgets the bucket and all that it held.
    """
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    delete = handler["delete"]

    def deleted(name: str, properties: Json) -> None:
        bucket = s3._buckets.get(name)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(name)):
            message = f"{NOT_EMPTY} (Service: S3, Status Code: 409)"
            raise ValueError(message)
        delete(name, properties)

    handler["delete"] = deleted


def _check_patterns() -> None:
    """Refuse a value that does not match the AllowedPattern of the same request."""
    put = ssm._put_parameter

    def checked(request: Json) -> Stock:
        pattern, value = request.get("AllowedPattern"), str(request.get("Value", ""))
        if pattern and not re.search(pattern, value):
            message = f"Parameter value, {value}, does not match the allowed pattern: {pattern}"
            return error_response_json("ParameterPatternMismatchException", message, 400)
        return put(request)

    ssm._put_parameter = checked


def _retry_custom_resources() -> None:
    """Invoke a custom resource's function asynchronously, with two retries.

    Stock invokes it once. A function that ended without an answer, as on a busy machine, then left
    the stack in progress until the resource's ServiceTimeout.
    """
    invoke = lambda_svc._execute_function_with_config_scope

    def invoked(function: Stock, event: Json) -> Json:
        if "ResponseURL" not in event:
            return invoke(function, event)
        lambda_svc.invoke_async_with_retry(function, event)
        return {}

    lambda_svc._execute_function_with_config_scope = invoked
