"""Checks of CloudFormation that stock leaves out: a bucket with files, a parameter's pattern."""

import re

from ministack.core.responses import error_response_json
from ministack.services import s3, ssm
from ministack.services.cloudformation import provisioners

from local.cloud.typing_aliases import Json, Stock

NOT_EMPTY = (
    "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
)


def install() -> None:
    """Keep a bucket that has files, and refuse a parameter's value that its pattern excludes."""
    _keep_full_buckets()
    _check_patterns()


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
