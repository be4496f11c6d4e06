"""The tables of template.yaml, made in the embedded AWS."""

import uuid
from typing import Any

import boto3

from local.cloud.server import REGION, Cloud
from tests.contract.files import template

DESCRIBED = {"AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"}


def table(cloud: Cloud, resource: str) -> Any:
    """Make the table that the template describes, under a name of its own; return boto3's Table."""
    properties = template()["Resources"][resource]["Properties"]
    name = f"{resource}-{uuid.uuid4().hex}"
    wanted = {key: value for key, value in properties.items() if key in DESCRIBED}
    cloud.client("dynamodb").create_table(TableName=name, **wanted)
    dynamodb = boto3.resource(
        "dynamodb",
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        **cloud.credentials(),
    )
    return dynamodb.Table(name)
