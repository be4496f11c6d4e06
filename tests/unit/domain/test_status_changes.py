"""What subscribers hear: every change once, in order, and where the queue stands."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from aws.jobs.changes import Broadcaster, EventsRefusedError, changes_in
from contracts.documents.status import EVENT_SOURCE, EVENT_TYPE, StatusChange, TableStreamEvent
from domain.training.launching import launch
from domain.training.progress import MAX_RECORDED_PLACES, changes_of
from tests.contract.files import ROOT
from tests.unit.training_kit import NOON, World, job_id

ROW = json.loads((ROOT / "events/publish_status/step.json").read_text())["Records"][0]["dynamodb"]


def event(*images: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> TableStreamEvent:
    records = [
        {"dynamodb": {k: v for k, v in zip(("OldImage", "NewImage"), pair, strict=True) if v}}
        for pair in images
    ]
    return TableStreamEvent.model_validate({"Records": records})


@dataclass
class Wires:
    """EventBridge and SNS, which remember."""

    refused: int = 0
    entries: list[dict[str, str]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, int]:  # noqa: N803 - AWS
        assert len(Entries) <= 10
        self.entries += Entries
        return {"FailedEntryCount": self.refused}

    def publish(self, **message: Any) -> None:
        self.messages.append(message)


def test_a_step_is_reported_on_both_wires_with_attributes_to_filter_by() -> None:
    wires = Wires()
    changes = changes_of(changes_in(event((ROW["OldImage"], ROW["NewImage"]))))
    Broadcaster("arn:topic", wires, wires).publish(changes)
    (entry,), (message,) = wires.entries, wires.messages
    assert (entry["Source"], entry["DetailType"]) == (EVENT_SOURCE, EVENT_TYPE)
    assert json.loads(entry["Detail"])["percent"] == 40
    assert StatusChange.model_validate_json(message["Message"]).step == 40
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert attributes == {
        "tenant": "acme",
        "kind": "training",
        "status": "processing",
        "stage": "TrainAdapter",
    }


def test_a_trial_of_a_sweep_is_distinguished_from_an_upload_s_own_job() -> None:
    wires = Wires()
    of_sweep = {"point_of": {"S": "9" * 32}, "point": {"S": "rank8"}}
    changes = changes_of(changes_in(event((None, ROW["NewImage"] | of_sweep))))
    Broadcaster("arn:topic", wires, wires).publish(changes)
    (message,) = wires.messages
    assert message["MessageAttributes"]["point_of"]["StringValue"] == "9" * 32
    assert StatusChange.model_validate_json(message["Message"]).trial == "rank8"


def test_an_import_is_distinguished_from_a_training() -> None:
    wires = Wires()
    changes = changes_of(changes_in(event((None, ROW["NewImage"] | {"kind": {"S": "import"}}))))
    Broadcaster("arn:topic", wires, wires).publish(changes)
    (message,) = wires.messages
    assert message["MessageAttributes"]["kind"]["StringValue"] == "import"
    assert StatusChange.model_validate_json(message["Message"]).kind == "import"


def test_a_crowd_is_published_in_tens() -> None:
    wires = Wires()
    rows = [(None, ROW["NewImage"] | {"percent": {"N": str(n)}}) for n in range(25)]
    Broadcaster("arn:topic", wires, wires).publish(changes_of(changes_in(event(*rows))))
    assert [json.loads(entry["Detail"])["percent"] for entry in wires.entries] == list(range(25))


def test_what_subscribers_cannot_see_is_no_change() -> None:
    hidden = ROW["NewImage"] | {"task_token": {"S": "x"}, "updated_at": {"S": "later"}}
    notice = {"job_id": {"S": "notice#1"}, "created_at": {"S": "now"}}
    erased = (ROW["NewImage"], None)
    seen = changes_in(event((ROW["NewImage"], hidden), (None, notice), erased))
    assert changes_of(seen) == []


def test_events_that_were_not_taken_fail_the_batch() -> None:
    wires = Wires(refused=1)
    changes = changes_of(changes_in(event((None, ROW["NewImage"]))))
    with pytest.raises(EventsRefusedError):
        Broadcaster("arn:topic", wires, wires).publish(changes)


def test_the_foremost_hear_their_place_and_that_it_is_the_quota() -> None:
    world = World()
    for number in range(MAX_RECORDED_PLACES + 5):
        world.enter(number, f"token-{number}", f"tenant-{number % 2}")
    launch(world.launching, NOON)
    places = sorted(r.queue_place for r in world.jobs.queued() if r.queue_place is not None)
    assert places == list(range(1, MAX_RECORDED_PLACES + 1))
    assert {r.waiting_for for r in world.jobs.queued()} == {"slot"}
    assert all(r.queue_place is None for r in world.jobs.in_training())


def test_waiting_for_capacity_is_reported() -> None:
    world = World()
    world.trainer.limit = 0
    world.enter(1)
    launch(world.launching, NOON)
    record = world.jobs.records[job_id(1)]
    assert (record.queue_place, record.waiting_for) == (1, "capacity")
    world.trainer.limit = 1
    launch(world.launching, NOON)
    record = world.jobs.records[job_id(1)]
    assert (record.queue_place, record.waiting_for) == (None, None)
