"""`make demo PHOTOS= BASE=` says whether they fit before it builds or starts anything."""

import json
from pathlib import Path

import pytest

from local.demo import own_base
from local.demo.__main__ import main
from local.demo.upload import consent, plain_request
from tests.fakes.people import PRESIDENT, photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with five photos of one person, and the person's consent."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (*PRESIDENT, "obama_partial_face2.jpg"):
        photo(name).save(folder / name)
    (folder / "consent.json").write_text(json.dumps(consent()))
    return folder


@pytest.fixture(autouse=True)
def _bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_base, "BASES", tmp_path / "bases")


def demo(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["make demo", "--check", *words])
    return main()


def test_photos_of_people_choose_dlib_and_are_warned_of_the_drawn_base(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(monkeypatch, "--photos", str(photos)) == 0
    printed = capsys.readouterr().out
    assert "the photos show people: faces on 5" in printed
    assert "these are photographs" in printed
    assert "5 photos are few" in printed
    assert "portraits-sdxl-people: detector dlib, judge dlib's" in printed


def test_what_cannot_be_trained_ends_with_its_reason(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in PRESIDENT:
        photo("astronaut.png").crop((0, 260, 512, 512)).save(photos / name)
    (photos / "request.json").write_text(json.dumps(plain_request()))
    assert demo(monkeypatch, "--photos", str(photos)) == 1
    assert "a face is found on 1 of 5 photos" in capsys.readouterr().out
    (photos / "consent.json").unlink()
    assert demo(monkeypatch, "--photos", str(photos)) == 1
    assert "nothing says that this person agrees" in capsys.readouterr().out
    assert demo(monkeypatch, "--base", str(photos)) == 1
    assert "model_index.json is missing" in capsys.readouterr().out
