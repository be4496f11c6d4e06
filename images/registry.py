"""Amazon ECR through the `aws` command: log in, look a tag up, push, remember the digest."""

import json
import re
import subprocess
from dataclasses import dataclass

from images.engine import Engine
from images.recipes import ImageError

ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?"
)


@dataclass(frozen=True)
class Registry:
    """The registry of one account and region."""

    host: str

    @property
    def region(self) -> str:
        """Return the region in the host's name.

        Raises:
            ImageError: the host is no ECR registry.
        """
        found = ECR.fullmatch(self.host)
        if found is None:
            raise ImageError(
                f"{self.host!r} is no ECR registry; one is called"
                " <account>.dkr.ecr.<region>.amazonaws.com."
            )
        return found["region"]

    def digest(self, repository: str, tag: str) -> str | None:
        """Return the digest of a tag; None if the repository has no such tag.

        Raises:
            ImageError: AWS refused the question.
        """
        run = self._aws(
            "ecr", "describe-images", "--repository-name", repository,
            "--image-ids", f"imageTag={tag}", "--output", "json",
        )  # fmt: skip
        if run.returncode == 0:
            found = json.loads(run.stdout)["imageDetails"]  # the laptop's ECR answers an empty list
            return str(found[0]["imageDigest"]) if found else None
        if "ImageNotFoundException" in run.stderr:
            return None
        raise ImageError(f"ECR did not describe {repository}: {run.stderr.strip()}")

    def log_in(self, engine: Engine) -> None:
        """Log the engine in; ECR's password is valid for 12 hours."""
        run = self._aws("ecr", "get-login-password")
        if run.returncode:
            raise ImageError(f"ECR gave no password: {run.stderr.strip()}")
        engine.run("login", "--username", "AWS", "--password-stdin", self.host, text=run.stdout)

    def put_parameter(self, name: str, uri: str) -> None:
        """Store an image's URI in the SSM parameter store."""
        run = self._aws(
            "ssm",
            "put-parameter",
            "--name",
            name,
            "--value",
            uri,
            "--type",
            "String",
            "--overwrite",
        )
        if run.returncode:
            raise ImageError(f"The parameter {name} was not stored: {run.stderr.strip()}")

    def _aws(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["aws", "--region", self.region, *words]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise ImageError(
                "The command `aws` is missing. Install the AWS CLI: pip install awscli."
            ) from None


def registry_of(image: str) -> Registry | None:
    """Return the ECR registry that an image is in; None for another registry.

    >>> registry_of("763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training@sha256:00")
    Registry(host='763104351884.dkr.ecr.eu-west-1.amazonaws.com')
    >>> registry_of("nvcr.io/nvidia/tritonserver:25.04-py3")
    """
    host = image.partition("/")[0]
    return Registry(host) if ECR.fullmatch(host) else None
