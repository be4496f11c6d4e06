"""What the embedded base is pretrained on: drawn portraits, and the words for them.

Each example is a function of its number, so every run sees the same data. Ordinary traits only:
`held_out_character` is never called here.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from local.portraits import Character, Circumstance, character, circumstance, draw
from local.portraits.characters import EYES
from local.portraits.moments import EXPRESSIONS

EXAMPLES = 40_000
UNSEEN_FROM = 10_000_000
"""Examples from here on are for measuring, and never trained on."""

VISIBLE = 12
"""Difference of a colour, of 255, that counts as another picture."""

BLOCK = 4
"""Pixels on a side for one number of a latent."""

FACE_WEIGHT, MARK_WEIGHT = 4, 8
"""How much more an error counts where expression and eyes are, and where a mark is."""


def example(number: int) -> tuple[Character, Circumstance]:
    """Return who and what the picture of this number shows."""
    return character(number), circumstance(number)


def pictures(first: int, count: int, size: int = 64) -> NDArray[np.uint8]:
    """Return drawn portraits: (count, size, size, 3) uint8."""
    numbers = range(first, first + count)
    drawn: NDArray[np.uint8]
    drawn = np.stack([np.asarray(draw(*example(number), size)) for number in numbers])
    return drawn


def training_pictures(folder: Path) -> NDArray[np.uint8]:
    """Return all training pictures, drawn on first use and kept in `folder`."""
    file = folder / "pictures.npy"
    if not file.exists():
        np.save(file, pictures(0, EXAMPLES))
    drawn: NDArray[np.uint8] = np.load(file, mmap_mode="r")
    return drawn


def detail_weights(first: int, count: int) -> NDArray[np.uint8]:
    """Return how much each number of a latent counts: (count, 16, 16) uint8, mostly 1.

    A mole is two pixels of 4,096, and a mouth forty: without this a picture is nearly right
    without them. The places are found by drawing the same picture with another face and no mark.
    """
    return np.stack([detail_weight(number) for number in range(first, first + count)])


def detail_weight(number: int) -> NDArray[np.uint8]:
    """Return the weights of one picture."""
    person, moment = example(number)
    other = EXPRESSIONS[(EXPRESSIONS.index(moment.expression) + 2) % len(EXPRESSIONS)]
    iris = [*EYES][([*EYES].index(person.eyes) + 1) % len(EYES)]
    drawn = draw(person, moment)
    face = draw(replace(person, eyes=iris), replace(moment, expression=other))
    unmarked = draw(replace(person, mark="none"), moment)
    weights = np.ones((len(np.asarray(drawn)) // BLOCK,) * 2, np.uint8)
    weights[changed(drawn, face)] = FACE_WEIGHT
    weights[changed(drawn, unmarked)] = MARK_WEIGHT
    return weights


def changed(one: Image.Image, other: Image.Image) -> NDArray[np.bool_]:
    """Return which blocks of two pictures differ visibly."""
    differs = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max(-1) > VISIBLE
    side = len(differs) // BLOCK
    blocks: NDArray[np.bool_] = differs.reshape(side, BLOCK, side, BLOCK).any((1, 3))
    return blocks


def training_weights(folder: Path) -> NDArray[np.uint8]:
    """Return the weights of all training pictures, made on first use and kept in `folder`."""
    file = folder / "weights.npy"
    if not file.exists():
        np.save(file, detail_weights(0, EXAMPLES))
    weights: NDArray[np.uint8] = np.load(file)
    return weights
