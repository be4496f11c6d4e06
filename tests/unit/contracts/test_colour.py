"""contracts.shared.pictures.colour: one rule for the colours of photos and of start images."""

import random

import pytest
from PIL import Image

from bench.intake.profiles import (
    SPACES,
    SRGB,
    Space,
    Triple,
    in_space,
    profile,
    srgb_coded,
    srgb_linear,
)
from contracts.shared.pictures import colour
from contracts.shared.pictures.colour import MAX_PROFILE_BYTES, to_srgb

SKIN: Triple = (220, 180, 150)
P3, LINEAR = SPACES[0], Space("sRGB, linear light", SRGB, lambda v: v, lambda v: v)
PLAIN = Space("any name", SRGB, srgb_linear, srgb_coded)


def is_skin(image: Image.Image) -> bool:
    seen = image.convert("RGB").getpixel((0, 0))
    assert isinstance(seen, tuple)
    return all(abs(a - b) <= 2 for a, b in zip(seen, SKIN, strict=True))


@pytest.mark.parametrize("space", [*SPACES, LINEAR], ids=lambda space: space.name)
@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_every_kind_of_picture_has_the_colours_that_its_profile_says(
    space: Space, mode: str
) -> None:
    flat = Image.new("RGB", (4, 4), in_space(SKIN, space))
    image = flat.quantize(2) if mode == "P" else flat.convert(mode)
    if mode == "RGBA":
        image.putpixel((3, 3), (0, 0, 0, 0))
    converted = to_srgb(image, profile(space))
    assert is_skin(converted)
    assert converted.has_transparency_data == (mode == "RGBA")


def test_a_transparent_colour_stays_transparent() -> None:
    image = Image.new("RGB", (2, 2), in_space(SKIN, P3))
    image.info["transparency"] = in_space(SKIN, P3)
    assert to_srgb(image, profile(P3)).convert("RGBA").getchannel("A").getextrema() == (0, 0)


def test_the_profile_of_grey_holds_for_grey() -> None:
    data = profile(LINEAR).replace(b"RGB XYZ ", b"GRAYXYZ ").replace(b"rTRC", b"kTRC")
    for mode in ("L", "RGB", "LA"):
        converted = to_srgb(Image.new("RGB", (4, 4), (128, 128, 128)).convert(mode), data)
        low, high = converted.convert("L").getextrema()
        assert (low, high) in {(187, 187), (188, 188), (189, 189)}


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"broken",
        profile(PLAIN),
        profile(P3).replace(b"RGB XYZ ", b"CMYKXYZ "),
        profile(P3) + bytes(MAX_PROFILE_BYTES),
    ],
)
def test_a_profile_that_changes_nothing_or_is_another_file_s_is_left_out(
    data: bytes | None,
) -> None:
    image = Image.new("RGB", (4, 4), (220, 180, 150))
    assert to_srgb(image, data) is image


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_no_damaged_profile_ends_in_an_error(mode: str) -> None:
    dice, whole = random.Random(mode), profile(P3)  # noqa: S311
    image = Image.new(mode, (2, 2))
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        assert to_srgb(image, bytes(damaged[: dice.randint(100, len(whole))])).size == (2, 2)


def test_a_fault_of_ours_is_not_taken_for_a_damaged_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(colour, "_keeps_colours", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        to_srgb(Image.new("RGB", (4, 4)), profile(P3))
