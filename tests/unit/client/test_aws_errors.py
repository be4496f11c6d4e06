"""Every command that asks AWS says in one line why it could not, and ends with the right status."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from likeness_client.__main__ import main
from likeness_client.aws_errors import CONFIG
from tests.fakes.aws_answers import answering

MODEL = f"{0:032x}-{0:012x}.tar.gz"
COMMANDS = {
    "status": ["status", "acme/u1", "--table", "likeness-jobs"],
    "watch": ["status", "acme/u1", "--table", "likeness-jobs", "--watch"],
    "cancel": ["cancel", "acme/u1", "--table", "likeness-jobs"],
    "models": ["models", "acme"],
    "replay": ["replay", "https://sqs.eu-central-1.amazonaws.com/000000000000/dead"],
    "generate": ["generate", MODEL, "a photo", "--endpoint", "e"],
}
every_command = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An account-less machine: no variable, no file and no metadata service speaks of AWS."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "LIKENESS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.chdir(tmp_path)
    yield
    boto3.DEFAULT_SESSION = None


def sign_in(monkeypatch: pytest.MonkeyPatch, url: str | None = None) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    if url is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)


def printed_error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on stderr."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("likeness: ")
    return line


@every_command
def test_without_a_region(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 3
    assert "AWS_DEFAULT_REGION" in printed_error(capsys)


@pytest.mark.parametrize("name", ["status", "generate"])
def test_a_region_of_no_letters_is_none(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in(monkeypatch)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    assert main(COMMANDS[name]) == 3
    assert "AWS_DEFAULT_REGION" in printed_error(capsys)


@every_command
def test_without_credentials(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert main(words) == 3
    assert "no AWS credentials" in printed_error(capsys)


@every_command
def test_with_half_of_the_credentials(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    assert main(words) == 3
    assert "AWS_SECRET_ACCESS_KEY" in printed_error(capsys)


@every_command
def test_with_a_profile_that_there_is_not(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert main(words) == 3
    assert "aws configure list-profiles" in printed_error(capsys)


@every_command
def test_when_nobody_listens(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # bound and not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        sign_in(monkeypatch, f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert main(words) == 3
    assert "make up" in printed_error(capsys)


def test_when_nobody_answers_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = CONFIG.merge(Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    monkeypatch.setattr("likeness_client.functions.CONFIG", hasty)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sign_in(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert main(COMMANDS["models"]) == 3
    assert "timeout" in printed_error(capsys)


@pytest.mark.parametrize("address", ["127.0.0.1:4566", "ftp://x", "http://x:port", "http://"])
def test_with_an_address_that_is_none(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(monkeypatch, address)
    assert main(COMMANDS["models"]) == 2
    assert "AWS_ENDPOINT_URL" in printed_error(capsys)


REFUSALS = {
    ("AccessDeniedException", 403): "Ask for the permission ",
    ("AccessDenied", 403): "Ask for the permission ",
    ("ExpiredTokenException", 400): "have expired",
    ("ExpiredToken", 400): "have expired",
    ("UnrecognizedClientException", 400): "does not accept these credentials",
    ("InvalidSignatureException", 403): "does not accept these credentials",
}


@every_command
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal[0])
def test_when_aws_refuses_the_caller(
    words: list[str],
    refusal: tuple[str, int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(*refusal) as aws:
        sign_in(monkeypatch, aws.url)
        assert main(words) == 3
        assert aws.asked
    assert REFUSALS[refusal] in printed_error(capsys)


@pytest.mark.parametrize(
    ("command", "code", "output"),
    [
        ("status", "ResourceNotFoundException", "JobsTableName"),
        ("watch", "ResourceNotFoundException", "JobsTableName"),
        ("cancel", "ResourceNotFoundException", "JobsTableName"),
        ("models", "ResourceNotFoundException", "ModelStatusFunctionName"),
        ("replay", "AWS.SimpleQueueService.NonExistentQueue", "DeadLetterQueueUrl"),
        ("replay", "QueueDoesNotExist", "DeadLetterQueueUrl"),
    ],
)
def test_what_is_not_there_is_named_by_the_stack_s_output(
    command: str,
    code: str,
    output: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(code) as aws:
        sign_in(monkeypatch, aws.url)
        assert main(COMMANDS[command]) == 2
    assert output in printed_error(capsys)


def test_an_endpoint_that_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering("ValidationError") as aws:
        sign_in(monkeypatch, aws.url)
        assert main(COMMANDS["generate"]) == 1
    assert "AWS's own words" in printed_error(capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["models", "no tenant"],
        ["status", "acme", "--table", "likeness-jobs"],
        ["status", "acme/u1/x", "--table", "likeness-jobs", "--watch"],
        ["cancel", "../u1", "--table", "likeness-jobs"],
        ["status", "acme/u1"],
        ["generate", MODEL, "a photo"],
        ["generate", MODEL, "a photo", "--endpoint", "e", "--image", "missing.png"],
        ["generate", MODEL, "a photo", "--endpoint", "e", "--out", "missing/me.png"],
    ],
)
def test_a_command_that_cannot_be_carried_out_never_asks_aws(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering("InternalFailure", 500) as aws:
        sign_in(monkeypatch, aws.url)
        assert main(words) == 2
        assert not aws.asked
    printed_error(capsys)
