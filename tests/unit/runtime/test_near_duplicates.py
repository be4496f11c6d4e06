"""Pictures that are made from one photo are recognised; different photos of one person are not."""

import io
from itertools import combinations

import pytest
from PIL import Image, ImageEnhance, ImageOps

from domain.intake.photo_quality import advice_on, resembled, similar
from domain.ports.decoder import PhotoMetrics
from local.portraits import album
from runtime.imaging.photo_metrics import measure
from tests.fakes.pictures import picture

ORIGINAL = album(3, 1, size=256)[0].image.convert("RGB")


def cropped(image: Image.Image, share: float, left: float = 0.5, top: float = 0.5) -> Image.Image:
    width, height = image.size
    x, y = width * (1 - share) * left, height * (1 - share) * top
    return image.crop((round(x), round(y), round(x + width * share), round(y + height * share)))


def recompressed(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=20)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


MADE = {
    "smaller": ORIGINAL.resize((120, 120)),
    "recompressed": recompressed(ORIGINAL),
    "brighter": ImageEnhance.Brightness(ORIGINAL).enhance(1.1),
    "paler": ImageEnhance.Color(ORIGINAL).enhance(0.85),
    "turned": cropped(ORIGINAL.rotate(2, Image.Resampling.BICUBIC), 0.94),
    "mirrored": ImageOps.mirror(ORIGINAL),
    "cropped to the right": cropped(ORIGINAL, 0.8, 1, 0.25),
    "cropped to the left": cropped(ORIGINAL, 0.8, 0, 0.8),
    "mirrored and cropped": cropped(ImageOps.mirror(ORIGINAL), 0.88, 1 / 3, 2 / 3),
}


def measured(image: Image.Image) -> PhotoMetrics:
    return PhotoMetrics(**measure(image))


@pytest.mark.parametrize("name", MADE)
def test_a_picture_made_from_a_photo_resembles_it_in_either_order(name: str) -> None:
    original, made = measured(ORIGINAL), measured(MADE[name])
    assert similar(original, made)
    assert resembled(made, [None, original]) == 1
    assert "similar_photo" in advice_on(made, [original])


@pytest.mark.parametrize("person", range(6))
def test_different_photos_of_one_person_are_not_near_duplicates(person: int) -> None:
    photos = [measured(photo.image.convert("RGB")) for photo in album(person, 8, size=256)]
    assert not any(similar(one, other) for one, other in combinations(photos, 2))


def test_different_pictures_are_not_near_duplicates() -> None:
    slope = Image.linear_gradient("L").convert("RGB")
    pictures = [picture(), slope, slope.rotate(90), Image.radial_gradient("L").convert("RGB")]
    taken = [measured(one) for one in pictures]
    assert not any(similar(one, other) for one, other in combinations(taken, 2))
