"""`make demo PHOTOS= BASE=`: own photos, own base, and whether they fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.base import BaseCard
from local.demo import own, own_base, shown
from local.demo.picture import prompts_about, squared
from local.demo.upload import plain_request, sample_photos
from local.embedded_base import PORTRAITS


def noisy_picture(seed: int, side: int = 96) -> Image.Image:
    """Return a picture with a camera's noise of 3 levels on a smooth scene."""
    noise = np.random.default_rng(seed).normal(0, 3, (side, side, 3))
    scene = np.linspace(40, 200, side)[:, None, None]
    return Image.fromarray((scene + noise).clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, count: int = 5) -> Path:
    folder.mkdir()
    for number in range(count):
        noisy_picture(number).save(folder / f"{number}.jpg", quality=95)
    return folder


def real_card(**changes: object) -> BaseCard:
    """Return the card of a base that knows real people, as `likeness base add` writes it."""
    changes = {"face_detector": None, "judge": None, "base_id": "real", **changes}
    return own_base.read_card(PORTRAITS).model_copy(update=changes)


def written(folder: Path, card: BaseCard) -> Path:
    """Write a base of empty files."""
    for name in card.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "base.json").write_text(card.model_dump_json(exclude_none=True))
    return folder


REQUEST = own.read_fields(plain_request())


def test_the_demo_s_own_photos_fit_the_demo_s_base() -> None:
    card = own_base.read_card(PORTRAITS)
    assert shown.are_drawn([photo.image for photo in sample_photos()])
    assert not shown.are_drawn([noisy_picture(1)])
    assert shown.warnings("drawn portraits", card, None, REQUEST) == []
    assert own_base.fitted(PORTRAITS, "drawn portraits") == PORTRAITS


def test_photographs_on_the_drawn_base_are_warned_of() -> None:
    card = own_base.read_card(PORTRAITS)
    (warning,) = shown.warnings("people", card, None, REQUEST)
    assert "these are photographs" in warning
    assert "gate_not_alike" in warning


def test_people_on_a_base_of_people_are_only_told_what_is_missing(tmp_path: Path) -> None:
    photos = own.read_photos(write_photos(tmp_path / "photos", 10))
    assert shown.warnings("people", real_card(), photos, REQUEST) == []
    few = own.read_photos(write_photos(tmp_path / "few"))
    (warning,) = shown.warnings("people", real_card(), few, REQUEST)
    assert warning.startswith("5 photos are few")


def test_a_base_of_another_size_is_warned_of_and_too_small_photos_are_refused(
    tmp_path: Path,
) -> None:
    photos = own.read_photos(write_photos(tmp_path / "photos", 10))
    for number in range(3):
        noisy_picture(number, 64).save(tmp_path / "photos" / f"{number}.jpg", quality=95)
    mixed = own.read_photos(tmp_path / "photos")
    (small,) = shown.warnings("people", real_card(resolution=96), mixed, REQUEST)
    assert "3 of 10 photos are smaller than the 96 pixels" in small
    asked = own.read_fields(plain_request() | {"resolution": 64})
    (size,) = shown.warnings("people", real_card(resolution=96), photos, asked)
    assert "the request says resolution 64" in size
    shown.refuse_small(mixed, 96)
    with pytest.raises(own.OwnInputError, match="0 of 10 photos have a shorter side of 512"):
        shown.refuse_small(photos, 512)


def test_photos_of_people_get_a_detector_and_a_judge_of_people(tmp_path: Path) -> None:
    folder = written(tmp_path / "drawn", own_base.read_card(PORTRAITS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_base, "BASES", tmp_path / "bases")
        made = own_base.fitted(folder, "people")
        assert own_base.is_linked(made)
    card, drawn = own_base.read_card(made), own_base.read_card(PORTRAITS)
    assert (card.base_id, card.face_detector, card.judge) == (made.name, "dlib", None)
    assert card.gate.min_identity is None
    assert (card.sha256, card.files) == (drawn.sha256, drawn.files)
    assert all((made / name).is_file() for name in card.files)


def test_drawn_portraits_bring_their_detector_and_judge_to_another_base(tmp_path: Path) -> None:
    folder = written(tmp_path / "real", real_card())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_base, "BASES", tmp_path / "bases")
        made = own_base.fitted(folder, "drawn portraits")
    card = own_base.read_card(made)
    assert (card.base_id, card.face_detector) == ("real-drawn", "drawn")
    assert (made / "faces.safetensors").is_file()
    assert (made / str(card.judge) / "judge.json").is_file()
    assert own_base.read_card(folder) == real_card()


@pytest.mark.parametrize("kind", ["people", "no faces"])
def test_a_base_of_people_stays_as_it_is(tmp_path: Path, kind: shown.Shown) -> None:
    folder = written(tmp_path / "real", real_card())
    assert own_base.fitted(folder, kind) == folder


def test_a_card_that_says_none_is_its_owner_s_choice(tmp_path: Path) -> None:
    folder = written(tmp_path / "real", real_card(face_detector="none"))
    assert own_base.fitted(folder, "drawn portraits") == folder
    (warning,) = shown.warnings("people", real_card(face_detector="none"), None, REQUEST)
    assert "likeness is not measured" in warning


def test_photos_without_a_face_are_refused_for_a_person_only(tmp_path: Path) -> None:
    photos = own.read_photos(write_photos(tmp_path / "photos"))
    nothing = shown.Sight("no faces", 0)
    with pytest.raises(own.OwnInputError, match="a face is found on 0 of 5 photos"):
        shown.refuse_without_faces(nothing, photos, REQUEST)
    dog = {"instance_prompt": "a photo of a sks dog", "class_prompt": "a photo of a dog"}
    shown.refuse_without_faces(nothing, photos, own.read_fields(dog))


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
    def refused(words: str) -> "pytest.RaisesExc[own.OwnInputError]":
        return pytest.raises(own.OwnInputError, match=words)

    with refused("there is no such folder"):
        own.read_photos(tmp_path / "none")
    (tmp_path / "empty" / "inside").mkdir(parents=True)
    with refused("it holds no file.* Folders in it are not read: inside"):
        own.read_photos(tmp_path / "empty")
    few = write_photos(tmp_path / "few", 4)
    (few / "5.heic").write_bytes(b"x")
    with refused("4 of its 5 files can be opened as a photo.* convert them to JPEG"):
        own.read_photos(few)
    with refused("is a file: name the folder"):
        own.read_photos(few / "0.jpg")
    folder = write_photos(tmp_path / "photos")
    (folder / "request.json").write_text("[1]")
    with refused("is no JSON object"):
        own.read_photos(folder)
    with refused("no such folder or file"):
        own_base.own_base(tmp_path / "base")


def test_people_need_a_consent_and_dogs_do_not(tmp_path: Path) -> None:
    photos = own.read_photos(write_photos(tmp_path / "photos"))
    with pytest.raises(own.OwnInputError, match="nothing says that this person agrees"):
        own.check_consent(photos, REQUEST)
    dog = {"instance_prompt": "a photo of a sks dog", "class_prompt": "a photo of a dog"}
    own.check_consent(photos, own.read_fields(dog))


def test_other_photos_are_another_training(tmp_path: Path) -> None:
    one, other = (own.read_photos(write_photos(tmp_path / n, c)) for n, c in (("a", 5), ("b", 6)))
    digests = {own_base.digest_of(photos, PORTRAITS) for photos in (one, other, None)}
    assert len(digests) == 3


def test_pictures_are_asked_for_in_the_request_s_own_words() -> None:
    asked = {
        "instance_prompt": "a photo of TOK dog",
        "class_prompt": "a photo of a dog",
        "trigger_word": "ohwx",
    }
    request = own.read_fields(own.request_fields(asked))
    assert request is not None
    assert prompts_about(request)[0] == "a photo of ohwx dog, in a garden"
    assert squared(Image.new("RGB", (30, 90))).size == (30, 30)
