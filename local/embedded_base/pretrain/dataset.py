"""The pretraining data: drawn portraits with captions.

Each example is a function of its number, so every run sees the same data. Only ordinary traits
occur; `held_out_character` is never called here.
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
"""First example that is used for measuring only."""

VISIBLE = 12
"""Difference of a colour value, out of 255, that counts as visible."""

BLOCK = 4
"""Side in pixels of one latent position."""

FACE_WEIGHT, MARK_WEIGHT = 4, 8
"""Weight of an error at expression and eyes, and at a mark."""


def example(number: int) -> tuple[Character, Circumstance]:
    """Return the person and the circumstance of an example."""
    return character(number), circumstance(number)


def pictures(first: int, count: int, size: int = 64) -> NDArray[np.uint8]:
    """Return drawn portraits, (count, size, size, 3) uint8."""
    numbers = range(first, first + count)
    drawn: NDArray[np.uint8]
    drawn = np.stack([np.asarray(draw(*example(number), size)) for number in numbers])
    return drawn


def training_pictures(folder: Path) -> NDArray[np.uint8]:
    """Return all training pictures; they are drawn once and stored in `folder`."""
    file = folder / "pictures.npy"
    if not file.exists():
        np.save(file, pictures(0, EXAMPLES))
    drawn: NDArray[np.uint8] = np.load(file, mmap_mode="r")
    return drawn


def detail_weights(first: int, count: int) -> NDArray[np.uint8]:
    """Return the loss weight of each latent position, (count, 16, 16) uint8; most weights are 1.

    A mole has two of 4,096 pixels and a mouth forty, so without weights they hardly affect the
    loss. Their positions are found by drawing the same picture with another face and without the
    mark.
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
    """Return the blocks in which two pictures differ visibly."""
    differs = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max(-1) > VISIBLE
    side = len(differs) // BLOCK
    blocks: NDArray[np.bool_] = differs.reshape(side, BLOCK, side, BLOCK).any((1, 3))
    return blocks


def training_weights(folder: Path) -> NDArray[np.uint8]:
    """Return the weights of all training pictures; they are made once and stored in `folder`."""
    file = folder / "weights.npy"
    if not file.exists():
        np.save(file, detail_weights(0, EXAMPLES))
    weights: NDArray[np.uint8] = np.load(file)
    return weights
