"""The notices topic in SNS: implements domain.ports.notifier.Notifier."""

from typing import Any

from aws import settings
from aws.clients import client
from contracts.documents.notice import Notice


class SnsNotifier:
    """Publishes JSON; subscribers can filter by the attributes tenant, status and code."""

    def __init__(self, topic_arn: str, sns: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._topic_arn = topic_arn
        self._sns = sns

    @classmethod
    def from_env(cls) -> "SnsNotifier":
        """Use the topic that NOTICES_TOPIC_ARN names."""
        return cls(settings.text("NOTICES_TOPIC_ARN"), client("sns"))

    def publish(self, notice: Notice) -> None:
        """Send the notice; its title is the subject of an e-mail."""
        attributes = {"tenant": notice.tenant, "status": notice.status, "code": notice.code}
        self._sns.publish(
            TopicArn=self._topic_arn,
            Subject=notice.title,
            Message=notice.model_dump_json(indent=2),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
                if value is not None
            },
        )
