"""Trains the embedded base's face detector: a linear classifier on HOG features.

    .venv/torch/bin/python -m local.embedded_base.faces OUT

It trains in a minute on drawn people of separate seeds (from 700,000 on). `trainer/faces/drawn.py`
reads the weights. Both use the same features: windows of 64 x 64 pixels, cells of 8, 9 directions.
"""

import random
import sys
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageDraw
from safetensors.numpy import save_file

from local.portraits import (
    Character,
    Circumstance,
    character,
    circumstance,
    draw,
    empty_room,
    held_out_character,
)
from local.portraits.pen import Pen

WEIGHTS_FILE = "faces.safetensors"
WINDOW, SIDE = 64, 160
PEOPLE, ROOMS, ROUNDS, PEOPLE_PER_ROUND = 700, 60, 2, 150
FIRST_PERSON, FIRST_ROOM, FIRST_MISTAKE = 900_000, 5000, 700_000
MARGIN = 1.1
"""Half a box's side over half the face's height."""

Grey: TypeAlias = NDArray[np.uint8]


class Box(NamedTuple):
    """A square: its centre and half its side, in pixels."""

    x: float
    y: float
    half: float


class Scene(NamedTuple):
    """A drawn person and the box of the face."""

    grey: Grey
    face: Box


def main() -> None:
    """Train, and write the weights into a base's folder."""
    weight, bias = fit_with_mistakes()
    save_file({"weight": weight, "bias": bias}, Path(sys.argv[1]) / WEIGHTS_FILE)


def fit_with_mistakes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit the classifier, then fit it again with its false positives."""
    chance = random.Random(0)  # noqa: S311
    windows, labels = first_windows(chance)
    features = np.stack([features_of(window) for window in windows])
    weight, bias = fit(features, np.array(labels))
    for turn in range(ROUNDS):
        first = FIRST_MISTAKE + 1000 * turn
        wrong = mistakes(range(first, first + PEOPLE_PER_ROUND), weight, bias)
        if wrong:
            features = np.concatenate([features, np.stack([features_of(w) for w in wrong])])
            labels += [-1] * len(wrong)
            weight, bias = fit(features, np.array(labels))
    return weight, bias


def scene(seed: int) -> Scene:
    """Draw one person; every second person has held-out traits."""
    person = character(seed) if seed % 2 else held_out_character(seed)
    moment = circumstance(seed)
    grey = cv2.cvtColor(np.asarray(draw(person, moment, SIDE)), cv2.COLOR_RGB2GRAY)
    return Scene(grey, box_of(person, moment, SIDE))


def box_of(person: Character, moment: Circumstance, side: int) -> Box:
    """Return the box of a drawn person's face."""
    shift = (moment.shift_x, moment.shift_y)
    pen = Pen(ImageDraw.Draw(empty_room(0, 8)), side, moment.tilt, moment.zoom, shift)
    x, y = pen.place((0.5, 0.47))
    return Box(x, y, MARGIN * 0.27 * person.face_height * moment.zoom * side)


def first_windows(chance: random.Random) -> tuple[list[Grey], list[int]]:
    """Return windows with faces (label 1) and without (label -1)."""
    windows: list[Grey] = []
    labels: list[int] = []
    for seed in range(FIRST_PERSON, FIRST_PERSON + PEOPLE):
        grey, face = scene(seed)
        for _ in range(2):
            half = face.half * chance.uniform(0.94, 1.06)
            dx, dy = (chance.uniform(-0.05, 0.05) * half for _ in "xy")
            windows.append(cut(grey, Box(face.x + dx, face.y + dy, half)))
            labels.append(1)
        others = [anywhere(chance) for _ in range(8)]
        away = [cut(grey, box) for box in others if not is_near(box, face)]
        windows += away
        labels += [-1] * len(away)
    for seed in range(FIRST_ROOM, FIRST_ROOM + ROOMS):
        grey = cv2.cvtColor(np.asarray(empty_room(seed, SIDE)), cv2.COLOR_RGB2GRAY)
        windows += [cut(grey, anywhere(chance)) for _ in range(6)]
        labels += [-1] * 6
    return windows, labels


def anywhere(chance: random.Random) -> Box:
    """Return a random square on a picture."""
    half = chance.uniform(16, 75)
    return Box(chance.uniform(half, SIDE - half), chance.uniform(half, SIDE - half), half)


def is_near(box: Box, face: Box) -> bool:
    """Return whether a box roughly shows the face."""
    away = max(abs(box.x - face.x), abs(box.y - face.y))
    return away < 0.35 * face.half and 0.62 < box.half / face.half < 1.55  # noqa: PLR2004


def cut(grey: Grey, box: Box) -> Grey:
    """Return a box's content, resized to a window."""
    side = max(2, int(2 * box.half))
    part = cv2.getRectSubPix(grey, (side, side), (box.x, box.y))
    window: Grey = cv2.resize(part, (WINDOW, WINDOW), interpolation=cv2.INTER_AREA)
    return window


def histograms() -> "cv2.HOGDescriptor":
    """Return the HOG descriptor, which gives 1764 numbers for a window."""
    return cv2.HOGDescriptor((WINDOW, WINDOW), (16, 16), (8, 8), (8, 8), 9)


def features_of(window: Grey) -> NDArray[np.float32]:
    """Return a window's features."""
    numbers: NDArray[np.float32] = histograms().compute(window).ravel()
    return numbers


def fit(
    features: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit a linear classifier with squared hinge loss."""
    given, wanted = torch.from_numpy(features), torch.from_numpy(labels).float()
    weight = torch.zeros(given.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        short = (1 - wanted * (given @ weight + bias)).clamp(min=0)
        error = short.square().mean() + 1e-3 * weight.square().sum()
        error.backward()
        return error

    solver.step(loss)
    return weight.detach().numpy(), bias.detach().numpy()


def mistakes(seeds: range, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> list[Grey]:
    """Return windows without a face that the classifier accepts, or nearly accepts."""
    finder = histograms()
    finder.setSVMDetector(np.append(weight, bias))
    wrong = []
    for seed in seeds:
        grey, face = scene(seed)
        large = cv2.resize(grey, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
        found, _ = finder.detectMultiScale(
            large, hitThreshold=-0.3, winStride=(8, 8), padding=(16, 16), scale=1.08,
            groupThreshold=0,
        )  # fmt: skip
        boxes = [Box((x + w / 2) / 2, (y + h / 2) / 2, w / 4) for x, y, w, h in found]
        wrong += [cut(grey, box) for box in boxes if not is_near(box, face)]
    return wrong


if __name__ == "__main__":
    main()
