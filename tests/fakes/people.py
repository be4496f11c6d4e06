"""Photos of real people for tests, out of packages; none is committed.

scikit-image   the astronaut Eileen Collins, by NASA: public domain
face_recognition (its sdist)   six photos of Barack Obama and one of Joe Biden, official portraits
                               and press photos of the United States' government: public domain
"""

import io
from importlib.resources import files

import pytest
from PIL import Image, ImageEnhance, ImageOps

PACKAGE = "real_people"
"""Made by the environment's targets of the Makefile from local/people.json."""

PRESIDENT = ("obama.jpg", "obama2.jpg", "obama3.jpg", "obama_partial_face.jpg")
ASTRONAUT, VICE_PRESIDENT = "astronaut.png", "biden.jpg"


def photo(name: str) -> Image.Image:
    """Return a photo; skip the test where the package is absent."""
    try:
        with files(PACKAGE).joinpath(name).open("rb") as file:
            return Image.open(file).convert("RGB")
    except (ModuleNotFoundError, FileNotFoundError):
        pytest.skip("the photos of real people are not installed: make envs installs them")


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def portraits() -> list[bytes]:
    """Return eight photos of one person: four, and each mirrored and nearer."""
    whole = [photo(name) for name in PRESIDENT]
    return [png(image) for image in (*whole, *map(varied, whole))]


def candid() -> list[bytes]:
    """Return three photos of another person, made from one."""
    image = photo(ASTRONAUT)
    return [png(image), png(varied(image)), png(ImageEnhance.Brightness(image).enhance(1.2))]


def varied(image: Image.Image) -> Image.Image:
    """Return a photo mirrored and scaled up by a tenth."""
    width, height = image.size
    return ImageOps.mirror(image).resize((width * 11 // 10, height * 11 // 10))
