"""Uploads, real and made, with the codes that InspectPhotos should give each photo."""

import io
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from bench.people import eyes

PRESIDENT = ("obama.jpg", "obama2.jpg", "obama3.jpg", "obama_partial_face.jpg")
PARTIAL = "obama_partial_face2.jpg"
ASTRONAUT, VICE_PRESIDENT = "astronaut.png", "biden.jpg"
HEAD = (110, 0, 340, 230)
"""The astronaut's head and shoulders, in pixels of her photo."""

BODY = (0, 260, 512, 512)
"""A part of the same photo without a face."""


class Case(NamedTuple):
    """An upload, and the codes about faces that each of its photos should get."""

    name: str
    photos: tuple[Image.Image, ...]
    expected: tuple[tuple[str, ...], ...]
    people: int = 1
    advice: tuple[str, ...] = ()
    """The codes on the photos as a set."""


def photo(name: str) -> Image.Image:
    """Return a photo out of the package that local/people.json describes."""
    with files("real_people").joinpath(name).open("rb") as file:
        return Image.open(file).convert("RGB")


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def cases() -> Iterator[Case]:
    """Yield every case."""
    head = photo(ASTRONAUT).crop(HEAD)
    good = tuple(photo(name) for name in PRESIDENT)
    crops = tuple(photo(ASTRONAUT).crop((n * 8, n * 4, 512 - n * 8, 512 - n * 4)) for n in range(3))
    nothing: tuple[tuple[str, ...], ...] = ((),)
    yield Case("five of one person", (*good, photo(PARTIAL)), nothing * 5)
    mirrored = tuple(ImageOps.mirror(image) for image in good)
    yield Case("mirrored photos of one person", (*good, *mirrored), nothing * 8)
    one = photo(PRESIDENT[0])
    near = tuple(ImageEnhance.Brightness(one).enhance(1 + n / 20) for n in range(5))
    yield Case("one view", near, nothing * 5, advice=("same_angle", "same_distance"))
    yield Case("no face", (photo(ASTRONAUT).crop(BODY),), (("no_face",),))
    yield Case("an empty wall", (Image.new("RGB", (400, 300), "grey"),), (("no_face",),))
    yield Case("two faces of one size", (beside(head, head),), (("ambiguous_faces",),))
    yield Case("a smaller face beside", (beside(head, scaled(head, 0.6)),), (("other_faces",),))
    yield Case("a small face", (on_canvas(scaled(head, 0.7)),), (("face_small",),))
    blurred = head.filter(ImageFilter.GaussianBlur(2))
    yield Case("a blurred face", (blurred,), (("face_unclear",),))
    tilted = scaled(head, 2.0).rotate(60, fillcolor="grey")
    yield Case("a face far from upright", (tilted,), (("face_turned",),))
    stray = (("other_person",),)
    yield Case("one stray photo", (*good, photo(VICE_PRESIDENT)), (*nothing * 4, *stray))
    yield Case("three and three", (*good[:3], *crops), (*nothing * 3, *stray * 3), 2)
    sharp = (*good[:3], photo(PARTIAL))
    hidden = (("eyes_hidden",),)
    yield Case("closed eyes", tuple(map(eyes.closed, sharp)), hidden * 4)
    yield Case("sunglasses", tuple(map(eyes.covered, good[:3])), hidden * 3)
    darker = tuple(ImageEnhance.Brightness(image).enhance(0.6) for image in good)
    yield Case("dark photos of one person", darker, nothing * 4)


def beside(one: Image.Image, other: Image.Image) -> Image.Image:
    """Return two pictures side by side."""
    both = Image.new("RGB", (one.width + other.width, max(one.height, other.height)), "grey")
    both.paste(one, (0, 0))
    both.paste(other, (one.width, 0))
    return both


def scaled(image: Image.Image, factor: float) -> Image.Image:
    """Return a picture with its sides scaled."""
    return image.resize((round(image.width * factor), round(image.height * factor)))


def on_canvas(image: Image.Image) -> Image.Image:
    """Return a picture in the middle of a large grey one."""
    canvas = Image.new("RGB", (600, 600), "grey")
    canvas.paste(image, (220, 200))
    return canvas
