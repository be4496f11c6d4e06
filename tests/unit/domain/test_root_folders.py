"""Folders at the bucket's root: whose they are, and that a file is moved once and in order."""

import pytest

from contracts.shared.layout.uploads import OWN_FOLDERS
from domain.intake.file_kinds import file_kinds_of, is_of_class
from domain.intake.root_folders import RootBucket, RootFolder, home_of, move, read_root_folders
from tests.fakes.erasure import MemoryVersions
from tests.fakes.storage import MemoryStorage

FOLDERS = read_root_folders("*-dataset=acme,holiday=globex,*=rest")
HOME = "tenants/acme/uploads/anna-dataset/"


def arrived(*files: str) -> MemoryStorage:
    uploads = MemoryStorage()
    for file in files:
        uploads.write(f"anna-dataset/{file}", file.encode())
    return uploads


def held(uploads: MemoryStorage) -> RootBucket:
    return RootBucket(uploads, MemoryVersions(uploads))


@pytest.mark.parametrize(
    ("key", "home"),
    [
        ("anna-dataset/kohya.toml", f"{HOME}kohya.toml"),
        ("anna-dataset/5_sks person/anna 1.jpg", f"{HOME}5_sks person/anna 1.jpg"),
        ("holiday/1.jpg", "tenants/globex/uploads/holiday/1.jpg"),
        ("other/1.jpg", "tenants/rest/uploads/other/1.jpg"),
        ("1.jpg", None),
        ("anna-dataset/", None),
        ("anna dataset/1.jpg", None),
        ("../tenants/1.jpg", None),
        ("/anna-dataset/1.jpg", None),
        ("tenants/victim/uploads/u1/request.json", None),
        *((f"{own}/1.jpg", None) for own in OWN_FOLDERS),
    ],
)
def test_the_first_folder_that_fits_says_whose_a_file_is(key: str, home: str | None) -> None:
    assert home_of(key, FOLDERS) == home


def test_a_folder_that_nobody_was_given_stays() -> None:
    uploads = arrived("1.jpg")
    move("anna-dataset/1.jpg", "1", held(uploads), [RootFolder("holiday", "globex")])
    assert set(uploads.objects) == {"anna-dataset/1.jpg"}


def test_a_photo_is_moved_alone_and_nothing_of_it_is_left() -> None:
    uploads = arrived("1.jpg", "2.jpg", "1.jpg.txt")
    move("anna-dataset/1.jpg", "1", held(uploads), FOLDERS)
    assert set(uploads.objects) == {
        f"{HOME}1.jpg", "anna-dataset/2.jpg", "anna-dataset/1.jpg.txt",
    }  # fmt: skip
    assert "anna-dataset/1.jpg" not in uploads.versions, "also no old version"


def test_the_file_that_starts_an_upload_comes_last() -> None:
    uploads = arrived("kohya.toml", "5_sks person/1.jpg", "photos.zip", "2.jpg")
    move("anna-dataset/kohya.toml", "1", held(uploads), FOLDERS)
    moved = [key for key in uploads.stored if key.startswith(HOME)]
    assert moved == [f"{HOME}2.jpg", f"{HOME}5_sks person/1.jpg", f"{HOME}kohya.toml"]
    assert "anna-dataset/photos.zip" in uploads.objects, "its own event moves it"


def test_an_event_that_comes_twice_or_late_changes_nothing() -> None:
    uploads = arrived("1.jpg")
    uploads.write("anna-dataset/1.jpg", b"newer")
    for version in ("1", "2", "1", "2"):
        move("anna-dataset/1.jpg", version, held(uploads), FOLDERS)
    assert uploads.objects == {f"{HOME}1.jpg": b"newer"}
    assert uploads.versions == {f"{HOME}1.jpg": [b"newer"]}, "moved once"


@pytest.mark.parametrize("letter", ["a", "é", "顔"])
def test_a_key_that_is_too_long_at_its_new_place_keeps_what_belongs_together(letter: str) -> None:
    stem = letter * ((1024 - len("anna-dataset/_mask.png")) // len(letter.encode()))
    names = [f"{stem}.jpg", f"{stem}.txt", f"{stem}_mask.png"]
    homes = [home_of(f"anna-dataset/{name}", FOLDERS) or "" for name in names]
    assert all(len(home.encode()) <= 1024 and home.startswith(HOME) for home in homes)
    kinds = file_kinds_of([home.removeprefix(HOME) for home in homes])
    assert len(kinds.photos) == len(kinds.captions) == len(kinds.masks) == 1
    others = home_of(f"anna-dataset/b{names[0][1:]}", FOLDERS)
    assert others not in homes


@pytest.mark.parametrize("path", [f"reg/{'a' * 1005}.jpg", "a/" * 500 + "x.jpg"])
def test_a_file_in_folders_is_shortened_too(path: str) -> None:
    home = home_of(f"anna-dataset/{path}", FOLDERS) or ""
    assert len(home.encode()) <= 1024
    assert is_of_class(home.removeprefix(HOME)) is path.startswith("reg/")
