"""`make demo PHOTOS= BASE=`: own photos, own base, and whether they fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from local.demo import own
from local.demo.picture import prompts_about, squared
from local.demo.upload import sample_pictures
from local.embedded_base import PORTRAITS


def noisy_picture(seed: int) -> Image.Image:
    """Return a picture with a camera's noise of 3 levels on a smooth scene."""
    noise = np.random.default_rng(seed).normal(0, 3, (96, 96, 3))
    scene = np.linspace(40, 200, 96)[:, None, None]
    return Image.fromarray((scene + noise).clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, count: int = 5) -> Path:
    folder.mkdir()
    for number in range(count):
        noisy_picture(number).save(folder / f"{number}.jpg", quality=95)
    return folder


def test_photographs_on_the_drawn_base_are_warned_of_and_drawings_are_not() -> None:
    card = own.read_card(PORTRAITS)
    assert own.warnings(sample_pictures(), card) == []
    (warning,) = own.warnings([noisy_picture(1)], card)
    assert "these are photographs" in warning


def test_drawings_on_a_real_base_are_warned_of() -> None:
    card = own.read_card(PORTRAITS)
    real = card.model_copy(update={"face_detector": "haar", "judge": None})
    drawn, judge = own.warnings(sample_pictures(), real)
    assert "these are drawings" in drawn
    assert "has no judge" in judge


def test_all_files_of_a_folder_are_sent_and_its_request_is_read(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos")
    (folder / "0.txt").write_text("a caption")
    (folder / ".DS_Store").write_text("x")
    (folder / "request.json").write_text('{"trigger_word": "ohwx"}')
    photos = own.read_photos(folder)
    assert photos.request == {"trigger_word": "ohwx"}
    assert sorted(photos.files) == ["0.jpg", "0.txt", "1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert len(photos.pictures) == 5


def test_what_cannot_be_trained_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(own.OwnInputError, match="there is no such folder"):
        own.read_photos(tmp_path / "none")
    few = write_photos(tmp_path / "few", 4)
    with pytest.raises(own.OwnInputError, match="4 pictures can be opened"):
        own.read_photos(few)
    folder = write_photos(tmp_path / "photos")
    (folder / "request.json").write_text("[1]")
    with pytest.raises(own.OwnInputError, match="is no JSON object"):
        own.read_photos(folder)
    with pytest.raises(own.OwnInputError, match="no such folder or file"):
        own.own_base(tmp_path / "base")


def test_other_photos_are_another_training(tmp_path: Path) -> None:
    one, other = (own.read_photos(write_photos(tmp_path / n, c)) for n, c in (("a", 5), ("b", 6)))
    digests = {own.digest_of(photos, PORTRAITS) for photos in (one, other, None)}
    assert len(digests) == 3


def test_pictures_are_asked_for_by_the_request_s_own_word() -> None:
    assert all("ohwx" in prompt and "sks" not in prompt for prompt in prompts_about("ohwx"))
    assert squared(Image.new("RGB", (30, 90))).size == (30, 30)
