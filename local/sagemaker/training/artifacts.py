"""Uploads a training job's `model/` and `output/data/` as archives to S3."""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ContainerFault
from local.sagemaker.s3 import S3Location


def output_prefix(document: Json) -> S3Location:
    """Return the prefix of a job's output, <S3OutputPath>/<job>/output/."""
    location = s3_module.parse_uri(document["OutputDataConfig"]["S3OutputPath"])
    folder = "/".join(
        part for part in (location.key.strip("/"), document["TrainingJobName"], "output/") if part
    )
    return S3Location(location.bucket, folder)


def model_uri(document: Json) -> str:
    """Return the URI of the model's archive, or of its folder when it is not compressed."""
    location = output_prefix(document)
    name = "model.tar.gz" if _compressed(document) else "model/"
    return f"s3://{location.bucket}/{location.key}{name}"


def upload(s3: Stock, document: Json, roots: Sequence[Path], *, with_model: bool) -> None:
    """Upload the outputs of all instances as one; a failed job uploads no model.

    Raises:
        ContainerFault: the role may not write there.
    """
    places = {"output": "output/data", **({"model": "model"} if with_model else {})}
    try:
        for name, place in places.items():
            folder = _joined([root / place for root in roots])
            if name == "model" or any(folder.rglob("*")):
                _upload_folder(s3, document, name, folder)
    except ClientError as error:
        reason = f"ClientError: Artifact upload failed:{error}"
        raise ContainerFault(reason) from error


def _joined(folders: Sequence[Path]) -> Path:
    """Copy the files of the other instances into the first one's folder; its own files stay."""
    first, *others = folders
    for folder in others:
        for file in sorted(folder.rglob("*")):
            target = first / file.relative_to(folder)
            if file.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    return first


def _upload_folder(s3: Stock, document: Json, name: str, folder: Path) -> None:
    location = output_prefix(document)
    if not _compressed(document):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                key = f"{location.key}{name}/{file.relative_to(folder).as_posix()}"
                s3_module.put(s3, file, S3Location(location.bucket, key))
        return
    archive = folder.parent / f".{name}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for entry in sorted(folder.iterdir()):
            tar.add(entry, arcname=entry.name)
    s3_module.put(s3, archive, S3Location(location.bucket, f"{location.key}{name}.tar.gz"))


def _compressed(document: Json) -> bool:
    return bool(document["OutputDataConfig"].get("CompressionType", "GZIP") != "NONE")
