"""The list of names: there and readable, or the server does not start."""

from pathlib import Path

import pytest

from contracts.shared.words.name_list import MAX_BYTES, NO_NAMES, has_name
from serving.names_file import NamesFileError, read_names, resolve_names
from serving.supervision import NAMES_FILE, Found, engine_environment
from tests.unit.serving.test_safety_folder import serve_bucket

URI = "s3://bases/names/figures.txt"


def test_without_a_list_nobody_is_refused(tmp_path: Path) -> None:
    assert resolve_names(None, tmp_path) is None
    assert read_names(None) == NO_NAMES


def test_a_list_in_s3_is_fetched_anew_at_each_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = serve_bucket(monkeypatch, {"names/figures.txt": b"Famous Person"})
    for name in ("Famous Person", "Somebody Else"):
        bucket.objects["names/figures.txt"] = name.encode()
        file = resolve_names(URI, tmp_path)
        assert has_name(f"a photo of {name}", read_names(str(file)))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"!!!", b"a" * (MAX_BYTES + 1)])
def test_what_is_no_list_ends_the_start(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(body)
    with pytest.raises(NamesFileError, match="list of names"):
        resolve_names(str(tmp_path / "list.txt"), tmp_path)


def test_what_s3_does_not_give_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_bucket(monkeypatch, {})
    with pytest.raises(NamesFileError, match="could not be fetched from s3://bases/names"):
        resolve_names(URI, tmp_path)


def test_the_engine_is_told_where_the_list_lies(tmp_path: Path) -> None:
    found = engine_environment(tmp_path, tmp_path, Found(names=tmp_path / "list.txt"))
    assert found[NAMES_FILE] == str(tmp_path / "list.txt")
    assert NAMES_FILE not in engine_environment(tmp_path, tmp_path)
