"""domain.ports.storage.Storage: the fake and S3 behave alike."""

import uuid

import pytest

from aws.storage import S3Storage
from contracts.base import BaseCard
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage, find_document
from local.cloud.server import Cloud
from tests.fakes.storage import MemoryStorage


@pytest.fixture(params=["memory", "cloud", "moto"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    return s3_storage(request.getfixturevalue(request.param))


def s3_storage(cloud: Cloud) -> S3Storage:
    name, s3 = f"bucket-{uuid.uuid4().hex}", cloud.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return S3Storage(name, s3)


def test_what_is_written_is_read(storage: Storage) -> None:
    storage.write("a/b.json", b"{}", "application/json")
    assert storage.read("a/b.json", 10) == b"{}"
    assert storage.uri("a/b.json").endswith("/a/b.json")


def test_what_is_missing_is_reported(storage: Storage) -> None:
    assert storage.head("nothing") is None
    assert find_document(storage, "nothing", BaseCard) is None
    with pytest.raises(ObjectMissingError):
        storage.read("nothing", 10)
    with pytest.raises(ObjectMissingError):
        storage.copy("nothing", "elsewhere")
    storage.delete("nothing")


def test_more_than_the_reader_allows_is_not_read(storage: Storage) -> None:
    storage.write("large", b"x" * 11)
    assert len(storage.read("large", 11)) == 11
    with pytest.raises(ObjectTooLargeError):
        storage.read("large", 10)


def test_a_pinned_version_survives_an_overwrite_and_a_delete(storage: Storage) -> None:
    storage.write("photo", b"before")
    pin = storage.head("photo")
    assert pin is not None
    assert pin.version_id is not None
    storage.write("photo", b"after")
    assert storage.read("photo", 10, pin.version_id) == b"before"
    assert storage.read("photo", 10) == b"after"
    storage.delete("photo")
    assert storage.head("photo") is None
    assert storage.read("photo", 10, pin.version_id) == b"before"


def test_a_listing_is_in_order_and_limited(storage: Storage) -> None:
    for name in ("p/c", "p/a b+ü.jpg", "p/b", "q/d"):
        storage.write(name, name.encode())
    listed = storage.list("p/", 10)
    assert [item.key for item in listed] == ["p/a b+ü.jpg", "p/b", "p/c"]
    assert [item.size for item in listed] == [len(item.key.encode()) for item in listed]
    assert len(storage.list("p/", 2)) == 2
    assert storage.list("nothing/", 2) == []


def test_heads_return_the_same_as_the_listing_and_skip_what_is_gone(storage: Storage) -> None:
    for name in ("a", "b"):
        storage.write(name, name.encode())
    heads = storage.heads(["a", "nothing", "b"])
    assert [head.key for head in heads] == ["a", "b"]
    assert [head.etag for head in heads] == [item.etag for item in storage.list("", 9)]


def test_a_copy_is_whole(storage: Storage) -> None:
    storage.write("staging/x", b"package")
    storage.copy("staging/x", "endpoint/x")
    assert storage.read("endpoint/x", 10) == b"package"


@pytest.mark.parametrize("kind", ["cloud", "moto"])
def test_a_copy_needs_no_right_to_tags(kind: str, request: pytest.FixtureRequest) -> None:
    """To copy them S3 asks for s3:GetObjectTagging and s3:PutObjectTagging; no role has these."""
    cloud = request.getfixturevalue(kind)
    storage, s3 = s3_storage(cloud), cloud.client("s3")
    bucket = storage.uri("").removeprefix("s3://").strip("/")
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="scanned=clean")
    storage.copy("a", "b")
    assert s3.get_object_tagging(Bucket=bucket, Key="b")["TagSet"] == []
