"""Drawn portraits are functions of their seeds, and captions describe them correctly."""

import io
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image, ImageOps

from local.portraits import (
    album,
    camera_bytes,
    caption,
    character,
    circumstance,
    draw,
    empty_room,
    held_out_character,
    photos,
    two_people,
    upload_bytes,
)
from local.portraits.albums import Kind, blurred, dark, grainy
from local.portraits.characters import (
    HAIR,
    HELD_OUT_ACCESSORIES,
    HELD_OUT_HAIR,
    HELD_OUT_MARKS,
)


def test_equal_seeds_draw_equal_pictures() -> None:
    first, again = (draw(character(3), circumstance(4)) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_the_pictures_are_those_that_the_base_was_trained_on() -> None:
    pixels = b"".join(draw(character(n), circumstance(n)).tobytes() for n in range(200))
    pixels += b"".join(
        draw(held_out_character(n), circumstance(n)).tobytes() for n in range(200, 300)
    )
    assert sha256(pixels).hexdigest().startswith("49dba7c8c58b418a")


@pytest.mark.parametrize("size", [64, 128, 512])
def test_a_picture_has_any_size_and_shows_the_same(size: int) -> None:
    person, moment = character(1), circumstance(2)
    picture = draw(person, moment, size)
    assert picture.size == (size, size)
    small = np.asarray(picture.resize((32, 32), Image.Resampling.BOX), float)
    reference = np.asarray(draw(person, moment, 256).resize((32, 32), Image.Resampling.BOX), float)
    assert np.abs(small - reference).mean() < 4


def test_a_caption_names_every_trait_that_has_a_word() -> None:
    person, moment = character(3), circumstance(3)
    assert caption(person, moment, "sks person") == (
        "a photo of a sks person, curly grey hair, brown skin, green eyes, square glasses, "
        "beard, mole, neutral, blue shirt, sunset background"
    )


def test_another_word_makes_another_picture() -> None:
    moment = circumstance(1)
    pictures = {draw(character(seed), moment).tobytes() for seed in range(50)}
    assert len(pictures) == 50


def test_pretraining_never_sees_a_held_out_trait() -> None:
    for seed in range(2000):
        person = character(seed)
        assert person.hair in HAIR
        assert person.mark not in HELD_OUT_MARKS
        assert person.accessory not in HELD_OUT_ACCESSORIES


def test_a_sample_character_always_has_a_held_out_hair_colour_and_one_more_trait() -> None:
    for seed in range(500):
        person = held_out_character(seed)
        assert person.hair in HELD_OUT_HAIR
        assert person.hair_style != "bald"
        assert (person.mark in HELD_OUT_MARKS) != (person.accessory in HELD_OUT_ACCESSORIES)


def test_photos_of_one_person_differ_in_circumstance_only() -> None:
    taken = photos(character(7), 6, seed=1, size=64)
    assert {photo.character for photo in taken} == {character(7)}
    assert len({photo.circumstance for photo in taken}) == 6
    assert taken[0].caption == caption(character(7), taken[0].circumstance)


def test_an_album_is_ten_photos_of_a_held_out_character() -> None:
    taken = album(5, size=64)
    assert len(taken) == 10
    assert taken[0].character == held_out_character(5)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_a_file_of_any_kind_shows_the_picture(kind: Kind) -> None:
    picture = draw(character(1), circumstance(1), 128)
    stored = Image.open(io.BytesIO(upload_bytes(picture, kind=kind)))
    assert stored.format == kind
    assert np.abs(np.asarray(stored, float) - np.asarray(picture, float)).mean() < 6


def test_a_photo_from_a_phone_is_large_and_lies_on_its_side() -> None:
    body = camera_bytes(character(1), 1)
    stored = Image.open(io.BytesIO(body))
    assert stored.width * stored.height > 9_000_000
    assert len(body) > 2_000_000
    assert stored.getexif()[0x0112] == 6


def test_a_rotated_upload_looks_upright_once_its_exif_is_obeyed() -> None:
    picture = draw(character(1), circumstance(1), 128)
    stored = Image.open(io.BytesIO(upload_bytes(picture, rotated=True)))
    upright = np.asarray(ImageOps.exif_transpose(stored), float)
    assert np.abs(upright - np.asarray(picture, float)).mean() < 6
    assert np.abs(np.asarray(stored, float) - np.asarray(picture, float)).mean() > 20


def test_spoilt_uploads_are_spoilt() -> None:
    picture = draw(character(1), circumstance(1), 128)
    assert np.asarray(dark(picture)).mean() < 25
    edges, soft = (
        np.abs(np.diff(np.asarray(p, float), axis=0)).max() for p in (picture, blurred(picture))
    )
    assert soft < edges / 3
    assert np.asarray(grainy(picture, 1)).std() > 0


def test_a_room_is_empty_and_a_couple_is_two() -> None:
    room = empty_room(3, 128)
    couple = two_people(character(1), character(2), 3, 128)
    changed = np.abs(np.asarray(room, float) - np.asarray(couple, float)).sum(-1) > 60
    left, right = changed[:, :60].mean(), changed[:, 68:].mean()
    assert min(left, right) > 0.2
