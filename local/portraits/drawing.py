"""Draws one person in one circumstance.

A picture is drawn larger and scaled down, so that edges are smooth; it is never enlarged.
"""

import numpy as np
from PIL import Image, ImageDraw

from local.portraits.characters import HAIR_COLOURS, SKIN, Character
from local.portraits.extras import accessory, glasses, mark
from local.portraits.moments import Circumstance
from local.portraits.parts import (
    beard,
    body,
    eyes,
    hair_before,
    hair_behind,
    head,
    mouth,
    nose,
)
from local.portraits.pen import Pen, shade
from local.portraits.portrait import Portrait
from local.portraits.scenery import backdrop

SMALL = 96
"""Side in pixels up to which a picture is drawn four times larger; above it twice."""

PARTS = (hair_behind, body, head, beard, mouth, nose, eyes, hair_before, mark, glasses, accessory)


def draw(person: Character, moment: Circumstance, size: int = 64) -> Image.Image:
    """Return an RGB picture of `size` pixels a side."""
    side = size * (4 if size <= SMALL else 2)
    image = backdrop(moment, side)
    paint_person(image, person, moment)
    return light(image.resize((size, size), Image.Resampling.BOX), moment.light)


def paint_person(image: Image.Image, person: Character, moment: Circumstance) -> None:
    """Draw a person on a square picture, back to front."""
    pen = Pen(
        ImageDraw.Draw(image),
        image.width,
        moment.tilt,
        moment.zoom,
        (moment.shift_x, moment.shift_y),
    )
    hair = person.own_hair or HAIR_COLOURS[person.hair]
    portrait = Portrait(
        pen,
        person,
        moment,
        x=0.5,
        y=0.47,
        fw=0.222 * person.face_width,
        fh=0.27 * person.face_height,
        skin=shade(SKIN[person.skin], person.tone[0]),
        hair=shade(hair, person.tone[1]),
    )
    for part in PARTS:
        part(portrait)


def light(image: Image.Image, direction: float) -> Image.Image:
    """Return the picture lit from one side; the far side is up to a quarter darker."""
    across = np.linspace(-1, 1, image.width)[None, :, None]
    factor = 1 - 0.125 * abs(direction) * (1 - np.sign(direction) * across)
    return Image.fromarray((np.asarray(image) * factor).astype(np.uint8))
