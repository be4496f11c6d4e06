"""The workflow's input has no file name, and AcceptRequest still reads the file that began it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import AcceptedUpload
from contracts.documents.stages import AcceptRequestInput, FileStored, ObjectCreated
from contracts.documents.upload.problems import RequestProblems
from contracts.errors import InvalidRequestError, InvalidUploadError, SubjectErasedError
from contracts.shared.layout.models import accepted_upload_key, problems_key
from contracts.shared.layout.uploads import upload_prefix
from domain.intake.accepting import accept_request
from domain.intake.root_folders import RootFolder
from domain.intake.services import IntakeServices
from domain.intake.starting import start_upload, with_name
from domain.intake.waiting import Patience, pending
from domain.ports.storage import read_document
from tests.fakes.erasure import MemoryErasures
from tests.fakes.intake import NOW, REQUEST, memory_intake, put_upload
from tests.fakes.storage import MemoryStorage

PREFIX = upload_prefix("acme", "first")
PHOTOS = {f"{n}.jpg": bytes([n]) for n in range(6)}
EVENT_ID = "6a7e8feb-b491-4cf7-a9f1-bf3703467718"


class MemoryWorkflow:
    """domain.ports.workflow.Workflow in memory."""

    def __init__(self) -> None:
        self.inputs: dict[str, ObjectCreated] = {}

    def start(self, name: str, event: ObjectCreated) -> None:
        self.inputs.setdefault(name, event)


def stored(key: str, version: str | None = "1", **more: Any) -> FileStored:
    ids = {} if version is None else {"version-id": version}
    found = {"key": key, "etag": "e", **ids, **more}
    detail = {"bucket": {"name": "uploads"}, "object": found}
    return FileStored.model_validate({"id": EVENT_ID, "detail": detail})


def named(given: AcceptRequestInput, intake: IntakeServices) -> AcceptRequestInput:
    """Return the stage's input with the key of the file that has started it."""
    assert isinstance(intake.uploads, MemoryStorage)
    return with_name(given, intake.uploads)


def sent(key: str, **more: Any) -> ObjectCreated:
    """Start an upload; return the execution's input."""
    workflow = MemoryWorkflow()
    start_upload(stored(key, **more), workflow, [])
    return workflow.inputs[EVENT_ID]


@pytest.mark.parametrize(
    "name", ["Photos of Anna.zip", "anna_smith/kohya.toml", "request.json", "ANNA.TAR.GZ"]
)
def test_the_input_has_the_upload_and_no_name(name: str) -> None:
    event = sent(PREFIX + name)
    assert event.detail.object.key == PREFIX
    text = event.model_dump_json().lower()
    assert "anna" not in text
    assert event.detail.object.version_id == "1"
    assert event.detail.object.etag is None, "a hash of the content is no opaque id"


def test_a_key_of_no_upload_is_left_out_and_refused() -> None:
    event = sent("photos of anna/request.json")
    assert "anna" not in event.model_dump_json()
    given = AcceptRequestInput(event=event, execution_arn="arn:1")
    with pytest.raises(InvalidUploadError):
        accept_request(named(given, memory_intake()), memory_intake(), NOW)


def test_an_event_that_comes_twice_starts_once() -> None:
    workflow = MemoryWorkflow()
    for _ in range(2):
        start_upload(stored(PREFIX + "request.json"), workflow, [])
    assert len(workflow.inputs) == 1


def test_a_file_that_is_moved_to_its_tenant_starts_nothing_where_it_lies() -> None:
    workflow = MemoryWorkflow()
    start_upload(stored("anna-dataset/kohya.toml"), workflow, [RootFolder("*-dataset", "acme")])
    assert workflow.inputs == {}


def with_etag(event: ObjectCreated, etag: str | None) -> ObjectCreated:
    """Return the event with the ETag: the memory's version ids are counts, S3's are unique."""
    stored = event.detail.object.model_copy(update={"etag": etag})
    return ObjectCreated(detail=event.detail.model_copy(update={"object": stored}))


def begun(intake: IntakeServices, key: str, version: str | None = "1") -> AcceptRequestInput:
    """Return what AcceptRequest gets for this file."""
    etag = next((one.etag for one in intake.uploads.list(key, 1)), None)
    event = with_etag(sent(key, version=version, etag=etag), etag)
    given = AcceptRequestInput(event=event, execution_arn="arn:1", started_at=NOW)
    return named(given, intake)


@pytest.mark.parametrize("version", ["1", None])
def test_the_file_is_found_again(version: str | None) -> None:
    intake = memory_intake()
    key = put_upload(intake, PHOTOS)
    assert accept_request(begun(intake, key, version), intake, NOW).status == "accepted"


def test_the_announced_version_is_read_though_a_newer_one_is_there() -> None:
    intake = memory_intake()
    key = put_upload(intake, PHOTOS)
    first = begun(intake, key)
    intake.uploads.write(key, json.dumps(REQUEST | {"seed": 7}).encode())
    job = accept_request(named(first, intake), intake, NOW).job
    accepted = read_document(intake.models, accepted_upload_key(job.job_id), AcceptedUpload)
    assert accepted.request.seed != 7


@pytest.mark.parametrize("marker", [None, b"", json.dumps(REQUEST).encode()])
def test_a_start_with_an_input_whose_file_is_gone_for_good_tells_the_owner(
    marker: bytes | None,
) -> None:
    intake = memory_intake()
    key = put_upload(intake, PHOTOS)
    if marker is not None:  # S3's console makes an object of a folder
        intake.uploads.write(PREFIX, marker)
    etag = next(one.etag for one in intake.uploads.list(key, 1))
    event = with_etag(sent(key, etag=etag), etag)
    intake.uploads.delete(key, "1")
    given = AcceptRequestInput(event=event, execution_arn="arn:1", started_at=NOW)
    given = named(given, intake)
    assert given.event.detail.object.key == PREFIX
    assert pending(given, intake.uploads, intake.tombstones, Patience(60), NOW) is None
    with pytest.raises(InvalidRequestError):
        accept_request(given, intake, NOW)
    found = read_document(intake.models, problems_key("acme", "first"), RequestProblems)
    assert found.problems[0].message == "The file is no longer there."


def test_a_start_with_an_input_of_an_erased_upload_is_refused() -> None:
    intake = memory_intake()
    key = put_upload(intake, PHOTOS)
    given = begun(intake, key)
    erasures = MemoryErasures()
    erasures.entomb(ErasureSubject(tenant="acme", upload="first"), NOW)
    intake = replace(intake, tombstones=erasures)
    with pytest.raises(SubjectErasedError):
        accept_request(given, intake, NOW)


def test_a_folder_that_was_made_in_the_console_is_no_file_of_its_upload() -> None:
    intake = memory_intake()
    intake.uploads.write(PREFIX, b"")
    key = put_upload(intake, PHOTOS)
    assert accept_request(begun(intake, key), intake, NOW).status == "accepted"
