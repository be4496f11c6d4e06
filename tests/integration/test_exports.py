"""domain.ports.exports: the fakes and AWS behave alike."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from aws.api.exports import DynamoExports, S3Archives, S3Reader
from aws.erasure.erasures import DynamoErasures
from contracts.documents.export import ExportRow, ExportSubject
from contracts.shared.layout.rows import export_row
from domain.exporting.asking import new_row
from domain.ports.erasure import ApiRows
from domain.ports.exports import Archives, Exports, ObjectReader, place_of
from domain.ports.storage import ObjectMissingError
from tests.fakes.exports import MemoryArchives, MemoryExports, MemoryReader
from tests.fakes.storage import MemoryStorage
from tests.integration.tables import table
from tests.moto_cloud import Moto

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
PART = 5 << 20
"""The smallest part that S3 takes, but for the last one."""


@pytest.fixture(params=["memory", "cloud", "moto"])
def exports(request: pytest.FixtureRequest) -> Exports:
    if request.param == "memory":
        return MemoryExports()
    return DynamoExports(table(request.getfixturevalue(request.param), "ApiTable"))


def row(number: int, tenant: str = "acme") -> ExportRow:
    now = NOON + timedelta(seconds=number)
    return new_row(f"exp_{number:024x}", ExportSubject(tenant=tenant), now)


def test_rows_are_found_by_id_and_by_tenant_and_the_first_one_stays(exports: Exports) -> None:
    first, second, other = row(1), row(2), row(3, "globex")
    for one in (first, second, other, first.model_copy(update={"status": "failed"})):
        exports.add(one)
    assert exports.get(first.export_id) == first
    assert exports.get("exp_" + "f" * 24) is None
    assert exports.of("acme", 9, None) == [second, first]
    assert exports.of("acme", 1, None) == [second]
    assert exports.of("acme", 9, place_of(second)) == [first]


def test_only_the_row_that_was_read_is_changed(exports: Exports) -> None:
    first = row(1)
    exports.add(first)
    done = first.model_copy(update={"status": "succeeded"})
    assert exports.replace(first, done)
    assert not exports.replace(first, first.model_copy(update={"status": "failed"}))
    assert not exports.replace(row(2), done)
    assert exports.get(first.export_id) == done


def test_the_row_ends_with_its_archive_and_an_erasure_sees_its_lease(moto: Moto) -> None:
    made = table(moto, "ApiTable")  # type: ignore[arg-type]
    exports, erasures = DynamoExports(made), DynamoErasures(None, None, made)
    leased = row(1).model_copy(update={"busy_until": NOON.isoformat()})
    for one in (leased, row(2), row(3, "globex").model_copy(update={"busy_until": "x"})):
        exports.add(one)
    assert erasures.exporting("acme") == [NOON.isoformat()]
    item = made.get_item(Key={"row": export_row(leased.export_id)})["Item"]
    assert item["delete_at"] == int((NOON + timedelta(days=7, seconds=1)).timestamp())
    assert erasures.count_api_rows(ApiRows("acme")) == {"export rows": 2}
    erasures.forget_api_rows(ApiRows("acme"))
    assert exports.of("acme", 9, None) == []
    assert len(exports.of("globex", 9, None)) == 1


class Bucket(NamedTuple):
    archives: Archives
    reader: ObjectReader
    unfinished: Any


@pytest.fixture(params=["memory", "cloud", "moto"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        storage = MemoryStorage()
        archives = MemoryArchives(storage)
        return Bucket(archives, MemoryReader(storage), lambda: archives.unfinished)
    s3 = request.getfixturevalue(request.param).client("s3")
    name = f"bucket-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    found = lambda: s3.list_multipart_uploads(Bucket=name).get("Uploads", [])  # noqa: E731
    return Bucket(S3Archives(name, s3), S3Reader(name, s3), found)


def test_an_archive_of_several_parts_is_read_as_it_was_written(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aws.api.exports.PART_BYTES", PART)
    file, parts = bucket.archives.open("exports/a.zip"), (b"a" * PART, b"b" * 10, b"")
    assert [file.write(part) for part in parts] == [len(part) for part in parts]
    with pytest.raises(ObjectMissingError):
        next(bucket.reader.chunks("exports/a.zip"))
    file.finish()
    digest = b"".join(bucket.reader.chunks("exports/a.zip"))
    assert digest == b"".join(parts)
    assert list(bucket.unfinished()) == []


def test_an_archive_that_is_thrown_away_leaves_nothing(bucket: Bucket) -> None:
    file = bucket.archives.open("exports/b.zip")
    file.write(b"half")
    assert len(bucket.unfinished()) == 1
    file.abort()
    assert list(bucket.unfinished()) == []
    with pytest.raises(ObjectMissingError):
        list(bucket.reader.chunks("exports/b.zip"))
