"""The AWS account as ``likeness doctor`` sees it: every call that it makes, and no other.

All calls read. The table below is also the IAM policy in docs/doctor-policy.json.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn
from urllib.request import urlopen

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from likeness_client.aws_errors import CONFIG, explain, is_about_access, is_forbidden

ACTIONS: dict[str, dict[str, str]] = {
    "apigatewayv2": {"get_authorizers": "GET", "get_routes": "GET"},
    "cloudformation": {
        "describe_stack_drift_detection_status": "DescribeStackDriftDetectionStatus",
        "describe_stack_resource_drifts": "DescribeStackResourceDrifts",
        "describe_stacks": "DescribeStacks",
        "describe_type": "DescribeType",
        "detect_stack_drift": "DetectStackDrift",
        "list_stack_resources": "ListStackResources",
    },
    "cloudwatch": {"describe_alarms": "DescribeAlarms"},
    "cognito-idp": {
        "describe_user_pool": "DescribeUserPool",
        "describe_user_pool_client": "DescribeUserPoolClient",
    },
    "dynamodb": {
        "describe_continuous_backups": "DescribeContinuousBackups",
        "describe_table": "DescribeTable",
        "query": "Query",
    },
    "ec2": {
        "describe_security_groups": "DescribeSecurityGroups",
        "describe_subnets": "DescribeSubnets",
        "describe_vpc_endpoints": "DescribeVpcEndpoints",
    },
    "ecr": {
        "batch_get_image": "BatchGetImage",
        "describe_images": "DescribeImages",
        "get_download_url_for_layer": "GetDownloadUrlForLayer",
        "get_lifecycle_policy": "GetLifecyclePolicy",
    },
    "events": {"describe_rule": "DescribeRule", "list_targets_by_rule": "ListTargetsByRule"},
    "iam": {
        "get_policy": "GetPolicy",
        "get_role": "GetRole",
        "simulate_principal_policy": "SimulatePrincipalPolicy",
    },
    "kms": {"describe_key": "DescribeKey", "get_key_policy": "GetKeyPolicy"},
    "lambda": {
        "get_account_settings": "GetAccountSettings",
        "get_event_source_mapping": "GetEventSourceMapping",
        "get_function_concurrency": "GetFunctionConcurrency",
        "get_function_configuration": "GetFunctionConfiguration",
    },
    "logs": {"describe_log_groups": "DescribeLogGroups"},
    "s3": {
        "get_bucket_encryption": "GetEncryptionConfiguration",
        "get_bucket_lifecycle_configuration": "GetLifecycleConfiguration",
        "get_bucket_location": "GetBucketLocation",
        "get_bucket_notification_configuration": "GetBucketNotification",
        "get_bucket_policy": "GetBucketPolicy",
        "get_bucket_versioning": "GetBucketVersioning",
        "get_object": "GetObject",
        "get_public_access_block": "GetBucketPublicAccessBlock",
        "head_object": "GetObject",
        "list_objects_v2": "ListBucket",
    },
    "s3control": {"get_public_access_block": "GetAccountPublicAccessBlock"},
    "sagemaker": {
        "describe_endpoint": "DescribeEndpoint",
        "describe_endpoint_config": "DescribeEndpointConfig",
        "describe_model": "DescribeModel",
    },
    "secretsmanager": {"describe_secret": "DescribeSecret"},
    "service-quotas": {
        "list_aws_default_service_quotas": "ListAWSDefaultServiceQuotas",
        "list_requested_service_quota_change_history_by_quota": (
            "ListRequestedServiceQuotaChangeHistoryByQuota"
        ),
        "list_service_quotas": "ListServiceQuotas",
    },
    "sns": {"list_subscriptions_by_topic": "ListSubscriptionsByTopic"},
    "sqs": {"get_queue_attributes": "GetQueueAttributes"},
    "stepfunctions": {"describe_state_machine": "DescribeStateMachine"},
    "sts": {"get_caller_identity": "GetCallerIdentity"},
}
"""IAM's name for each call, by service and by boto3's name of the operation."""

PREFIXES = {
    "apigatewayv2": "apigateway",
    "s3control": "s3",
    "service-quotas": "servicequotas",
    "stepfunctions": "states",
}
"""IAM's prefix of a service, where it is not boto3's name of the service."""

REFUSALS = {
    *("400", "403", "405", "501", "Forbidden"),
    "InternalFailure",
    "InvalidAction",
    "NotImplemented",
    "OptInRequired",
    "SubscriptionRequiredException",
    "UnknownOperationException",
    "UnsupportedOperation",
}
"""Codes of what is forbidden, as an answer to HEAD says it, or not offered to this account, in
this Region or on the laptop."""

DOWNLOAD_SECONDS = 30


class NotAskedError(Exception):
    """A call was refused or did not arrive; nothing is known about its subject."""

    def __init__(
        self, action: str, reason: str, quote: str = "", *, forbidden: bool = False
    ) -> None:
        super().__init__(f"{action}: {reason}")
        self.action = action
        self.reason = reason
        self.quote = quote
        """AWS's own sentence, where AWS has answered."""
        self.forbidden = forbidden
        """Whether a permission is missing; else the call is not offered, or did not arrive."""


def action_of(service: str, operation: str) -> str:
    """Return IAM's name for a call.

    >>> action_of("s3", "list_objects_v2")
    's3:ListBucket'

    Raises:
        KeyError: the call is not in the table, so the policy does not allow it.
    """
    return f"{PREFIXES.get(service, service)}:{ACTIONS[service][operation]}"


def download(url: str) -> bytes:
    """Return what is behind a presigned address.

    Raises:
        OSError: it cannot be fetched.
    """
    if not url.startswith("https://"):
        raise OSError("the address is not https")
    with urlopen(url, timeout=DOWNLOAD_SECONDS) as answer:  # noqa: S310 - https, checked above
        content: bytes = answer.read()
        return content


class Account:
    """Asks AWS in one Region; a call that is refused is a NotAskedError, never an empty answer."""

    def __init__(
        self,
        region: str,
        session: Any = None,  # noqa: ANN401 - boto3 ships no types
        fetch: Callable[[str], bytes] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.region = region
        self._session = session or boto3.session.Session()
        self._fetch, self.sleep = fetch or download, sleep
        self._clients: dict[str, Any] = {}
        self.asked: set[str] = set()
        """IAM's names of the calls that were made."""

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return AWS's answer.

        Raises:
            NotAskedError: the call was refused, is not offered, or did not arrive.
            ClientError: AWS answers with an error about the subject, such as "not found".
        """
        action = action_of(service, operation)
        self.asked.add(action)
        try:
            answer: dict[str, Any] = getattr(self._client(service), operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            _raise(error, action)
        return answer

    def ask_all(
        self,
        service: str,
        operation: str,
        key: str,
        **arguments: Any,  # noqa: ANN401
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of an answer.

        Raises:
            NotAskedError: as in ``ask``.
            ClientError: as in ``ask``.
        """
        action = action_of(service, operation)
        self.asked.add(action)
        client = self._client(service)
        try:
            pages = (
                client.get_paginator(operation).paginate(**arguments)
                if client.can_paginate(operation)
                else by_token(getattr(client, operation), arguments)
            )
            for page in pages:
                yield from page.get(key, [])
        except (BotoCoreError, ClientError) as error:
            _raise(error, action)

    def fetch(self, url: str, action: str) -> bytes:
        """Return what is behind an address that ``action`` has answered.

        Raises:
            NotAskedError: it cannot be fetched.
        """
        try:
            return self._fetch(url)
        except OSError as error:
            raise NotAskedError(action, f"the download failed: {error}") from error

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 ships no types
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service, region_name=self.region, config=CONFIG
            )
        return self._clients[service]


def by_token(ask: Callable[..., dict[str, Any]], arguments: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Yield the pages of an operation for which botocore has no paginator."""
    page = ask(**arguments)
    yield page
    while token := page.get("NextToken"):
        page = ask(**arguments, NextToken=token)
        yield page


def _raise(error: BotoCoreError | ClientError, action: str) -> NoReturn:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if isinstance(error, ClientError) and (is_about_access(error) or code in REFUSALS):
        raise NotAskedError(
            action, f"AWS answers {code}.", message_in(error), forbidden=is_forbidden(error)
        ) from error
    if isinstance(error, BotoCoreError):
        raise NotAskedError(action, explain(error)) from error
    raise error


def code_in(error: ClientError) -> str:
    """Return AWS's code of an error."""
    return str(error.response["Error"]["Code"])


def message_in(error: ClientError) -> str:
    """Return AWS's sentence of an error."""
    return str(error.response["Error"].get("Message", ""))


def policy() -> dict[str, Any]:
    """Return the IAM policy that allows every call of the table; all of them read."""
    actions = {
        action_of(service, operation)
        for service, operations in ACTIONS.items()
        for operation in operations
    }
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [{"Sid": "LikenessDoctorReads", **statement}]}
