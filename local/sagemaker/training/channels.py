"""Downloads a training job's input channels from S3 into `input/data/<channel>` (File mode)."""

import json
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import ClientError

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ContainerFault
from local.sagemaker.s3 import S3Location


def download_channels(s3: Stock, channels: Json, folder: Path) -> None:
    """Download every channel into its folder.

    Raises:
        ContainerFault: an object is missing, or the role may not read it.
    """
    for channel in channels:
        target = folder / channel["ChannelName"]
        target.mkdir(parents=True, exist_ok=True)
        source = channel["DataSource"]["S3DataSource"]
        try:
            download_source(s3, source, target)
        except ClientError as error:
            raise ContainerFault(_reason(error, source["S3Uri"])) from error


def download_source(s3: Stock, source: Json, target: Path) -> None:
    """Download the objects that an S3DataSource names."""
    found = False
    for location, relative in _listed(s3, source):
        file = s3_module.inside(target, relative)
        if file is None:
            reason = "ClientError: Data download failed: a key leads outside of its channel"
            raise ContainerFault(reason)
        s3_module.get(s3, location, file)
        found = True
    if not found:
        reason = (
            f'ClientError: No S3 objects found under S3 URL "{source["S3Uri"]}" given in input '
            "data source. Please ensure that the bucket exists in the selected region, that "
            "objects exist under that S3 prefix, and that the role has s3:ListBucket permissions."
        )
        raise ContainerFault(reason)


def _listed(s3: Stock, source: Json) -> Iterator[tuple[S3Location, str]]:
    uri = s3_module.parse_uri(source["S3Uri"])
    if source["S3DataType"] == "ManifestFile":
        yield from _manifest_entries(s3, uri)
        return
    for key in s3_module.list_keys(s3, uri):
        yield S3Location(uri.bucket, key), s3_module.relative_key(key, uri.key)


def _manifest_entries(s3: Stock, manifest: S3Location) -> Iterator[tuple[S3Location, str]]:
    """Yield a manifest's entries: {"prefix": uri} comes first, then names relative to it."""
    body = s3.get_object(Bucket=manifest.bucket, Key=manifest.key)["Body"].read()
    try:
        head, *names = json.loads(body)
        prefix = s3_module.parse_uri(head["prefix"])
    except (ValueError, KeyError, TypeError) as error:
        reason = "ClientError: Data download failed: the manifest file is not valid"
        raise ContainerFault(reason) from error
    for name in names:
        yield S3Location(prefix.bucket, prefix.key + name), name


def _reason(error: ClientError, uri: str) -> str:
    code = error.response.get("Error", {}).get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "?")
    return f"ClientError: Data download failed:{code} ({status}): {uri}: {error}"


def channel_config(channels: Json) -> dict[str, dict[str, str]]:
    """Return the content of `inputdataconfig.json`."""
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in channels
    }
