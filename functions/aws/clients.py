"""boto3 clients with short time-outs: a stage must fail in time to be tried again."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(
    connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5}
)


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    """Return this process's client of an AWS service."""
    return boto3.client(service, config=CONFIG)
