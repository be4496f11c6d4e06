"""domain.ports.pictures: the fake and AWS behave alike."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.api.pictures import DynamoPictures, SqsPictureQueue
from contracts.documents.api.pictures import PictureRow, PictureTask
from domain.ports.pictures import Pictures, place_of
from local.cloud.server import Cloud
from tests.fakes.ordered_pictures import MemoryPictures
from tests.integration.tables import table

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "cloud", "moto"])
def pictures(request: pytest.FixtureRequest) -> Pictures:
    if request.param == "memory":
        return MemoryPictures()
    return DynamoPictures(table(request.getfixturevalue(request.param), "ApiTable"))


def row(number: int, tenant: str = "acme") -> PictureRow:
    at = (NOON + timedelta(seconds=number)).isoformat()
    return PictureRow(
        picture_id=f"pic_{number:024x}",
        tenant=tenant,
        model_id="1" * 32,
        seed=number,
        count=1,
        created_at=at,
        updated_at=at,
        delete_at=int(NOON.timestamp()) + 86_400,
    )


def test_rows_are_found_by_id_and_by_tenant_page_by_page(pictures: Pictures) -> None:
    rows = [row(number) for number in range(1, 6)]
    for one in (*rows, row(9, "globex")):
        pictures.add(one)
    assert pictures.get(rows[0].picture_id) == rows[0]
    assert pictures.get("pic_" + "f" * 24) is None
    assert pictures.of("acme", 2, None) == [rows[4], rows[3]]
    assert pictures.of("acme", 9, place_of(rows[3])) == [rows[2], rows[1], rows[0]]
    assert pictures.of("nobody", 9, None) == []


def test_of_two_changes_at_once_one_is_told_that_it_came_late(pictures: Pictures) -> None:
    before = row(1)
    pictures.add(before)
    drawing = before.model_copy(update={"status": "drawing", "attempts": 1})
    canceled = before.model_copy(update={"status": "canceled"})
    assert pictures.replace(before, canceled)
    assert not pictures.replace(before, drawing)
    assert pictures.get(before.picture_id) == canceled
    assert not pictures.replace(row(2), row(2))
    assert pictures.get(row(2).picture_id) is None


def test_a_delayed_order_is_hidden_until_its_time(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="pictures-delayed")["QueueUrl"]
    queue = SqsPictureQueue(url, sqs)
    queue.send(PictureTask(picture_id=row(1).picture_id), 900)
    queue.send(PictureTask(picture_id=row(2).picture_id))
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert [PictureTask.model_validate_json(one["Body"]) for one in found] == [
        PictureTask(picture_id=row(2).picture_id)
    ]
