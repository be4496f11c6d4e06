"""What a camera's colour profile says comes out as the same colour in sRGB."""

import io

import pillow_heif
import pytest
from PIL import Image

from bench.intake.profiles import SPACES, Space, Triple, difference, in_space, profile
from runtime.imaging.decode import answer
from runtime.imaging.sandbox import format_of

SIDE = 48
COLOURS: list[Triple] = [
    (200, 30, 40), (30, 180, 60), (40, 60, 200), (220, 180, 150), (120, 80, 60), (250, 250, 245),
    (10, 12, 9), (128, 128, 128), (240, 200, 20),
]  # fmt: skip


def stored(space: Space, kind: str) -> bytes:
    """Return a picture of all colours, each a square, as a camera of this space writes it."""
    image = Image.new("RGB", (SIDE * 3, SIDE * 3))
    for n, colour in enumerate(COLOURS):
        image.paste(in_space(colour, space), box(n))
    out = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.encode(
            "RGB", image.size, image.tobytes(), out, quality=-1, chroma=444,
            icc_profile=profile(space),
        )  # fmt: skip
        return out.getvalue()
    options = {"quality": 97, "subsampling": 0} if kind == "JPEG" else {}
    image.save(out, kind, icc_profile=profile(space), **options)
    return out.getvalue()


def box(n: int) -> tuple[int, int, int, int]:
    x, y = SIDE * (n % 3), SIDE * (n // 3)
    return x, y, x + SIDE, y + SIDE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "HEIF"])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_colours_are_what_the_profile_says(space: Space, kind: str) -> None:
    body = stored(space, kind)
    order = {"kind": format_of(body), "min_side": 64, "max_side": 2048, "max_pixels": 10**7}
    facts, png = answer(body, order)
    assert facts["codes"] == ["converted"]
    image = Image.open(io.BytesIO(png))
    for n, colour in enumerate(COLOURS):
        left, top, _, _ = box(n)
        seen = image.getpixel((left + SIDE // 2, top + SIDE // 2))
        assert isinstance(seen, tuple)
        assert difference((seen[0], seen[1], seen[2]), colour) <= 2


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_the_profile_matters(space: Space) -> None:
    worst = max(difference(in_space(colour, space), colour) for colour in COLOURS)
    assert worst > 5
