"""The HTTP clients: what they send, what they try again, and what they make of the answers."""

import asyncio
import json
from functools import partial
from pathlib import Path

import httpx
import pytest

from contracts.codes import CODES
from contracts.documents.api.jobs import JobView
from http_api.problems import STATUS
from likeness_client import (
    ApiError,
    AsyncLikenessApi,
    JobFailedError,
    LikenessApi,
    LikenessError,
    NewPicture,
    NotReachedError,
    PictureFailedError,
    TransferError,
    UploadRefusedError,
)
from likeness_client.api.documents import NewKey
from likeness_client.api.errors import (
    TEMPORARY_CODES,
    NotAcceptedError,
    NotUnderstoodError,
)
from likeness_client.api.folder import NotUploadableError, UploadProgress, files_of
from likeness_client.api.requests import NoAddressError, problem_with
from likeness_client.api.retries import MAX_PAUSE_SECONDS, Retries
from likeness_client.imports import NotImportedError
from tests.fakes.api_server import TENANT
from tests.unit.client.api_kit import REQUEST, Connected, folder_of
from tests.unit.runtime.api_kit import job
from tests.unit.training_kit import lora

KEY = NewKey(name="server", scopes=("read",))
ORDER = NewPicture(prompt="a photo of sks person")


def trained(it: Connected, tmp_path: Path) -> str:
    """Return the id of a new model."""
    upload = it.api.upload(folder_of(tmp_path / "photos"))
    model = it.api.wait_for_job(it.api.train(upload.id, REQUEST).id).model_id
    assert model is not None
    return model


def lora_file(folder: Path, body: bytes = b"") -> Path:
    """Return a LoRA under a person's name."""
    (file := folder / "anna schmidt.safetensors").write_bytes(body or lora())
    return file


DOG = {"instance_prompt": "a photo of sks dog", "class_prompt": "a photo of a dog"}


def test_a_lora_is_sent_and_imported(tmp_path: Path) -> None:
    it, steps = Connected(), list[UploadProgress]()
    job = it.api.import_adapter(lora_file(tmp_path), DOG, steps.append)
    assert job.kind == "import"
    assert it.api.wait_for_job(job.id).kind == "import"
    assert [(one.files, one.sent_bytes == one.of_bytes) for one in steps] == [(1, True)]
    objects = it.server.stores.uploads.objects  # type: ignore[attr-defined]
    (request,) = (json.loads(body) for key, body in objects.items() if key.endswith(".json"))
    assert request == {**DOG, "adapter_file": "000.safetensors"}
    assert b"anna" not in b"".join(sent.content for sent in it.wire.requests)
    same = asyncio.run(it.asynchronous().import_adapter(lora_file(tmp_path), DOG))
    assert same.kind == "import"


def test_a_lora_that_would_be_refused_is_not_sent(tmp_path: Path) -> None:
    it = Connected()
    with pytest.raises(NotImportedError, match="safetensors"):
        it.api.import_adapter(lora_file(tmp_path, b"PK a pickle"), DOG)
    with pytest.raises(NotImportedError, match="cannot be read"):
        it.api.import_adapter(tmp_path / "gone.safetensors", DOG)
    with pytest.raises(ValueError, match="rank has no effect"):
        it.api.import_adapter(lora_file(tmp_path), {**DOG, "rank": 4})
    folder = folder_of(tmp_path / "photos")
    lora_file(folder)
    with pytest.raises(NotUploadableError, match="likeness import"):
        it.api.upload(folder)
    assert it.wire.requests == []


def test_from_a_folder_to_the_files_of_a_model(tmp_path: Path) -> None:
    it, steps = Connected(), list[UploadProgress]()
    upload = it.api.upload(folder_of(tmp_path / "photos"), steps.append)
    assert (upload.files, steps[-1].files, steps[-1].sent_bytes) == (7, 7, steps[-1].of_bytes)
    started = it.api.train(upload.id, REQUEST)
    seen = [(one.status, one.percent) for one in it.api.follow_job(started.id)]
    assert seen[-1] == ("succeeded", 100)
    assert len(seen) == len(set(seen))
    model = it.api.wait_for_job(started.id).model_id
    assert model is not None
    drawn = it.api.draw(model, ORDER)
    (path,) = it.api.save_pictures(drawn, tmp_path / "me.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    (weights,) = it.api.save_files(model, tmp_path / "files")
    assert weights.read_bytes() == b"weights of " + model.encode()
    assert [one.id for one in it.api.all_models()] == [model]


def test_the_async_client_does_the_same(tmp_path: Path) -> None:
    it, folder = Connected(), folder_of(tmp_path / "photos")

    async def flow() -> tuple[list[int], list[Path], list[str]]:
        async with it.asynchronous() as api:
            upload = await api.upload(folder)
            started = await api.train(upload.id, REQUEST)
            seen = [one.percent async for one in api.follow_job(started.id)]
            model = (await api.wait_for_job(started.id)).model_id or ""
            saved = await api.save_pictures(await api.draw(model, ORDER), tmp_path / "me.png")
            saved += await api.save_files(model, tmp_path / "files")
            return seen, saved, [one.id async for one in api.all_pictures()]

    seen, saved, orders = asyncio.run(flow())
    assert seen[-1] == 100
    assert all(path.stat().st_size for path in saved)
    assert len(orders) == 1


def test_a_post_whose_answer_is_lost_is_done_once(tmp_path: Path) -> None:
    it = Connected()
    model = trained(it, tmp_path)
    it.wire.requests.clear()
    it.server.lost = 1
    made = it.api.create_picture(model, ORDER, wait=0)
    first, second = it.wire.requests
    assert first.content == second.content
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert [one.id for one in it.api.all_pictures()] == [made.id]


@pytest.mark.parametrize("given", [{}, {"seed": -1}], ids=["none", "any"])
def test_an_order_gets_its_seed_before_it_is_first_sent(
    given: dict[str, int], tmp_path: Path
) -> None:
    it = Connected()
    model = trained(it, tmp_path)
    it.wire.requests.clear()
    it.server.faults = [(503, {}), (503, {})]
    made = it.api.create_picture(model, ORDER.model_copy(update=given), wait=0)
    seeds = {json.loads(request.content)["seed"] for request in it.wire.requests}
    assert seeds == {made.seed}
    assert it.api.create_picture(model, ORDER.model_copy(update={"seed": 7}), wait=0).seed == 7


def test_every_post_has_a_key_of_its_own_or_the_callers() -> None:
    it = Connected()
    it.api.create_key(KEY, idempotency_key="order-1")
    it.api.create_key(KEY, idempotency_key="order-1")
    it.api.create_key(KEY)
    it.api.create_key(KEY)
    sent = [request.headers["Idempotency-Key"] for request in it.wire.requests]
    assert sent[:2] == ["order-1"] * 2
    assert len(set(sent)) == 3
    it.api.get_me()
    assert "Idempotency-Key" not in it.wire.requests[-1].headers


def test_a_pause_is_never_shorter_than_retry_after() -> None:
    it = Connected()
    it.server.faults = [(429, {"Retry-After": "7"}), (429, {})]
    assert it.api.get_me().tenant == TENANT
    assert it.pauses[0] == 7
    assert 0 < it.pauses[1] < 7


def test_a_quota_that_lasts_longer_than_the_patience_is_told_at_once() -> None:
    it = Connected()
    it.server.faults = [(429, {"Retry-After": "43200"})]
    with pytest.raises(ApiError) as refused:
        it.api.get_me()
    assert (refused.value.code, refused.value.retry_after) == ("too_many_requests", 43200)
    assert (it.pauses, len(it.wire.requests)) == ([], 1)


@pytest.mark.parametrize(
    "fault",
    [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")],
    ids=lambda fault: type(fault).__name__,
)
def test_a_broken_connection_is_made_again(fault: Exception) -> None:
    it = Connected()
    it.wire.broken = [fault, fault]
    assert it.api.get_me().tenant == TENANT
    assert len(it.pauses) == 2


def test_a_service_that_stays_away_is_told() -> None:
    it = Connected(patience=0)
    it.wire.broken = [httpx.ConnectError("x")]
    with pytest.raises(NotReachedError, match="ConnectError"):
        it.api.get_me()


def test_what_is_wrong_is_not_sent_again() -> None:
    it = Connected()
    with pytest.raises(ApiError) as refused:
        it.api.get_job("f" * 32)
    assert (refused.value.code, refused.value.status) == ("not_found", 404)
    assert refused.value.hint in str(refused.value)
    assert len(it.wire.requests) == 1


def test_the_fields_that_are_wrong_are_named() -> None:
    it = Connected()
    with pytest.raises(ApiError) as refused:
        it.api.list_jobs(limit=500)
    assert [one.field for one in refused.value.errors] == ["query.limit"]
    assert "query.limit" in str(refused.value)


@pytest.mark.parametrize("code", sorted(STATUS))
def test_only_what_costs_nothing_is_tried_again(code: str) -> None:
    error = ApiError(problem_with(code, STATUS[code]))
    free = {"too_many_requests", "request_in_progress", "internal_error"}
    assert error.is_temporary == (code in free)
    assert not error.is_temporary or CODES[code].retryable
    assert code in str(error)


def test_pauses_double_up_to_a_limit_and_differ_from_client_to_client() -> None:
    retries = Retries(1e6, clock=lambda: 0.0, chance=lambda: 1.0)
    error = NotReachedError("x")
    pauses = [retries.pause(error) for _ in range(6)]
    assert pauses == [0.5, 1, 2, 4, MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS]
    assert Retries(60, chance=lambda: 0.0).pause(error) == 0.25


def test_the_gateways_own_words_have_a_code_too() -> None:
    it = Connected(lambda _request: httpx.Response(401, json={"message": "Unauthorized"}))
    with pytest.raises(ApiError) as refused:
        it.api.get_me()
    assert refused.value.code == "unauthorized"


@pytest.mark.parametrize("status", [200, 302, 418, 520])
def test_another_program_at_the_address_is_told(status: int) -> None:
    it = Connected(lambda _request: httpx.Response(status, html="<h1>Welcome</h1>"))
    with pytest.raises(NotUnderstoodError, match="ApiUrl"):
        it.api.get_me()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1", "pip install 'httpx[socks]'"),
        ("ALL_PROXY", "socks://127.0.0.1:1", "ALL_PROXY"),
        ("HTTPS_PROXY", "http://proxy:port", "HTTPS_PROXY"),
        ("SSL_CERT_FILE", "/missing.pem", "SSL_CERT_FILE"),
    ],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    for kind in (LikenessApi, AsyncLikenessApi):
        with pytest.raises(NoAddressError) as refused:
            kind("https://api.example.org", "lk_live_x")
        assert words in str(refused.value)
        kind("http://127.0.0.1:1", "lk_live_x")  # asked without a proxy, which could read the key


def test_fields_of_a_newer_service_are_left_out() -> None:
    shown = JobView.of(job(1, status="failed", code="no_face")).model_dump(mode="json")
    shown["failure"]["new"] = shown["new"] = 1
    it = Connected(lambda _request: httpx.Response(200, json=shown))
    found = it.api.get_job("x")
    assert found.failure is not None
    assert found.failure.code == "no_face"


def test_a_failed_training_raises_its_code() -> None:
    it = Connected()
    it.server.stores.jobs.records["1" * 32] = job(  # type: ignore[attr-defined]
        1, job_id="1" * 32, status="failed", code="no_face"
    )
    with pytest.raises(JobFailedError) as failed:
        it.api.wait_for_job("1" * 32)
    entry = CODES["no_face"]
    assert (failed.value.code, failed.value.hint) == ("no_face", entry.hint)


def test_a_refused_request_raises_its_code() -> None:
    none: dict[str, object] = {"job_id": None, "refused": None}
    states = iter([none, none | {"refused": "too_few_photos"}])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"object": "training", "upload_id": "u", "job": None})
        state: dict[str, object] = {"object": "upload", "id": "u", "files": 1}
        return httpx.Response(200, json=state | next(states))

    with pytest.raises(UploadRefusedError) as refused:
        Connected(answer).api.train("u", REQUEST)
    assert (refused.value.upload_id, refused.value.code) == ("u", "too_few_photos")


def test_a_request_that_nobody_looks_at_is_told_after_minutes() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"object": "training", "upload_id": "u", "job": None})
        return httpx.Response(200, json={"object": "upload", "id": "u", "files": 1})

    it = Connected(answer)
    with pytest.raises(NotAcceptedError):
        it.api.train("u", REQUEST)
    assert it.wire.requests[-1].url.params["wait"] == "20"
    assert len(it.wire.requests) == 16


def test_a_mock_key_goes_the_whole_way_up_to_the_files(tmp_path: Path) -> None:
    it = Connected()
    key = it.server.key(mode="mock")
    api = LikenessApi("http://127.0.0.1", key, http=httpx.Client(transport=it.wire))
    upload = api.upload(folder_of(tmp_path / "photos"))
    model = api.wait_for_job(api.train(upload.id, REQUEST).id).model_id
    assert model is not None
    picture = api.draw(model, ORDER)
    for save in (
        partial(api.save_pictures, picture, tmp_path / "x.png"),
        partial(api.save_files, model, tmp_path),
    ):
        with pytest.raises(TransferError) as failed:
            save()
        assert failed.value.code == "made_up"
    assert {request.url.host for request in it.wire.requests} == {"127.0.0.1"}


def test_an_order_that_fails_raises_its_code(tmp_path: Path) -> None:
    it = Connected()
    model = trained(it, tmp_path)
    it.server.endpoint.models.clear()
    with pytest.raises(PictureFailedError) as failed:
        it.api.draw(model, ORDER)
    assert failed.value.code == "warm_up_failed"
    assert failed.value.picture.model_id == model


def test_the_key_goes_to_the_api_alone(tmp_path: Path) -> None:
    it = Connected()
    it.api.save_files(trained(it, tmp_path), tmp_path / "files")
    sent = {request.url.path.split("/")[1]: set[str]() for request in it.wire.requests}
    for request in it.wire.requests:
        sent[request.url.path.split("/")[1]].add(request.headers.get("Authorization", "none"))
    assert sent["s3"] == {"none"}
    assert len(sent["v1"]) == 1


def test_a_download_that_is_damaged_leaves_no_file(tmp_path: Path) -> None:
    it = Connected(patience=0)
    model = trained(it, tmp_path)
    files = it.server.stores.documents
    (key,) = [key for key in files.objects if key.endswith(".safetensors")]  # type: ignore[attr-defined]
    files.write(key, b"other bytes")
    with pytest.raises(TransferError) as failed:
        it.api.save_files(model, tmp_path / "files")
    assert failed.value.code == "download_damaged"
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_a_file_that_changed_after_its_form_was_made_is_told(tmp_path: Path) -> None:
    it = Connected()
    place = folder_of(tmp_path / "photos")

    def grow(progress: UploadProgress) -> None:
        with (place / "me-5.jpg").open("ab") as file:
            file.write(b"x" * progress.files)

    with pytest.raises(TransferError) as failed:
        it.api.upload(place, grow)
    assert (failed.value.code, failed.value.status) == ("upload_failed", 400)


def test_every_page_of_a_list_is_read() -> None:
    it = Connected()
    for number in range(150):
        record = job(number, created_at=f"2026-11-21T11:00:00.{number:03d}+00:00")
        it.server.stores.jobs.records[record.job_id] = record  # type: ignore[attr-defined]
    found = [one.id for one in it.api.all_jobs()]
    assert len(found) == len(set(found)) == 150
    assert len(it.wire.requests) == 2


def test_an_id_never_leaves_its_place_in_the_path() -> None:
    it = Connected()
    for name in ("../jobs", "..", "."):
        with pytest.raises(ApiError):
            it.api.get_files(name)
    paths = [one.url.raw_path for one in it.wire.requests]
    names = (b"%2E%2E%2Fjobs", b"%2E%2E", b"%2E")
    assert paths == [b"/v1/models/" + name + b"/files" for name in names]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "LIKENESS_API"),
        ("api.example.org", "is none such"),
        ("http://api.example.org", "begin with https"),
        ("https://api.example.org:x", "is none such"),
    ],
)
def test_an_address_that_is_missing_or_unsafe_is_refused(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIKENESS_API", raising=False)
    with pytest.raises(NoAddressError, match=words):
        LikenessApi(address, "lk")


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_API", "https://api.example.org/$default/")
    monkeypatch.delenv("LIKENESS_API_KEY", raising=False)
    with pytest.raises(NoAddressError, match="LIKENESS_API_KEY"):
        LikenessApi()
    monkeypatch.setenv("LIKENESS_API_KEY", "lk_secret")
    with LikenessApi() as api:
        assert api.address == "https://api.example.org/$default"
        assert "lk_secret" not in repr(api)


def test_an_error_can_be_raised_anywhere() -> None:
    assert issubclass(ApiError, LikenessError)
    assert set(CODES) >= TEMPORARY_CODES


def write(place: Path, *names: str) -> Path:
    for name in names:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return place


def test_captions_follow_their_photos_and_names_are_not_sent(tmp_path: Path) -> None:
    found = files_of(
        write(tmp_path, "zoe.jpg", "ada.heic", "ada.caption", ".DS_Store", "request.json")
    )
    assert [(one.announced.type, one.announced.of_photo) for one in found] == [
        ("image/heic", None),
        ("image/jpeg", None),
        ("text/plain", 0),
    ]
    sent = json.dumps([one.announced.model_dump(exclude_unset=True) for one in found])
    assert "ada" not in sent
    assert "null" not in sent


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "no photo"),
        (("notes.pdf",), "is none of"),
        (("a.jpg", "a_mask.png"), "zip the folder"),
        (("a.jpg", "class/b.jpg"), "zip the folder"),
        (("a.jpg", "metadata.jsonl"), "zip the folder"),
        (("a.jpg", "config.json"), "zip the folder"),
        (tuple(f"{number}.jpg" for number in range(101)), "at most 100"),
    ],
)
def test_a_folder_that_the_api_cannot_take_is_told(
    names: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with pytest.raises(NotUploadableError, match=words):
        files_of(write(tmp_path, *names))


def test_an_empty_photo_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(NotUploadableError, match="has 0 bytes"):
        files_of(tmp_path)


def test_one_archive_is_an_upload_too(tmp_path: Path) -> None:
    (found,) = files_of(write(tmp_path, "set.tgz") / "set.tgz")
    assert found.announced.type == "application/gzip"
    with pytest.raises(NotUploadableError, match="no archive"):
        files_of(write(tmp_path, "a.jpg") / "a.jpg")
