"""A second opinion on AWS: moto, in this process, with the same face as the embedded AWS.

What it answers otherwise than the embedded AWS is listed in docs/differences.md with what AWS's
documents say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {"aws_access_key_id": "moto", "aws_secret_access_key": "moto"}


class Moto:
    """Clients of moto; every test begins with an empty account."""

    endpoint_url = None

    def client(self, service: str) -> Any:
        """Return a client of one of moto's services."""
        return boto3.client(service, region_name="us-east-1", **KEYS)

    def credentials(self) -> dict[str, str]:
        """Return keys, as the embedded AWS does; moto checks none."""
        return KEYS


@pytest.fixture
def moto() -> Iterator[Moto]:
    """An empty account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield Moto()
