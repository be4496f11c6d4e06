"""The S3 door waits for an upload's files; each case is an order in which files arrive."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import AcceptedUpload, UploadPending
from contracts.documents.stages import AcceptRequestInput
from contracts.errors import ArchiveRefusedError, InvalidRequestError
from contracts.shared import layout
from contracts.shared.layout.uploads import upload_prefix
from domain.intake.accepting import accept_request
from domain.intake.waiting import Patience, pending
from domain.ports.storage import read_document
from tests.fakes.erasure import MemoryErasures
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake
from tests.fakes.storage import MemoryStorage
from tests.unit.domain.test_archives import zipped

PREFIX = upload_prefix("acme", "first")
PHOTOS = [f"{n}.jpg" for n in range(6)]
BEGIN = datetime(2026, 11, 21, 9, tzinfo=UTC)
PATIENCE = Patience(seconds=60)


class Door:
    """An execution that looks again and again, while files arrive."""

    def __init__(self, name: str, *files: str, upload: str = "first") -> None:
        self.uploads, self.erasures = MemoryStorage("uploads"), MemoryErasures()
        self.prefix = upload_prefix("acme", upload)
        self.event = announced(self.prefix + name)
        self.now = BEGIN
        self.seen: str | None = None
        self.put(*files)

    def put(self, *files: str) -> None:
        for file in files:
            self.uploads.write(self.prefix + file, file.encode())

    def look(self) -> str | None:
        """Look once, and wait as long as is said; None: the upload is accepted."""
        more = {"started_at": BEGIN, "seen": self.seen}
        asked = AcceptRequestInput.model_validate(
            self.event.model_copy(update=more).model_dump(by_alias=True)
        )
        found = pending(asked, self.uploads, self.erasures, PATIENCE, self.now)
        if found is None:
            return None
        assert UploadPending.model_validate_json(found.model_dump_json()) == found
        self.now += timedelta(seconds=found.seconds)
        self.seen = found.seen
        return found.status


def given(key: str) -> AcceptRequestInput:
    found: AcceptRequestInput = announced(key).model_copy(update={"started_at": BEGIN})
    return found


def test_a_request_that_comes_last_starts_at_once() -> None:
    assert Door("request.json", *PHOTOS, "request.json").look() is None


def test_too_few_photos_before_the_request_are_told_at_once() -> None:
    assert Door("request.json", "0.jpg", "request.json").look() is None


@pytest.mark.parametrize(
    "settings",
    [
        "kohya.toml",
        "config/kohya.toml",
        "config.json",
        "Config.JSON",
        "a.TOML",
        "Request.json",
        "request.json",
    ],
)
def test_settings_before_their_photos_wait_until_the_last_has_come(settings: str) -> None:
    door = Door(settings, settings)
    assert door.look() == "waiting"
    door.put(*PHOTOS[:2])
    assert door.look() == "waiting"
    door.put(*PHOTOS[2:])
    assert door.look() == "waiting"
    assert door.look() is None
    assert door.now - BEGIN < timedelta(seconds=60)


def test_settings_of_other_tools_wait_for_one_more_look_as_a_second_file_may_follow() -> None:
    door = Door("kohya.toml", *PHOTOS, "kohya.toml")
    assert door.look() == "waiting"
    door.put("dataset.toml")
    assert door.look() == "waiting"
    assert door.look() is None
    assert door.now - BEGIN == timedelta(seconds=10)


def test_the_wait_ends_and_what_is_missing_is_told() -> None:
    door = Door("kohya.toml", "kohya.toml")
    looks = [door.look() for _ in range(5)]
    assert looks == ["waiting"] * 4 + [None]
    assert door.now - BEGIN == timedelta(seconds=60)
    short = pending(
        given(f"{PREFIX}kohya.toml"), door.uploads, door.erasures, Patience(seconds=7), BEGIN
    )
    assert short is not None
    assert short.seconds == 7


@pytest.mark.parametrize(
    "name",
    [
        *("photos.zip", "Photos of Jo.ZIP", "set.tar", "set.tar.gz", "a.tgz"),
        *("photos.rar", "Photos.7Z", "set.tar.xz", "summer/photos.zip"),
    ],
)
def test_an_archive_waits_for_its_settings_and_leaves_the_start_to_them(name: str) -> None:
    door = Door(name, name)
    assert [door.look(), door.look()] == ["waiting", "waiting"]
    door.put("Request.json")
    assert door.look() == "nothing"


@pytest.mark.parametrize("upload", [None, "first"])
def test_an_erased_upload_waits_for_nothing(upload: str | None) -> None:
    door = Door("request.json", "request.json")
    door.erasures.entomb(ErasureSubject(tenant="acme", upload=upload), BEGIN)
    assert door.look() is None


def test_an_archive_alone_is_opened_after_the_wait() -> None:
    door = Door("photos.zip", "photos.zip")
    assert [door.look() for _ in range(5)] == ["waiting"] * 4 + [None]


@pytest.mark.parametrize("name", ["photos.rar", "set.7z", "set.tar.zst", "summer/Photos.RAR"])
def test_an_archive_that_nobody_opens_is_told_after_the_wait(name: str) -> None:
    assert [Door(name, name).look() for _ in range(2)] == ["waiting"] * 2
    intake = memory_intake()
    intake.uploads.write(PREFIX + name, b"Rar!")
    with pytest.raises(ArchiveRefusedError) as caught:
        accept_request(announced(PREFIX + name), intake, NOW)
    assert caught.value.facts["code"] == "archive_not_taken"


def test_an_archive_in_a_folder_brings_its_request_along() -> None:
    intake, photos = memory_intake(), {f"{n}.png": bytes([n]) for n in range(6)}
    packed = zipped(photos | {"request.json": request_body(seed=7)})
    intake.uploads.write(f"{PREFIX}summer/photos.zip", packed)
    assert accept_request(announced(f"{PREFIX}summer/photos.zip"), intake, NOW).status == "accepted"


def test_of_several_archives_one_starts_the_upload() -> None:
    assert Door("b.zip", "a.zip", "b.zip").look() == "nothing"
    assert Door("a.zip", "a.zip", "b.zip").look() == "waiting"


def test_the_apis_archives_start_nothing_by_themselves() -> None:
    assert Door("000.zip", "000.zip", upload="0123456789abcdef01234567").look() == "nothing"


def test_an_execution_of_an_older_definition_and_a_door_without_patience_go_on() -> None:
    uploads, erasures = MemoryStorage("uploads"), MemoryErasures()
    event = announced(f"{PREFIX}kohya.toml")
    assert pending(event, uploads, erasures, PATIENCE, BEGIN) is None
    now = event.model_copy(update={"started_at": BEGIN})
    assert pending(now, uploads, erasures, Patience(), BEGIN) is None
    elsewhere = announced("dataset/kohya.toml").model_copy(update={"started_at": BEGIN})
    assert pending(elsewhere, uploads, erasures, PATIENCE, BEGIN) is None


def test_an_archive_with_settings_starts_and_one_without_is_told() -> None:
    photos = {f"{n}.png": bytes([n]) for n in range(6)}
    intake = memory_intake()
    intake.uploads.write(f"{PREFIX}photos.zip", zipped(photos))
    with pytest.raises(InvalidRequestError):
        accept_request(announced(f"{PREFIX}photos.zip"), intake, NOW)
    folder = {f"10_zwx person/{name}": body for name, body in photos.items()}
    intake.uploads.write(f"{PREFIX}photos.zip", zipped(folder))
    answer = accept_request(announced(f"{PREFIX}photos.zip"), intake, NOW)
    assert answer.status == "accepted"


@pytest.mark.parametrize("packed", ["request.json", "my photos/Request.json"])
def test_a_request_in_an_archive_starts_it_and_a_loose_one_goes_before_it(packed: str) -> None:
    intake, photos = memory_intake(), {f"{n}.png": bytes([n]) for n in range(6)}
    body = zipped(photos | {packed: request_body(seed=7)})
    intake.uploads.write(f"{PREFIX}photos.zip", body)
    first = accept_request(announced(f"{PREFIX}photos.zip"), intake, NOW)
    key = layout.models.accepted_upload_key(first.job.job_id)
    accepted = read_document(intake.models, key, AcceptedUpload)
    assert (accepted.request.seed, len(accepted.photos)) == (7, 6)
    intake.uploads.write(f"{PREFIX}request.json", request_body(seed=8))
    other = accept_request(announced(f"{PREFIX}request.json", "arn:2"), intake, NOW)
    assert other.job.job_id != first.job.job_id


def test_a_request_in_another_case_is_read_and_the_right_one_goes_before_it() -> None:
    intake = memory_intake()
    for name in PHOTOS:
        intake.uploads.write(PREFIX + name, name.encode())
    body = request_body(seed=7)
    intake.uploads.write(f"{PREFIX}Request.JSON", body)
    first = accept_request(announced(f"{PREFIX}Request.JSON"), intake, NOW)
    intake.uploads.write(f"{PREFIX}request.json", body)
    again = accept_request(announced(f"{PREFIX}request.json", "arn:2"), intake, NOW)
    assert (first.status, again.status) == ("accepted", "repeat")
    intake.uploads.write(f"{PREFIX}request.json", request_body(seed=8))
    other = accept_request(announced(f"{PREFIX}Request.JSON", "arn:3"), intake, NOW)
    assert other.job.job_id != first.job.job_id


def request_body(seed: int) -> bytes:
    return json.dumps({**REQUEST, "seed": seed}).encode()


def test_a_consent_beside_an_archive_is_no_start() -> None:
    assert (
        Door("a.zip", "a.zip", "consent.json").look() == Door("a.zip", "a.zip").look() != "nothing"
    )
    assert Door("a.zip", "a.zip", "consent.json", "config.json").look() == "nothing"
