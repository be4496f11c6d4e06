"""What a person asks to be forgotten is gone everywhere, and a signed receipt says so."""

import json
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from botocore.exceptions import ClientError

from contracts.documents.erasure import ErasureSubject, SignedReceipt
from contracts.documents.export import ExportManifest
from contracts.shared import layout
from local.demo.upload import TENANT
from local.front_door import make_key
from tests.cloud import eventually
from tests.e2e.stack import SMALL, Stack, photos
from tests.e2e.test_http_api import ask
from tests.e2e.test_status import has_begun


def versions(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Yield bucket, key and version of everything in both buckets, delete markers too."""
    s3 = stack.cloud.client("s3")
    for bucket in (stack.outputs["UploadsBucketName"], stack.outputs["ModelsBucketName"]):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in page.get("Versions", []) + page.get("DeleteMarkers", []):
                yield bucket, one["Key"], one["VersionId"]


def rows(stack: Stack) -> str:
    """Return every row of both tables as text, without the open bills of training jobs.

    A bill holds opaque ids only, and goes when SageMaker has told what the job has cost.
    """
    dynamodb = stack.cloud.client("dynamodb")
    tables = (stack.outputs["JobsTableName"], stack.outputs["ModelsTableName"])
    found = [row for table in tables for row in dynamodb.scan(TableName=table)["Items"]]
    return json.dumps([row for row in found if row.get("queue", {}).get("S") != "billing"])


def keys_naming(stack: Stack, *words: str) -> list[str]:
    """Return the keys that name a subject, but for the marker that tells the servers."""
    return [
        key
        for _, key, _ in versions(stack)
        if any(word in key for word in words) and not key.startswith(layout.models.ERASED_PREFIX)
    ]


@pytest.mark.usefixtures("quick_training")
def test_an_erased_upload_is_gone_with_its_model_and_never_comes_back(
    stack: Stack, tmp_path: Path
) -> None:
    given = photos(61)
    stack.upload("forget-me", given, SMALL)
    assert stack.notice("forget-me")["status"] == "succeeded"
    job_id = stack.record("forget-me").job_id
    s3, bucket = stack.cloud.client("s3"), stack.outputs["UploadsBucketName"]
    half = layout.uploads.upload_prefix(TENANT, "forget-me") + "half.jpg"
    s3.create_multipart_upload(Bucket=bucket, Key=half)
    assert keys_naming(stack, "/forget-me/", job_id)
    is_exported(stack, tmp_path / "copy.zip", given)
    receipt = tmp_path / "receipt.json"
    answer = stack.likeness(
        *(
            "erase",
            TENANT,
            "--upload",
            "forget-me",
            "--yes",
            TENANT,
            "--receipt",
            str(receipt),
            "--patience",
            "240",
        )
    )
    assert "erasing: nothing of this upload is drawn or trained now" in answer, answer
    assert keys_naming(stack, "/forget-me/", job_id) == []
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket, Prefix=half)
    assert "forget-me" not in rows(stack)
    assert f'"{job_id}"' not in rows(stack)
    signed = SignedReceipt.model_validate_json(receipt.read_bytes())
    counts = {store.store: store.found for store in signed.receipt.stores}
    assert (counts["data exports"], keys_naming(stack, f"exports/{TENANT}/")) == (1, [])
    assert counts["uploaded files"] == len(given) + 1
    assert counts["unfinished uploads"] == counts["packaged models"] == counts["model rows"] == 1
    key = "--key", stack.outputs["ReceiptKeyArn"]
    assert "signed by" in stack.likeness("receipt", "verify", str(receipt), *key)
    receipt.write_text(receipt.read_text().replace('"jobs": 1', '"jobs": 2'))
    assert "NOT SIGNED" in stack.likeness("receipt", "verify", str(receipt), *key)
    late_event_revives_nothing(stack)


def is_exported(stack: Stack, copy: Path, given: dict[str, bytes]) -> None:
    """The person whose upload it is gets everything in one archive, somebody else nothing."""
    answer = stack.likeness("export", TENANT, "--upload", "forget-me", "--out", str(copy))
    assert "sha256" in answer, answer
    with ZipFile(copy) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = ExportManifest.model_validate_json(files["manifest.json"])
    assert set(given.values()) <= set(files.values())
    endings = {one.name.rpartition("/")[2] for one in manifest.files}
    assert {"pytorch_lora_weights.safetensors", "accepted.json"} <= endings
    stores = {one.store: one for one in manifest.stores}
    assert [one for one in stores.values() if one.why is None and one.held != one.exported] == []
    assert (stores["packaged models"].held, stores["model rows"].exported) == (1, 1)
    answer = stack.likeness("export", TENANT, "--person", "nobody", "--out", str(copy))
    assert answer.startswith("likeness: "), answer


def late_event_revives_nothing(stack: Stack) -> None:
    """The same upload again, as an event that comes late would start it."""
    stack.upload("forget-me", {}, SMALL)
    newest = stack.ended("forget-me", 2)[0]
    assert (newest["status"], newest["error"]) == ("FAILED", "SubjectErasedError")
    assert "forget-me" not in rows(stack)


def test_a_tenant_goes_with_its_people_and_its_namesake_keeps_its_own(
    stack: Stack, tmp_path: Path
) -> None:
    keys = {tenant: make_key(stack.cloud, tenant) for tenant in ("leaving", "leaving-not")}
    for tenant, key in keys.items():
        person = {"email": f"ada@{tenant}.example.org", "role": "member"}
        assert ask(stack, "/v1/members", key, "POST", person).status == 200
    receipt = str(tmp_path / "receipt.json")
    patience = ("--receipt", receipt, "--patience", "240")
    answer = stack.likeness("erase", "leaving", "--yes", "leaving", *patience)
    assert Path(receipt).exists(), answer
    users = stack.cloud.client("cognito-idp").list_users(UserPoolId=stack.outputs["UserPoolId"])
    emails = {
        one["Value"]
        for user in users["Users"]
        for one in user["Attributes"]
        if one["Name"] == "email"
    }
    assert {email for email in emails if "leaving" in email} == {"ada@leaving-not.example.org"}
    assert ask(stack, "/v1/members", keys["leaving-not"]).status == 200


def test_an_upload_that_never_was_is_unknown(stack: Stack) -> None:
    answer = stack.likeness("erase", TENANT, "--upload", "never-was", "--yes", TENANT)
    assert "has no such upload" in answer


def test_a_job_that_is_erased_while_it_trains_ends_erased(stack: Stack) -> None:
    stack.upload("forget-soon", photos(62), SMALL | {"max_train_steps": 5000})
    eventually(lambda: has_begun(stack, "forget-soon"))
    job_id = stack.record("forget-soon").job_id
    answer = stack.likeness("erase", TENANT, "--model", job_id, "--yes", TENANT)
    assert "erasing" in answer, answer
    execution = stack.execution("forget-soon")
    assert (execution["status"], execution.get("error")) == ("FAILED", "SubjectErasedError")
    key = layout.models.receipt_key(erasure_id(job_id))
    signed = eventually(lambda: stored(stack, key))
    assert keys_naming(stack, job_id) == []
    assert signed.receipt.kind == "model"


def erasure_id(job_id: str) -> str:
    return ErasureSubject(tenant=TENANT, model_id=job_id).erasure_id


def stored(stack: Stack, key: str) -> SignedReceipt | None:
    try:
        return stack.document(key, SignedReceipt)
    except ClientError:
        return None
