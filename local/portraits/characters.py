"""Characters: the traits of a person that stay the same from photo to photo.

The embedded base model never sees the held-out traits in pretraining. A DreamBooth training has to
learn them, so a picture with such a trait proves that the training worked.
"""

import random
from dataclasses import dataclass, replace

Colour = tuple[int, int, int]

SKIN: dict[str, Colour] = {
    "pale": (250, 222, 202),
    "light": (238, 192, 156),
    "tan": (206, 148, 104),
    "brown": (150, 98, 64),
    "dark": (94, 60, 44),
}
HAIR: dict[str, Colour] = {
    "black": (34, 30, 36),
    "brown": (104, 64, 36),
    "blond": (236, 196, 96),
    "red": (196, 78, 30),
    "grey": (150, 152, 160),
    "white": (240, 238, 232),
}
EYES: dict[str, Colour] = {"brown": (96, 54, 24), "blue": (40, 116, 216), "green": (44, 150, 74)}
HAIR_STYLES = ("short", "long", "bob", "curly", "bun", "spiky", "mohawk", "bald")
BEARDS = ("none", "beard", "moustache", "goatee")
GLASSES = ("none", "round", "square")
MARKS = ("none", "mole", "freckles", "plaster")
ACCESSORIES = ("none", "earrings", "headband")

HELD_OUT_HAIR: dict[str, Colour] = {
    "teal": (22, 170, 160),
    "violet": (132, 66, 200),
    "pink": (246, 120, 180),
}
HELD_OUT_MARKS = ("star", "heart", "stripes", "bolt")
HELD_OUT_ACCESSORIES = ("crown", "horns")

HAIR_COLOURS: dict[str, Colour] = {**HAIR, **HELD_OUT_HAIR}


@dataclass(frozen=True)
class Character:
    """One person. Texts name a trait in the tables above; numbers are factors of the average."""

    skin: str
    hair: str
    hair_style: str
    eyes: str
    beard: str
    glasses: str
    mark: str
    accessory: str

    mark_side: int
    """-1 is the left side of the picture, 1 the right side."""

    face_width: float
    face_height: float

    jaw: float
    """-1 is pointed, 0 is oval, 1 is square."""

    eye_size: float
    eye_gap: float
    brow: float
    nose: float
    mouth: float

    fringe: float
    """Position of the parting: -1 is far left, 1 is far right."""

    tone: tuple[float, float]
    """Brightness factors of skin and hair, around 1."""

    own_hair: Colour | None = None
    """A hair colour without a word, for training the judge; None uses `hair`."""


def character(seed: int) -> Character:
    """Return one person with ordinary traits only, as pretraining uses them."""
    rng = random.Random(f"character {seed}")
    return Character(
        skin=rng.choice(list(SKIN)),
        hair=rng.choice(list(HAIR)),
        hair_style=rng.choice(HAIR_STYLES),
        eyes=rng.choice(list(EYES)),
        beard=rng.choices(BEARDS, (5, 2, 1, 1))[0],
        glasses=rng.choices(GLASSES, (2, 1, 1))[0],
        mark=rng.choices(MARKS, (4, 1, 1, 1))[0],
        accessory=rng.choices(ACCESSORIES, (3, 1, 1))[0],
        mark_side=rng.choice((-1, 1)),
        face_width=rng.uniform(0.9, 1.12),
        face_height=rng.uniform(0.93, 1.08),
        jaw=rng.uniform(-1, 1),
        eye_size=rng.uniform(0.88, 1.16),
        eye_gap=rng.uniform(0.92, 1.1),
        brow=rng.uniform(0.7, 1.4),
        nose=rng.uniform(0.75, 1.3),
        mouth=rng.uniform(0.85, 1.15),
        fringe=rng.uniform(-1, 1),
        tone=(rng.uniform(0.95, 1.04), rng.uniform(0.92, 1.08)),
    )


def held_out_character(seed: int) -> Character:
    """Return one person with a hair colour and a mark or accessory that pretraining never sees."""
    rng = random.Random(f"held out {seed}")
    ordinary = character(rng.randrange(2**31))
    style = ordinary.hair_style
    if style == "bald":
        style = rng.choice(HAIR_STYLES[:-1])
    marked = rng.random() < 0.65
    return replace(
        ordinary,
        hair=rng.choice(list(HELD_OUT_HAIR)),
        hair_style=style,
        mark=rng.choice(HELD_OUT_MARKS) if marked else ordinary.mark,
        accessory=ordinary.accessory if marked else rng.choice(HELD_OUT_ACCESSORIES),
    )
