"""boto3 clients with short time-outs: a stage must fail in time to be tried again.

Each is made once in a process: botocore needs some ten milliseconds of processor time for one, and
the HTTP API opens a dozen stores for each request.
"""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(
    connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5}
)


@cache
def client(service: str, config: Config = CONFIG) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    """Return this process's client of an AWS service.

    Args:
        service: boto3's name of the service.
        config: kept by the caller as a constant, because another object is another client.
    """
    return boto3.client(service, config=config)


@cache
def table(name: str) -> Any:  # noqa: ANN401 - a boto3 Table
    """Return this process's handle of a DynamoDB table."""
    return _dynamodb().Table(name)


@cache
def _dynamodb() -> Any:  # noqa: ANN401 - a boto3 resource
    return boto3.resource("dynamodb", config=CONFIG)


def forget_clients() -> None:
    """Make new clients from now on: boto3's default session is another one."""
    for made in (client, table, _dynamodb):
        made.cache_clear()
