"""How often the marks are read again after edits, how often where there are none, and their cost.

Usage: python -m bench.marks [--marked N] [--others N]
Marked are drawn portraits and crops of photos that a package holds (real_people), 512 pixels a
side, by the function that the server calls. "Others" are the same kinds of pictures without a mark,
256 pixels a side. Prints the table and writes reports/marks.json; exits 1 when a target is missed.
It measures the function, not the deployed paths.
"""

import argparse
import importlib.util
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from PIL import Image

from bench.report import Figure, finish
from contracts.marks import verifying, watermark
from contracts.marks.marking import Marker, Origin, Output
from contracts.shared.pictures.mark_keys import MarkSecret, mark_id, marking_keys, reading_keys
from local.portraits.albums import album

SECRET = MarkSecret(seed="the seed of the benchmark, which marks nothing else")
FOUND, ALARMS = 95.0, 0.1
"""Targets in percent."""

Edit = Callable[[Image.Image], Image.Image]


def jpeg(image: Image.Image) -> Image.Image:
    """Return the picture after JPEG of quality 75."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return Image.open(file).convert("RGB")


def half(image: Image.Image) -> Image.Image:
    """Return the picture at half its size."""
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def cropped(image: Image.Image) -> Image.Image:
    """Return the picture without a tenth of each direction, off the middle."""
    width, height = image.size
    left, top = int(width * 0.06), int(height * 0.043)
    return image.crop((left, top, left + int(width * 0.9), top + int(height * 0.9)))


EDITS: dict[str, tuple[Edit, float | None]] = {
    "JPEG 75": (jpeg, FOUND),
    "resize to 50 %": (half, FOUND),
    "crop of 10 %": (cropped, FOUND),
    "crop of 10 %, scaled back": (
        lambda image: cropped(image).resize(image.size, Image.Resampling.LANCZOS),
        None,
    ),
    "crop, 50 %, JPEG 75": (lambda image: jpeg(half(cropped(image))), None),
}
"""Edits, and the target of those that have one."""


def pictures(side: int, seed: int) -> Iterator[Image.Image]:
    """Yield drawn portraits and crops of photos in turn, without an end."""
    chance, photos = Random(seed), package_photos()  # noqa: S311 (pictures, no secrets)
    number = seed * 1000
    while True:
        for drawn in album(number, count=4, size=side):
            yield drawn.image.convert("RGB")
            if photos:
                yield some_part(chance.choice(photos), side, chance)
        number += 1


def package_photos() -> list[Image.Image]:
    """Return the photos of the package real_people; empty where it is not installed."""
    found = importlib.util.find_spec("real_people")
    folders = found.submodule_search_locations if found else None
    files = sorted(path for folder in folders or () for path in Path(folder).glob("*.jpg"))
    return [Image.open(path).convert("RGB") for path in files]


def some_part(photo: Image.Image, side: int, chance: Random) -> Image.Image:
    """Return a square part of a photo, resized to ``side``."""
    size = int(min(photo.size) * chance.uniform(0.5, 1))
    left = chance.randint(0, photo.width - size)
    top = chance.randint(0, photo.height - size)
    part = photo.crop((left, top, left + size, top + size))
    return part.resize((side, side), Image.Resampling.LANCZOS)


def measure_marked(count: int) -> list[Figure]:
    """Return what is read of marked pictures, and what marking costs."""
    marker = Marker(marking_keys(SECRET, "serving"))
    marker.prepare()
    patterns = [watermark.pattern_of(keys.watermark) for keys in reading_keys(SECRET)]
    both, milliseconds = 0, []
    hits = dict.fromkeys(EDITS, 0)
    for number, image in enumerate(islice(pictures(512, 1), count)):
        model = f"{number:032x}"
        started = time.perf_counter()
        file = marker.mark(image, Origin(model, "benchmark"), Output("png")).file
        milliseconds.append(1e3 * (time.perf_counter() - started))
        verdict = verifying.verify(file, SECRET)
        both += verdict.credentials == "ours" and verdict.watermark is not None
        with Image.open(io.BytesIO(file)) as opened:
            marked = opened.convert("RGB")
        for name, (edit, _) in EDITS.items():
            found = watermark.read(edit(marked), patterns)
            wanted = mark_id(patterns[0].key, model)
            hits[name] += found is not None and found[1].ident == wanted
    return [
        Figure("files with both layers", 100 * both / count, "%", 100.0),
        *(
            Figure(f"watermark read after {name}", 100 * hits[name] / count, "%", target)
            for name, (_, target) in EDITS.items()
        ),
        Figure("marking a 512 px PNG, median", statistics.median(milliseconds), "ms"),
    ]


def measure_others(count: int) -> list[Figure]:
    """Return the share of pictures without a mark in which one is read."""
    patterns = [watermark.pattern_of(keys.watermark) for keys in reading_keys(SECRET)]
    alarms = sum(
        watermark.read(image, patterns) is not None for image in islice(pictures(256, 2), count)
    )
    return [
        Figure("pictures without a mark", count),
        Figure("false alarms", 100 * alarms / count, "%", ALARMS, better="less"),
    ]


def main() -> int:
    """Measure, print and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--marked", type=int, default=40, help="pictures that are marked")
    parser.add_argument("--others", type=int, default=2000, help="pictures that are not")
    options = parser.parse_args()
    return finish("marks", [*measure_marked(options.marked), *measure_others(options.others)])


if __name__ == "__main__":
    sys.exit(main())
