"""What the embedded base is pretrained on: drawn portraits, and the words for them.

Each example is a function of its number, so every run sees the same data. Ordinary traits only:
`held_out_character` is never called here.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from local.portraits import Character, Circumstance, character, circumstance, draw

EXAMPLES = 40_000
UNSEEN_FROM = 10_000_000
"""Examples from here on are for measuring, and never trained on."""


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
