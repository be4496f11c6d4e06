"""`likeness export`: begun once, waited for, downloaded, and compared with what was written."""

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from contracts.documents.export import ExportAnswer, ExportInput, ExportSubject
from likeness_client.export import (
    NoExportError,
    NotExportedError,
    download,
    start,
    subject_of,
    wait_for_archive,
)

ID = "exp_" + "0" * 24
GIVEN = ExportInput(export_id=ID, subject=ExportSubject(tenant="acme"))
BODY = b"a zip"
DONE = ExportAnswer(
    export_id=ID,
    status="succeeded",
    uri=f"s3://uploads/exports/acme/{ID}",
    size=len(BODY),
    sha256=sha256(BODY).hexdigest(),
)


class MemoryAws:
    """boto3's session with one function, which gives its answers in turn, and one object."""

    def __init__(self, *answers: ExportAnswer, body: bytes = BODY) -> None:
        self.answers, self.body = list(answers), body
        self.asked: list[tuple[str | None, ExportInput]] = []

    def client(self, _name: str, **_more: Any) -> "MemoryAws":
        return self

    def invoke(
        self,
        FunctionName: str,  # noqa: N803 - boto3's names
        Payload: bytes,  # noqa: N803
        InvocationType: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert FunctionName == "export"
        self.asked.append((InvocationType, ExportInput.model_validate_json(Payload)))
        if InvocationType == "Event":
            return {}
        return {"Payload": io.BytesIO(self.answers.pop(0).model_dump_json().encode())}

    def download_file(self, bucket: str, key: str, file: str) -> None:
        assert (bucket, key) == ("uploads", f"exports/acme/{ID}")
        Path(file).write_bytes(self.body)


def test_an_export_is_begun_once_and_then_only_looked_at(tmp_path: Path) -> None:
    processing = ExportAnswer(export_id=ID, status="processing")
    aws = MemoryAws(processing, processing, DONE)
    start("export", GIVEN, aws)
    answer = wait_for_archive("export", GIVEN, aws, sleep=lambda _seconds: None)
    download(answer, tmp_path / "me.zip", aws)
    assert (tmp_path / "me.zip").read_bytes() == BODY
    steps = [(kind, given.step) for kind, given in aws.asked]
    assert steps == [("Event", "write"), *[(None, "look")] * 3]


def test_an_export_that_fails_says_why() -> None:
    failed = ExportAnswer(export_id=ID, status="failed", code="export_too_large")
    with pytest.raises(NotExportedError, match="do not fit into one archive"):
        wait_for_archive("export", GIVEN, MemoryAws(failed))


def test_the_patience_ends() -> None:
    aws = MemoryAws(*[ExportAnswer(export_id=ID, status="processing")] * 9)
    with pytest.raises(NotExportedError, match="no archive after 4 s"):
        wait_for_archive("export", GIVEN, aws, sleep=lambda _seconds: None, patience_seconds=4)


def test_an_archive_that_was_changed_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotExportedError, match="was changed on its way"):
        download(DONE, tmp_path / "me.zip", MemoryAws(body=b"other"))


@pytest.mark.parametrize(
    "words", [("a b", None, None), ("acme", "p", "u"), ("acme", "Ann Lee", None)]
)
def test_words_that_name_nobody_are_refused(words: tuple[str, str | None, str | None]) -> None:
    with pytest.raises(NoExportError, match="names nobody"):
        subject_of(*words)
