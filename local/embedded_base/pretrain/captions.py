"""Captions for pretraining: complete, partial, shuffled or empty.

A user's prompt names a few traits in any order, and a trigger word without a meaning. So these
captions drop traits, change their order, and put random words before "person".
"""

import random

from local.portraits import Character, Circumstance
from local.portraits.moments import situation, traits

EMPTY_SHARE = 0.1
"""Share of empty captions, for classifier-free guidance."""

KEEP = (1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.4, 0.0)
"""Shares of kept traits; one is drawn for the person, another for the circumstance."""

FRAMES = ("a photo of", "photo of", "a portrait of", "a picture of", "a drawing of")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def training_caption(person: Character, moment: Circumstance, rng: random.Random) -> str:
    """Return a random caption of a picture, which is true but seldom complete."""
    if rng.random() < EMPTY_SHARE:
        return ""
    kept = some(traits(person), rng) + some(situation(moment), rng)
    if rng.random() < 1 / 5:
        rng.shuffle(kept)
    frame = FRAMES[0] if rng.random() < 4 / 5 else rng.choice(FRAMES)
    return ", ".join([f"{frame} {subject(rng)}", *kept])


def some(words: list[str], rng: random.Random) -> list[str]:
    """Return a random part of a list, in its order."""
    share = rng.choice(KEEP)
    return [word for word in words if rng.random() < share]


def subject(rng: random.Random) -> str:
    """Return "a person", in one of five cases with a random word."""
    if rng.random() > 1 / 5:
        return "a person"
    word = "".join(rng.choices(LETTERS, k=rng.randint(2, 6)))
    return rng.choice((f"a {word} person", f"{word} person"))
