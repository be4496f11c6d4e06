"""The safety checker's folder: complete, or the server does not start."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from botocore.exceptions import ClientError

from serving import server
from serving.safety_folder import FILES, SafetyFolderError, resolve_checker
from serving.supervision import Found, engine_environment

TRITON = server.Triton(Path("/t/bin/tritonserver"), Path("/t/backends"), (), ())
URI = "s3://bases/safety/strict/"


class Bucket:
    """The part of S3's client that a download uses, and the objects of one bucket."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def download_file(self, bucket: str, key: str, target: str) -> None:
        if bucket != "bases" or key not in self.objects:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "GetObject")
        Path(target).write_bytes(self.objects[key])


def serve_bucket(monkeypatch: pytest.MonkeyPatch, objects: dict[str, bytes]) -> Bucket:
    bucket = Bucket(objects)
    boto3 = ModuleType("boto3")
    boto3.client = lambda _: bucket  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    return bucket


def whole(content: bytes = b"x") -> dict[str, bytes]:
    return {f"safety/strict/{name}": content for name in FILES}


def write(folder: Path) -> Path:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize("uri", [None, ""])
def test_without_a_checker_there_is_no_folder(tmp_path: Path, uri: str | None) -> None:
    assert resolve_checker(uri, tmp_path) is None


def test_a_folder_is_used_where_it_lies(tmp_path: Path) -> None:
    folder = write(tmp_path / "checker")
    assert resolve_checker(str(folder), tmp_path / "cache") == folder


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_lacks_is_named(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path)
    (folder / name).unlink()
    with pytest.raises(SafetyFolderError, match=f"lacks {name}: check LIKENESS_SAFETY_URI"):
        resolve_checker(str(folder), tmp_path / "cache")


def test_a_checker_in_s3_is_fetched_anew_at_each_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = serve_bucket(monkeypatch, whole(b"old"))
    first = resolve_checker(URI, tmp_path)
    bucket.objects = whole(b"new")
    again = resolve_checker(URI, tmp_path)
    assert first == again
    assert again is not None
    assert [(again / name).read_bytes() for name in FILES] == [b"new"] * len(FILES)
    assert list(tmp_path.iterdir()) == [again], "no half of a checker is left"


def test_what_s3_does_not_give_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_bucket(monkeypatch, dict(list(whole().items())[:2]))
    with pytest.raises(SafetyFolderError, match="could not be fetched from s3://bases/safety"):
        resolve_checker(URI, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_models_are_told_where_the_checker_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIKENESS_SAFETY_DIR", raising=False)
    found = engine_environment(tmp_path, tmp_path, Found(write(tmp_path / "checker")))
    assert found["LIKENESS_SAFETY_DIR"] == str(tmp_path / "checker")
    assert "LIKENESS_SAFETY_DIR" not in engine_environment(tmp_path, tmp_path)
