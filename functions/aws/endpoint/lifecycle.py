"""Create, describe and delete the endpoint: implements domain.ports.endpoint.EndpointLifecycle."""

from datetime import datetime, timedelta
from math import floor
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from aws import settings
from aws.clients import client
from contracts.documents.hosting import EndpointStatus
from contracts.shared.instances.endpoint_tags import (
    APPLICATION,
    MADE_BY,
    ON_DEMAND,
    is_made_on_demand,
)
from contracts.shared.instances.quotas import MAX_SENTENCE, quota_in

_logger = Logger(child=True)

_STATUS: dict[str, EndpointStatus] = {
    "Creating": "starting",
    "InService": "in_service",
    "Updating": "in_service",
    "SystemUpdating": "in_service",
    "RollingBack": "in_service",
    "Deleting": "deleting",
    "Failed": "failed",
    "OutOfService": "failed",
    "UpdateRollbackFailed": "failed",
}
VARIANT = "AllTraffic"
HOST_NAMESPACE = "/aws/sagemaker/Endpoints"
"""Namespace of SageMaker's metrics of an endpoint's instances."""
NAMESPACE = "Likeness"
"""Namespace of the metrics that the engine writes (serving_image/serving/metrics.py)."""
TAGS = dict((APPLICATION, (MADE_BY, ON_DEMAND)))
"""Tags of an endpoint that a function makes."""
MAX_POINTS = 1440
"""Points of one GetMetricStatistics request; CloudWatch refuses a request for more."""


class Stack:
    """The stack that this function belongs to."""

    def __init__(self, stack_id: str, cloudformation: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._id, self._cloudformation = stack_id, cloudformation

    def changes(self) -> bool:
        """Return whether CloudFormation changes the stack, cleans up after it or rolls it back."""
        (found,) = self._cloudformation.describe_stacks(StackName=self._id)["Stacks"]
        return str(found["StackStatus"]).endswith("_IN_PROGRESS")


class SageMakerEndpointLifecycle:
    """See the Protocol for what each method promises."""

    def __init__(
        self,
        name: str,
        config: str | None,
        sagemaker: Any,  # noqa: ANN401 - a boto3 client
        cloudwatch: Any,  # noqa: ANN401 - a boto3 client
        stack: Stack | None = None,
    ) -> None:
        self.name, self._config, self._stack = name, config, stack
        self._sagemaker, self._cloudwatch = sagemaker, cloudwatch

    @classmethod
    def from_env(cls) -> "SageMakerEndpointLifecycle":
        """Use ENDPOINT_NAME and STACK_ID.

        ENDPOINT_CONFIG_NAME is empty if CloudFormation owns the endpoint.
        """
        return cls(
            settings.text("ENDPOINT_NAME"),
            settings.optional("ENDPOINT_CONFIG_NAME"),
            client("sagemaker"),
            client("cloudwatch"),
            Stack(settings.text("STACK_ID"), client("cloudformation")),
        )

    @property
    def on_demand(self) -> bool:
        """Whether functions may create and delete the endpoint."""
        return self._config is not None

    def status(self) -> EndpointStatus:
        """Return the endpoint's status."""
        found = self._describe()
        return "absent" if found is None else _STATUS[found["EndpointStatus"]]

    def made_on_demand(self) -> bool:
        """Return whether a function has made the endpoint that exists, by its tags."""
        found = self._describe()
        if found is None:
            return False
        answer = self._sagemaker.list_tags(ResourceArn=found["EndpointArn"], MaxResults=100)
        return is_made_on_demand({tag["Key"]: tag["Value"] for tag in answer["Tags"]})

    def stack_changes(self) -> bool:
        """Return whether CloudFormation changes the stack now; False where no stack is known."""
        return self._stack is not None and self._stack.changes()

    def create(self) -> bool:
        """Start the endpoint; see the Protocol."""
        try:
            self._sagemaker.create_endpoint(
                EndpointName=self.name,
                EndpointConfigName=self._config,
                Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
            )
        except ClientError as error:
            sentence = error.response["Error"]["Message"]
            if error.response["Error"]["Code"] == "ResourceLimitExceeded":
                _logger.warning("endpoint refused", sentence=sentence[:MAX_SENTENCE])
                quota = quota_in(sentence)
                return quota is None or quota.limit > 0
            if "existing endpoint" not in sentence:
                raise
        return True

    def delete(self) -> None:
        """Delete the endpoint; do nothing when it is gone already."""
        try:
            self._sagemaker.delete_endpoint(EndpointName=self.name)
        except ClientError as error:
            if not _is_missing(error):
                raise

    def instances(self) -> int | None:
        """Return how many instances the endpoint has; None while it is not running or changes."""
        found = self._describe()
        if found is None or found["EndpointStatus"] != "InService":
            return None
        (variant,) = found["ProductionVariants"]
        return int(variant["DesiredInstanceCount"])

    def waiting(self, now: datetime, within: timedelta) -> float:
        """Return the most requests that were inside each device's base, as a minute's mean.

        The engine writes the metric with each request, so an idle endpoint has none. It reads
        CloudWatch, for which only reap_endpoint has a permission.
        """
        found = self._cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName="RequestsInBase",
            Dimensions=[{"Name": "service", "Value": settings.text("POWERTOOLS_SERVICE_NAME")}],
            StartTime=now - within,
            EndTime=now,
            Period=60,
            Statistics=["Average"],
        )
        return max((float(point["Average"]) for point in found["Datapoints"]), default=0.0)

    def gpu_percent(self, now: datetime, within: timedelta) -> float:
        """Return the mean use of an instance's GPUs together, in percent; 0: nothing is known.

        It reads CloudWatch, for which only reap_endpoint has a permission.
        """
        found = self._cloudwatch.get_metric_statistics(
            Namespace=HOST_NAMESPACE,
            MetricName="GPUUtilization",
            Dimensions=self._variant(),
            StartTime=now - within,
            EndTime=now,
            Period=60,
            Statistics=["Average"],
        )
        points = [float(point["Average"]) for point in found["Datapoints"]]
        return sum(points) / len(points) if points else 0.0

    def resize(self, instances: int) -> None:
        """Change the endpoint's number of instances; it answers meanwhile."""
        wanted = {"VariantName": VARIANT, "DesiredInstanceCount": instances}
        self._sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.name, DesiredWeightsAndCapacities=[wanted]
        )

    def changed(self, now: datetime, within: timedelta) -> bool:
        """Return whether the endpoint was created, came up or failed within this time."""
        found = self._describe()
        return found is not None and _touched(found, now - within)

    def last_used(self, now: datetime, within: timedelta) -> bool:
        """Return whether the endpoint was created, changed or called within this time.

        It reads CloudWatch, for which only reap_endpoint has a permission.
        """
        found = self._describe()
        if found is None:
            return False
        since = now - within
        if _touched(found, since):
            return True
        calls = self._cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="Invocations",
            Dimensions=self._variant(),
            StartTime=since,
            EndTime=now,
            Period=period_of(within),
            Statistics=["Sum"],
        )
        return any(point["Sum"] > 0 for point in calls["Datapoints"])

    def _variant(self) -> list[dict[str, str]]:
        """Return the dimensions of SageMaker's metrics of the endpoint."""
        return [
            {"Name": "EndpointName", "Value": self.name},
            {"Name": "VariantName", "Value": VARIANT},
        ]

    def _describe(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._sagemaker.describe_endpoint(EndpointName=self.name)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        return found


def period_of(within: timedelta) -> int:
    """Return a period in seconds, whole minutes, in which this time has at most MAX_POINTS.

    >>> period_of(timedelta(hours=1)), period_of(timedelta(days=7))
    (60, 480)
    """
    minutes = within / timedelta(minutes=1)
    return 60 * (floor(minutes / MAX_POINTS) + 1)


def _touched(endpoint: dict[str, Any], since: datetime) -> bool:
    return bool(endpoint["CreationTime"] > since or endpoint["LastModifiedTime"] > since)


def _is_missing(error: ClientError) -> bool:
    return "Could not find endpoint" in error.response["Error"]["Message"]
