"""Large answers are under their tenant's prefix; images come from there; nobody else's do."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.shared.pictures.picture_places import LINK_SECONDS, tenant_hash
from serving.output.pictures_bucket import (
    NoBucket,
    NoPictureError,
    NotStoredError,
    Owner,
    S3Bucket,
    open_bucket,
)

ACME, JOBS = tenant_hash("acme"), frozenset({"2" * 32, "1" * 32})
MINE = "tenants/acme/pictures/me.png"


class MemoryS3:
    """A bucket with versions; ``room`` is how many objects it still takes."""

    def __init__(self, room: int = 99) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.room = room

    def put_object(self, **put: Any) -> dict[str, str]:
        if len(self.objects) >= self.room:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": ""}}, "PutObject")
        self.objects[put["Key"]] = put["Body"]
        return {"VersionId": f"v-{put['Key']}"}

    def get_object(self, **get: str) -> dict[str, Any]:
        self.asked.append(get["Key"])
        if get["Key"] not in self.objects:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")
        body = self.objects[get["Key"]]
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}

    def delete_object(self, **delete: str) -> None:
        assert delete["VersionId"] == f"v-{delete['Key']}"
        del self.objects[delete["Key"]]

    def generate_presigned_url(self, name: str, place: dict[str, str], **more: int) -> str:
        assert (name, more) == ("get_object", {"ExpiresIn": LINK_SECONDS})
        return f"https://{place['Bucket']}/{place['Key']}?signed"


def test_files_lie_under_tenant_models_and_a_name_that_nobody_guesses() -> None:
    s3 = MemoryS3()
    owner = Owner(ACME, JOBS)
    bucket = S3Bucket("uploads", s3)
    assert bucket.takes(owner)
    first, second = bucket.store([b"a", b"b"], "jpeg", owner)
    folder = f"answers/{ACME}/{'1' * 32}-{'2' * 32}/"
    assert first.key.startswith(folder)
    assert (first.key[-9:], second.key[-9:]) == ("/000.jpeg", "/001.jpeg")
    assert first.link == f"https://uploads/{first.key}?signed"
    assert bucket.read(second.uri, ACME, 1) == b"b"
    assert bucket.store([b"a"], "jpeg", owner)[0].key[:-9] != first.key[:-9]
    bucket.forget([first, second])
    assert not {first.key, second.key} & s3.objects.keys()


def test_the_base_s_own_pictures_are_stored_and_those_of_a_model_without_tenant_are_not() -> None:
    bucket = S3Bucket("uploads", MemoryS3())
    assert bucket.takes(Owner(None, frozenset()))
    assert bucket.store([b"a"], "png", Owner(None, frozenset()))[0].key.startswith("answers/base/")
    assert not bucket.takes(Owner(None, JOBS)), "no erasure would find them"


def test_of_an_answer_all_files_are_stored_or_none() -> None:
    s3 = MemoryS3(room=1)
    with pytest.raises(NotStoredError):
        S3Bucket("uploads", s3).store([b"a", b"b"], "png", Owner(ACME, JOBS))
    assert s3.objects == {}


@pytest.mark.parametrize(
    "uri",
    [
        "s3://uploads/tenants/globex/pictures/me.png",
        "s3://uploads/tenants/acme/uploads/u1/me.png",
        "s3://other/" + MINE,
    ],
)
def test_s3_is_not_asked_for_what_is_not_the_tenant_s(uri: str) -> None:
    s3 = MemoryS3()
    with pytest.raises(NoPictureError):
        S3Bucket("uploads", s3).read(uri, ACME, 99)
    assert s3.asked == []


def test_an_image_is_read_up_to_its_limit_and_a_missing_one_is_no_other_error() -> None:
    s3 = MemoryS3()
    bucket = S3Bucket("uploads", s3)
    with pytest.raises(NoPictureError):
        bucket.read(f"s3://uploads/{MINE}", ACME, 3)
    s3.objects[MINE] = b"abc"
    assert bucket.read(f"s3://uploads/{MINE}", ACME, 3) == b"abc"
    with pytest.raises(NoPictureError):
        bucket.read(f"s3://uploads/{MINE}", ACME, 2)


def test_a_server_without_the_bucket_takes_and_finds_nothing() -> None:
    bucket = open_bucket("")
    assert isinstance(bucket, NoBucket)
    assert not bucket.takes(Owner(ACME, JOBS))
    with pytest.raises(NoPictureError):
        bucket.read(f"s3://uploads/{MINE}", ACME, 99)
