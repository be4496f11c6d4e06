"""Sets of photos of one person, and pictures that people upload by mistake."""

import io
import random
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from local.portraits.characters import Character, held_out_character
from local.portraits.drawing import draw, paint_person
from local.portraits.moments import Circumstance, caption, circumstance
from local.portraits.scenery import backdrop

EXIF_ORIENTATION = 0x0112
ROTATED_RIGHT = 6
"""Exif orientation: the viewer turns the stored picture by 90 degrees clockwise."""

Kind = Literal["JPEG", "AVIF", "WEBP"]
"""File formats of phones and browsers; HEIC needs pillow-heif, see `bench.intake`."""

CAMERA_SIDE = 3024
"""Side in pixels of a phone's square photo, which has nine million pixels."""


@dataclass(frozen=True)
class Photo:
    """A picture with its caption, character and circumstance."""

    image: Image.Image
    caption: str
    character: Character
    circumstance: Circumstance


def photos(person: Character, count: int, seed: int, size: int = 512) -> list[Photo]:
    """Return photos of one person in `count` circumstances."""
    rng = random.Random(f"photos {seed}")
    moments = [circumstance(rng.randrange(2**31)) for _ in range(count)]
    return [
        Photo(draw(person, moment, size), caption(person, moment), person, moment)
        for moment in moments
    ]


def album(seed: int, count: int = 10, size: int = 512) -> list[Photo]:
    """Return photos of a character for DreamBooth whose traits pretraining has never seen."""
    return photos(held_out_character(seed), count, seed, size)


def empty_room(seed: int, size: int = 512) -> Image.Image:
    """Return a background without a person."""
    return backdrop(circumstance(seed), size * 2).resize((size, size), Image.Resampling.BOX)


def two_people(one: Character, other: Character, seed: int, size: int = 512) -> Image.Image:
    """Return a picture of two people side by side."""
    moment = replace(circumstance(seed), zoom=0.62, tilt=0.0, shift_y=0.04)
    image = backdrop(moment, size * 2)
    for person, shift in ((one, -0.24), (other, 0.24)):
        paint_person(image, person, replace(moment, shift_x=shift))
    return image.resize((size, size), Image.Resampling.BOX)


def blurred(image: Image.Image) -> Image.Image:
    """Return a picture out of focus."""
    return image.filter(ImageFilter.GaussianBlur(image.width / 24))


def dark(image: Image.Image) -> Image.Image:
    """Return an underexposed picture."""
    return ImageEnhance.Brightness(image).enhance(0.08)


def grainy(image: Image.Image, seed: int) -> Image.Image:
    """Return a picture with sensor noise."""
    noise = np.random.default_rng(seed).normal(0, 3, (image.height, image.width, 1))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def camera_bytes(person: Character, seed: int) -> bytes:
    """Return a JPEG like a phone's: nine million pixels, sensor noise, Exif rotation."""
    image = grainy(draw(person, circumstance(seed), CAMERA_SIDE), seed)
    return upload_bytes(image, rotated=True, quality=95)


def upload_bytes(
    image: Image.Image, *, rotated: bool = False, quality: int = 92, kind: Kind = "JPEG"
) -> bytes:
    """Return a picture's file; a rotated file is stored turned, with an Exif orientation."""
    exif = Image.Exif()
    stored = image
    if rotated:
        stored = image.transpose(Image.Transpose.ROTATE_90)
        exif[EXIF_ORIENTATION] = ROTATED_RIGHT
    with io.BytesIO() as file:
        stored.save(file, kind, quality=quality, exif=exif)
        return file.getvalue()
