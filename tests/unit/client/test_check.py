from pathlib import Path

import pytest

from likeness_client.__main__ import main
from likeness_client.check import FolderStorage
from tests.fakes.pictures import encoded, picture
from tests.unit.domain.test_archives import zipped


def folder_with(tmp_path: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
    return tmp_path


def test_a_folder_hears_what_the_upload_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {f"{n}.png": encoded(picture(n), "PNG") for n in range(3)}
    packed = {"more/3.png": encoded(picture(3), "PNG"), "4.pdf": b"%PDF"}
    folder = folder_with(tmp_path, {**good, "photos.zip": zipped(packed), ".DS_Store": b"x"})
    assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "Photos that can be used: 4 of 5; needed: 5." in said
    assert "refused   photos.zip/4.pdf" in said
    assert "Export the photo as JPEG" in said
    assert {path.name for path in folder.iterdir()} == {*good, "photos.zip", ".DS_Store"}


def test_enough_good_photos_pass(tmp_path: Path) -> None:
    files = {f"{n}.jpg": encoded(picture(n)) for n in range(5)}
    assert main(["check", str(folder_with(tmp_path, files))]) == 0


def test_a_bad_request_is_told_before_the_upload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"{n}.jpg": encoded(picture(n)) for n in range(5)}
    folder = folder_with(tmp_path, {**files, "request.json": b'{"rnak": 3}'})
    assert main(["check", str(folder)]) == 1
    assert "did you mean rank?" in capsys.readouterr().out


def test_the_request_sets_the_least_side(tmp_path: Path) -> None:
    files = {f"{n}.jpg": encoded(picture(n)) for n in range(5)}
    request = b'{"instance_prompt": "sks", "class_prompt": "b", "resolution": 512}'
    assert main(["check", str(folder_with(tmp_path, {**files, "request.json": request}))]) == 1


def test_a_hostile_archive_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, {"a.zip": zipped({"../x": b"y"})})
    assert main(["check", str(folder)]) == 1
    assert "names that are duplicate or point outside" in capsys.readouterr().out


def test_the_folder_is_never_written_to(tmp_path: Path) -> None:
    storage = FolderStorage(folder_with(tmp_path, {"a.jpg": b"x"}))
    storage.write("tenants/local/uploads/check/b.jpg", b"y")
    storage.write("unpacked/local/check/0", b"z")
    storage.copy("unpacked/local/check/0", "elsewhere")
    storage.delete("tenants/local/uploads/check/a.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
    assert storage.read("elsewhere", 9) == b"z"
