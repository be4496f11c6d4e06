"""The safety checker's folder: complete, or the server does not start."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from botocore.exceptions import ClientError

from contracts.shared.pictures.classifier import CHECKER_FILES
from serving import server
from serving.safety_folder import SafetyFolderError, resolve_checker, resolve_filter
from serving.supervision import Found, engine_environment
from tests.fakes.tiny_vit import FILTER, tiny_vit, write_vit

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
    return {f"safety/strict/{name}": content for name in CHECKER_FILES}


def write(folder: Path) -> Path:
    for name in CHECKER_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize("uri", [None, ""])
def test_without_a_checker_there_is_no_folder(tmp_path: Path, uri: str | None) -> None:
    assert resolve_checker(uri, tmp_path) is None


def test_a_folder_is_used_where_it_lies(tmp_path: Path) -> None:
    folder = write(tmp_path / "checker")
    assert resolve_checker(str(folder), tmp_path / "cache") == folder


@pytest.mark.parametrize("name", CHECKER_FILES)
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
    assert [(again / name).read_bytes() for name in CHECKER_FILES] == [b"new"] * len(CHECKER_FILES)
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


def filter_in(folder: Path, labels: str = "nsfw") -> Path | None:
    return resolve_filter(str(folder), labels, folder / "cache")


def test_a_content_filter_is_used_where_its_folder_lies(tmp_path: Path) -> None:
    assert resolve_filter(None, "nsfw", tmp_path) is None
    folder = write_vit(tmp_path / "filter", FILTER)
    assert filter_in(folder) == folder
    found = engine_environment(tmp_path, tmp_path, Found(filter=folder))
    assert found["LIKENESS_FILTER_DIR"] == str(folder)


def test_a_filter_in_s3_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"classifiers/ours/{name}": body for name, body in tiny_vit(FILTER).items()}
    serve_bucket(monkeypatch, files)
    folder = resolve_filter("s3://bases/classifiers/ours/", "nsfw", tmp_path)
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == set(tiny_vit(FILTER))


@pytest.mark.parametrize(
    ("labels", "file", "reason"),
    [
        ("gore", None, "normal, nsfw"),
        ("nsfw", "model.safetensors", "lacks model.safetensors"),
        ("nsfw", "config.json", "lacks config.json"),
    ],
)
def test_a_filter_that_cannot_be_used_stops_the_start(
    tmp_path: Path, labels: str, file: str | None, reason: str
) -> None:
    folder = write_vit(tmp_path, FILTER)
    if file is not None:
        (folder / file).unlink()
    with pytest.raises(SafetyFolderError, match=f"{reason}.*check LIKENESS_FILTER_URI"):
        filter_in(folder, labels)
