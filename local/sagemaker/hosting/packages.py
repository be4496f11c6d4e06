"""TargetModels on an instance's disk: downloaded with the role's permissions, and unpacked."""

import hashlib
import shutil
import tarfile
from pathlib import Path

from botocore.exceptions import ClientError

from local.cloud.typing_aliases import Stock
from local.sagemaker import s3 as s3_module
from local.sagemaker.api.errors import ServiceError
from local.sagemaker.s3 import S3Location

MAX_BYTES = 20 << 30


def model_name(target: str) -> str:
    """Return the hash by which SageMaker names a TargetModel to the container.

    >>> model_name("user.tar.gz")
    'd627cd71d48856f60f6c017c612d7469'
    """
    return hashlib.sha256(target.encode()).hexdigest()[:32]


class Packages:
    """Fetches models; as on SageMaker, a model stays on disk when it leaves memory."""

    def __init__(self, s3: Stock, data_url: str, folder: Path) -> None:
        self._s3 = s3
        self._prefix = s3_module.parse_uri(data_url)
        self._folder = folder

    def fetch(self, target: str) -> Path:
        """Return the folder of an unpacked model.

        Raises:
            ServiceError: ValidationError; the object does not exist, or is not an archive.
        """
        name = model_name(target)
        model = self._folder / name / "model"
        if not model.exists():
            work = self._folder / f".{name}"
            shutil.rmtree(work, ignore_errors=True)
            archive = work / "archive.tar.gz"
            self._download(target, archive)
            _unpack(archive, work / "model")
            model.parent.mkdir(parents=True, exist_ok=True)
            (work / "model").rename(model)
            shutil.rmtree(work)
        return model

    def _download(self, target: str, archive: Path) -> None:
        location = S3Location(self._prefix.bucket, self._prefix.key + target.lstrip("/"))
        try:
            s3_module.get(self._s3, location, archive)
        except ClientError as error:
            raise ServiceError(
                "ValidationError",
                f"Failed to download model data(bucket: {location.bucket}, key: {location.key}). "
                "Please ensure that there is an object located at the URL and that the role passed "
                "to CreateModel has permissions to download the model.",
            ) from error


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            if sum(member.size for member in tar.getmembers()) > MAX_BYTES:
                message = "Unable to extract the model archive: it is too large."
                raise ServiceError("ValidationError", message)
            folder.mkdir()
            tar.extractall(folder, filter="data")  # the filter refuses paths outside the folder
    except (tarfile.TarError, OSError, EOFError) as error:
        message = "Unable to extract the model archive: it is not a valid tar.gz file."
        raise ServiceError("ValidationError", message) from error
