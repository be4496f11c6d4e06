"""The HTTP API with a signature, against a server that answers as API Gateway does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from likeness_client.__main__ import main
from likeness_client.exit_codes import ExitCode

JOB = "a" * 32


def model(number: int) -> dict[str, Any]:
    return {
        "object": "model",
        "id": f"{number:032x}",
        "trigger_word": "sks",
        "base_id": "base",
        "weights_sha256": "0" * 64,
        "created_at": "2026-11-21T12:00:00+00:00",
        "new": "a field of a newer service",
    }


PROBLEM = {"code": "not_found", "detail": "There is nothing here.", "hint": "Look at the id."}
ANSWERS: dict[str, tuple[int, Any]] = {
    "GET /iam/acme/v1/models?limit=100": (200, {"data": [model(2)], "next": "x y"}),
    "GET /iam/acme/v1/models?limit=100&after=x%20y": (200, {"data": [model(1)], "next": None}),
    f"POST /iam/acme/v1/jobs/{JOB}:cancel": (200, {"id": JOB, "outcome": "canceling", "new": 1}),
    "POST /iam/acme/v1/jobs/other:cancel": (404, PROBLEM),
}


class Gateway(BaseHTTPRequestHandler):
    """Answers what is known, and like IAM what is not."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        signature = self.headers["Authorization"]
        assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
        assert "/eu-central-1/execute-api/aws4_request" in signature
        asked = f"{self.command} {self.path}"
        self.seen.append(asked)
        status, body = ANSWERS.get(asked, (403, {"message": "Forbidden"}))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_models_are_listed_page_by_page(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "acme", "--signed-api", api]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"{2:032x}", f"{1:032x}"]


def test_a_job_is_cancelled(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", JOB, "--tenant", "acme", "--signed-api", api]) == ExitCode.DONE
    assert capsys.readouterr().out == "canceling\n"


def test_what_is_not_the_tenants_is_said_in_words(
    api: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cancel", "other", "--tenant", "acme", "--signed-api", api]) == ExitCode.REFUSED
    assert "There is nothing here. Look at the id." in capsys.readouterr().err
    assert main(["models", "vic/tim", "--signed-api", api]) == ExitCode.REFUSED
    assert "the tag `tenant`" in capsys.readouterr().err
    assert Gateway.seen[-1].startswith("GET /iam/vic%2Ftim/v1/models")


def test_no_word_is_left_out_in_silence(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", JOB, "--signed-api", api]) == ExitCode.NOT_FOUND
    assert "--tenant" in capsys.readouterr().err
    assert main(["models", "acme", "--wake", "--signed-api", api]) == ExitCode.NOT_FOUND
    assert "--wake" in capsys.readouterr().err
    for address in ("ftp://x", "http://127.0.0.1:1"):
        assert main(["models", "acme", "--signed-api", address]) == ExitCode.REFUSED
