"""Looks for a person in every store and folder: by canary, by names and by content hashes."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import boto3

from bench.erasure.seeds import Person, Places


def traces(person: Person, places: Places, folders: list[Path]) -> list[str]:
    """Return where something of the person is still found; a receipt and a tombstone are none."""
    tenant = person.tenant
    words = [person.canary, *(f"{a}{tenant}{b}" for a, b in ("//", "##")), *person.job_ids]
    hashes = {hashlib.sha256(person.body(n)).hexdigest() for n in range(person.photos)}
    return [
        place
        for place, text in every_text(places, folders)
        if any(word in text for word in words)
        or hashlib.sha256(text.encode("latin-1")).hexdigest() in hashes
    ]


def every_text(places: Places, folders: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield the name of a place and all that is there, bytes as Latin-1."""
    yield from bucket_texts(places)
    for table in (places.jobs_table, places.models_table, places.api_table):
        for page in boto3.client("dynamodb").get_paginator("scan").paginate(TableName=table):
            yield from ((table, json.dumps(item)) for item in page["Items"])
    sqs = boto3.client("sqs")
    while found := sqs.receive_message(
        QueueUrl=places.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=2
    ).get("Messages"):
        yield from (("dead letters", message["Body"]) for message in found)
    yield from people_texts(places)
    for folder in folders:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            yield str(path), path.read_bytes().decode("latin-1")


def people_texts(places: Places) -> Iterator[tuple[str, str]]:
    """Yield who signs in, and the groups that have tenants' names."""
    cognito = boto3.client("cognito-idp")
    for page in cognito.get_paginator("list_users").paginate(UserPoolId=places.pool_id):
        yield from (("people", json.dumps(user, default=str)) for user in page["Users"])
    for page in cognito.get_paginator("list_groups").paginate(UserPoolId=places.pool_id):
        yield from (("groups", f"/{group['GroupName']}/") for group in page["Groups"])


def bucket_texts(places: Places) -> Iterator[tuple[str, str]]:
    """Yield key and body of every version and marker, and the keys of unfinished uploads."""
    s3 = boto3.client("s3")
    for bucket in (places.uploads, places.models, places.hub):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in page.get("DeleteMarkers", []):
                yield one["Key"], one["Key"]
            for one in page.get("Versions", []):
                if one["Key"].startswith("erased/"):  # a hash that tells the servers
                    continue
                body = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
                yield one["Key"], body["Body"].read().decode("latin-1")
                yield one["Key"], one["Key"]
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            yield upload["Key"], upload["Key"]
