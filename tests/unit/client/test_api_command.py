"""The commands that speak HTTP, against the API's real routes on a port of this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from likeness_client.__main__ import HTTP_ONLY, main
from likeness_client.api.command import COMMANDS
from local.demo.upload import consent
from tests.contract.files import ROOT
from tests.fakes.api_server import ApiServer, serve
from tests.unit.client.api_kit import REQUEST, folder_of
from tests.unit.domain.test_pictures import MODEL
from tests.unit.runtime.api_kit import job
from tests.unit.training_kit import lora


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    server = ApiServer()
    with serve(server) as known:
        monkeypatch.setenv("LIKENESS_API", known.address)
        monkeypatch.setenv("LIKENESS_API_KEY", known.key)
        monkeypatch.delenv("LIKENESS_JOBS_TABLE", raising=False)
        yield server


@pytest.fixture(name="photos")
def _photos(tmp_path: Path) -> Path:
    place = folder_of(tmp_path / "photos")
    (place / "request.json").write_text(json.dumps(REQUEST | {"steps": 300}))
    return place


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_from_a_folder_to_a_picture(
    server: ApiServer, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upload", str(photos), "--watch"]) == 0
    upload, job_line, *steps, last, model = lines(capsys)
    assert upload.endswith(": 7 files")
    assert steps
    assert last == "succeeded   NotifyOwner   100 %"
    name, model_id = model.split()
    assert name == "model"
    assert main(["status", job_line.split()[1]]) == 0
    assert main(["status", upload.split()[1].rstrip(":")]) == 0
    assert lines(capsys) == [last, model] * 2
    out = tmp_path / "me.png"
    assert main(["pictures", model_id, "a photo of sks", "--seed", "7", "--out", str(out)]) == 0
    assert lines(capsys) == [f"{out} seed=0"]
    assert main(["files", model_id, "--out", str(tmp_path / "files")]) == 0
    (weights,) = lines(capsys)
    assert Path(weights).read_bytes()
    assert main(["files", model_id, "--out", str(out)]) == 2
    assert "me.png" in capsys.readouterr().err
    assert "HTTP_AUTHORIZATION" in server.requests[0][2]


def test_a_lora_is_imported_without_aws_credentials(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "anna.safetensors").write_bytes(lora())
    (agreed := tmp_path / "consent.json").write_text(json.dumps(consent()))
    words = ["import", str(file), "--trigger", "ohwx", "--consent", str(agreed)]
    assert main([*words, "--watch"]) == 0
    first, *_, last, model = lines(capsys)
    assert (first.split()[0], last) == ("job", "succeeded   NotifyOwner   100 %")
    assert model.startswith("model ")
    objects = server.stores.uploads.objects  # type: ignore[attr-defined]
    (request,) = (json.loads(body) for key, body in objects.items() if key.endswith(".json"))
    assert request["instance_prompt"] == "a photo of a ohwx person"
    assert request["consent"]["given_by"] == "drawn-person"
    assert "anna" not in str(objects)
    file.write_bytes(b"a pickle")
    assert main(words) == 1
    assert main([*words, "--api", "http://127.0.0.1", "--tenant", "acme"]) == 2
    assert "the key names both" in capsys.readouterr().err


def test_a_command_that_waits_for_the_api_says_so_once(
    server: ApiServer, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults = [(500, {}), (429, {})]
    assert main(["upload", str(photos)]) == 0
    assert capsys.readouterr().err.count("tried again for up to 60 s") == 1


def test_the_consent_beside_the_photos_goes_with_the_request(
    server: ApiServer, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "consent.json").write_text(json.dumps(consent()))
    assert main(["upload", str(photos)]) == 0
    assert lines(capsys)[0].endswith(": 7 files"), "it is no file of the upload"
    (stored,) = (
        json.loads(body)
        for key, body in server.stores.uploads.objects.items()  # type: ignore[attr-defined]
        if key.endswith("/request.json")
    )
    assert stored["consent"]["given_by"] == "drawn-person"
    (photos / "consent.json").write_text("[]")
    assert main(["upload", str(photos)]) == 2
    assert "request.json with consent.json: " in capsys.readouterr().err


def test_versions_are_compared_under_one_name(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = [f"{number:032x}" for number in (1, 2)]
    for version in versions:
        made = MODEL.model_copy(update={"model_id": version})
        server.stores.models.record(made)
    server.endpoint.deploy(MODEL.target_model, MODEL.weights_sha256)
    assert main(["alias", "set", "me", f"{versions[0]}=3", versions[1]]) == 0
    assert lines(capsys) == [
        "me",
        f"  {versions[0]} 75 %  drawn 0  refused 0  failed 0",
        f"  {versions[1]} 25 %  drawn 0  refused 0  failed 0",
    ]
    assert main(["alias", "promote", "me", versions[1]]) == 0
    out = str(tmp_path / "me.png")
    assert main(["pictures", "me", "a photo of sks", "--user", "u-1", "--out", out]) == 0
    capsys.readouterr()
    assert main(["alias", "show"]) == 0
    shown = lines(capsys)
    assert shown[2].startswith(f"  {versions[1]} 100 %  drawn 1  refused 0  failed 0  95 % within")
    assert main(["alias", "show", "me"]) == main(["alias", "remove", "me"]) == 0
    assert lines(capsys) == shown * 2
    for wrong in (
        ["set", "me"],
        ["promote", "me", *versions],
        ["remove"],
        ["set", "Me", *versions],
    ):
        assert main(["alias", *wrong]) == 2
    assert main(["alias", "show", "me"]) == 2


def test_settings_of_other_tools_are_understood(server: ApiServer, photos: Path) -> None:
    assert main(["upload", str(photos)]) == 0
    (stored,) = [
        json.loads(body)
        for key, body in server.stores.uploads.objects.items()  # type: ignore[attr-defined]
        if key.endswith("request.json")
    ]
    assert stored["max_train_steps"] == 300


def test_an_upload_alone_trains_nothing(
    server: ApiServer, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upload", str(photos), "--no-train"]) == 0
    (line,) = lines(capsys)
    assert list(server.stores.jobs.newest("acme", 9, None)) == []
    assert main(["status", line.split()[1].rstrip(":")]) == 2
    assert "has no training" in capsys.readouterr().err


def test_a_job_is_stopped(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.stores.jobs.records[f"{1:032x}"] = job(1)  # type: ignore[attr-defined]
    assert main(["cancel", f"{1:032x}"]) == 0
    assert lines(capsys) == ["canceling"]


def test_a_failed_job_says_what_to_do(
    server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.stores.jobs.records[f"{1:032x}"] = job(  # type: ignore[attr-defined]
        1, status="failed", code="no_face"
    )
    assert main(["status", f"{1:032x}", "--watch"]) == 1
    first, *rest = lines(capsys)
    assert first.endswith("no_face")
    assert len(rest) == 2


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["status", "f" * 32], 2, "not_found"),
        (["status", "acme/u1"], 2, "--table"),
        (["status", "acme/u1", "--api", "http://127.0.0.1"], 2, "needs --table"),
        (["files", "f" * 32], 2, "not_found"),
        (["upload", "/missing"], 2, "nothing says what to train"),
        (["upload", "/missing", "--no-train"], 2, "there is no folder"),
        (["upload", "/missing", "--request", "/missing.json"], 2, "No such file"),
        (["pictures", "m", "p", "--width", "7"], 2, "--width:"),
        (["pictures", "m", "p", "--out", "/missing/a.png"], 2, "--out: there is no folder"),
        (["pictures", "m", "p", "--out", "/"], 2, "--out: / is a folder"),
        (["status", "u1", "--api", "http://api.example.org"], 2, "https"),
        (["status", "u1", "--api", "http://127.0.0.1:9/x"], 3, "did not answer"),
    ],
)
@pytest.mark.usefixtures("server")
def test_what_goes_wrong_is_told_in_one_sentence(
    words: list[str],
    status: int,
    part: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("likeness_client.api._sync.transport.Retries", Impatient)
    assert main(words) == status
    error = capsys.readouterr().err
    assert error.startswith("likeness: ")
    assert part in error


class Impatient:
    """Raises every failure at once."""

    def __init__(self, _patience_seconds: float) -> None: ...

    def pause(self, failure: Exception) -> float:
        raise failure


def test_a_key_that_is_wrong_or_missing_is_no_permission(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIKENESS_API_KEY", server.key("draw"))
    assert main(["status", "f" * 32]) == 3
    assert "forbidden" in capsys.readouterr().err
    monkeypatch.setenv("LIKENESS_API_KEY", "lk_live_nobody")
    assert main(["status", "f" * 32]) == 3
    monkeypatch.delenv("LIKENESS_API_KEY")
    assert main(["status", "f" * 32]) == 2
    assert "LIKENESS_API_KEY" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--stack", "likeness"], "--tenant"),
        (["--tenant", "acme", "--watch"], "likeness status TENANT/UPLOAD"),
        (["--tenant", "a/b"], "--tenant: letters"),
    ],
)
@pytest.mark.usefixtures("server")
def test_a_tenant_or_a_stack_on_the_command_line_asks_aws_for_the_import(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "a.safetensors", *words]) in {1, 2}
    assert part in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_a_table_on_the_command_line_goes_before_an_api_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/missing")
    assert main(["status", "acme/u1", "--table", "jobs"]) == 3
    assert "Region" in capsys.readouterr().err


WITHOUT_BOTO3 = """
import sys
sys.modules["boto3"] = sys.modules["botocore"] = None
from likeness_client import LikenessApi, AsyncLikenessApi, verify_webhook
from likeness_client.__main__ import main
print(*(main(words.split()) for words in sys.argv[1:]))
"""


def test_http_needs_no_boto3_and_the_rest_says_so() -> None:
    commands = {
        "check /missing": "there is no folder",
        "files m --api https://api.example.org": "LIKENESS_API_KEY",
        "models acme": "pip install 'likeness[aws]'",
        "status u1": "pip install 'likeness[aws]', or name an API by --api",
        "import a.safetensors": "pip install 'likeness[aws]', or name an API by --api",
        "import a.safetensors --api https://api.example.org": "LIKENESS_API_KEY",
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BOTO3, *commands],
        env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "2 2 2 2 2 2\n", done.stderr
    errors = done.stderr.splitlines()
    assert all(part in error for part, error in zip(commands.values(), errors, strict=True))


def test_every_command_over_http_is_carried_out() -> None:
    assert set(COMMANDS) >= HTTP_ONLY
