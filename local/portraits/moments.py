"""Circumstances: what changes from photo to photo; and captions."""

import random
from dataclasses import dataclass

from local.portraits.characters import Character, Colour

EXPRESSIONS = ("smiling", "neutral", "frowning", "surprised")
SHIRTS: dict[str, Colour] = {
    "red": (206, 48, 50),
    "blue": (46, 92, 200),
    "green": (44, 146, 78),
    "yellow": (244, 206, 62),
    "white": (244, 244, 244),
    "black": (38, 38, 44),
    "purple": (134, 70, 170),
    "orange": (240, 136, 44),
}
BACKGROUNDS: dict[str, tuple[Colour, Colour]] = {
    "blue": ((124, 178, 244), (84, 136, 222)),
    "green": ((146, 208, 140), (90, 166, 100)),
    "red": ((232, 128, 116), (196, 80, 80)),
    "grey": ((214, 216, 220), (164, 168, 176)),
    "yellow": ((252, 232, 150), (238, 202, 98)),
    "sunset": ((252, 176, 96), (150, 76, 140)),
    "night": ((18, 24, 66), (46, 50, 104)),
    "beach": ((150, 220, 248), (120, 204, 244)),
    "forest": ((136, 196, 168), (80, 146, 110)),
    "city": ((196, 216, 236), (150, 176, 206)),
}


@dataclass(frozen=True)
class Circumstance:
    """One moment of a person. Shifts are shares of the picture's side."""

    expression: str
    shirt: str
    background: str

    yaw: float
    """Rotation of the head: -1 is left, 1 is right."""

    tilt: float
    """Tilt of the head in degrees, positive clockwise."""

    shift_x: float
    shift_y: float
    zoom: float

    light: float
    """Direction and strength of the light: -1 is left, 0 is even, 1 is right."""

    scenery: int
    """Seed of the background's details."""


def circumstance(seed: int) -> Circumstance:
    """Return a random circumstance of a typical uploaded photo."""
    rng = random.Random(f"moment {seed}")
    return Circumstance(
        expression=rng.choice(EXPRESSIONS),
        shirt=rng.choice(list(SHIRTS)),
        background=rng.choice(list(BACKGROUNDS)),
        yaw=rng.uniform(-1, 1),
        tilt=max(-10.0, min(10.0, rng.gauss(0, 4.5))),
        shift_x=max(-0.04, min(0.04, rng.gauss(0, 0.018))),
        shift_y=max(-0.03, min(0.03, rng.gauss(0, 0.012))),
        zoom=rng.uniform(1.0, 1.16),
        light=rng.uniform(-1, 1),
        scenery=rng.randrange(4),
    )


def caption(person: Character, moment: Circumstance, subject: str = "person") -> str:
    """Return the exact caption: every trait that has a word, in a fixed order.

    >>> from local.portraits.characters import character
    >>> caption(character(1), circumstance(1), subject="sks person").split(", ")[0]
    'a photo of a sks person'
    """
    return ", ".join([f"a photo of a {subject}", *traits(person), *situation(moment)])


def traits(person: Character) -> list[str]:
    """Return the words for a person's traits."""
    words = [hair_words(person), f"{person.skin} skin", f"{person.eyes} eyes"]
    if person.glasses != "none":
        words.append(f"{person.glasses} glasses")
    words += [trait for trait in (person.beard, person.mark, person.accessory) if trait != "none"]
    return words


def hair_words(person: Character) -> str:
    """Return the words for the hair; a bald head shows its colour in brows and beard only."""
    if person.hair_style == "bald":
        return "bald head"
    return f"{person.hair_style} {person.hair} hair"


def situation(moment: Circumstance) -> list[str]:
    """Return the words for a circumstance."""
    return [moment.expression, f"{moment.shirt} shirt", f"{moment.background} background"]
