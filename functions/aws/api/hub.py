"""The bucket that HUB_BUCKET names: implements domain.ports.hub.Hub."""

from typing import Any

from aws import settings
from aws.clients import client
from domain.ports.hub import NoHubError

NONE = "none"


class S3Hub:
    """One bucket of the operator's, outside of the stack; None: there is none."""

    def __init__(self, models: str, bucket: str | None, s3: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._models, self._bucket, self._s3 = models, bucket, s3

    @classmethod
    def from_env(cls) -> "S3Hub":
        """Copy from MODELS_BUCKET to HUB_BUCKET."""
        return cls(settings.text("MODELS_BUCKET"), hub_bucket_from_env(), client("s3"))

    def copy(self, source: str, target: str) -> None:
        """Copy an object of the models bucket into the hub, within S3."""
        bucket, found = self._named(), {"Bucket": self._models, "Key": source}
        self._s3.copy_object(
            Bucket=bucket, Key=target, CopySource=found, TaggingDirective="REPLACE"
        )

    def uri(self, prefix: str) -> str:
        """Return ``s3://bucket/prefix``."""
        return f"s3://{self._named()}/{prefix}"

    def _named(self) -> str:
        if self._bucket is None:
            raise NoHubError
        return self._bucket


def hub_bucket_from_env() -> str | None:
    """Return the hub's bucket; None where the operator has named none."""
    bucket = settings.text("HUB_BUCKET")
    return None if bucket == NONE else bucket
