"""Every log line names its job, as far as one is known: the rule, on the events of every stage."""

import json
import re
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from contracts.document import Document
from runtime.handlers import bind, listener, logger, stage
from runtime.log_context import ids_in
from tests.contract.test_events import CASES, documents_of
from tests.fakes.context import context
from tests.unit.training_kit import job_id

JOB = re.compile(r'"job_id": "([0-9a-f]{32})"|checkpoints/([0-9a-f]{32})/')
TRAINING_JOB = re.compile(r'"likeness-([0-9a-f]{32})-')
OF_MANY = {"publish_status"}
"""Its batches hold changes of many jobs; it logs none of them."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_job_that_an_event_names_is_in_the_log(case: Path) -> None:
    text = case.read_text()
    for adapter in documents_of(case.parent.name):
        if case.parent.name in OF_MANY:
            continue
        found = ids_in(adapter.validate_python(json.loads(text)))
        if named := JOB.search(text):
            assert found["job_id"] == (named[1] or named[2])
        elif named := TRAINING_JOB.search(text):
            assert found == {"plan_id": named[1]}


def test_only_ids_of_ours_reach_the_log() -> None:
    failed = SimpleNamespace(input={"job": {"job_id": "a photo of my aunt"}})
    assert ids_in(SimpleNamespace(job_id="my aunt", failed=failed)) == {}


def test_a_photo_before_its_training_has_the_id_that_the_api_gave_its_upload() -> None:
    upload = "0123456789abcdef01234567"
    found = ids_in(SimpleNamespace(key=f"tenants/my-aunt/uploads/{upload}/000.jpg"))
    assert found == {"upload_id": upload}
    assert ids_in(SimpleNamespace(key="tenants/acme/uploads/my-aunt/000.jpg")) == {}


class Question(Document):
    job_id: str | None = None


class Reply(Document):
    job_id: str


@stage
def naming(_question: Question) -> Reply:
    return Reply(job_id=job_id(7))


@listener
def hearing(_question: Question) -> None:
    bind(Reply(job_id=job_id(8)))
    logger.info("between")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the functions write from now on."""
    written = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def test_a_job_that_gets_its_name_in_a_stage_is_in_the_log_from_then_on(log: StringIO) -> None:
    naming({}, context())
    hearing({}, context())
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    written = [(line["message"], line["job_id"]) for line in lines]
    first, second = job_id(7), job_id(8)
    assert written == [("stage done", first), ("between", second), ("stage done", second)]
