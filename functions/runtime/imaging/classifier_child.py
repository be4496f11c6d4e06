"""The child of runtime.imaging.classifier: normalised PNGs from stdin, a line of JSON each.

A message comes after its length in four bytes: the boxes as a line of JSON, then the PNG. The
answer has the probability of each label for each box, or for the whole photo. The child ends when
stdin does.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.shared.limits import MAX_CLASSIFIER_SECONDS, MAX_CLASSIFYING_SECONDS
from contracts.shared.pictures.classifier import ViT
from runtime.imaging.child_limits import STARTED, grant_seconds, limit_process
from runtime.imaging.vision_transformer import VisionTransformer, load

MEMORY_BYTES = 2048 * 1024 * 1024


def main() -> None:
    """Answer for each photo on stdin."""
    limit_process(MEMORY_BYTES, MAX_CLASSIFYING_SECONDS)
    network = load(Path(sys.argv[1]))
    sys.stdout.buffer.write(STARTED)  # from here on, every failure is about a photo
    sys.stdout.buffer.flush()
    while length := sys.stdin.buffer.read(4):
        grant_seconds(MAX_CLASSIFIER_SECONDS)
        boxes, _, png = sys.stdin.buffer.read(int.from_bytes(length)).partition(b"\n")
        found = answers(png, json.loads(boxes), network)
        sys.stdout.buffer.write(json.dumps(found).encode() + b"\n")
        sys.stdout.buffer.flush()


def answers(
    png: bytes, boxes: list[list[float]], network: VisionTransformer
) -> list[dict[str, float]]:
    """Return the probability of each label for each box, or for the whole photo."""
    photo = Image.open(io.BytesIO(png)).convert("RGB")
    parts = [photo.crop(cut(box, photo)) for box in boxes] if boxes else [photo]
    return [labelled(network.probabilities(part), network.config) for part in parts]


def cut(box: list[float], photo: Image.Image) -> tuple[int, int, int, int]:
    """Return the part of a box that lies on the photo, of one pixel at least."""
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    left, top = min(left, photo.width - 1), min(top, photo.height - 1)
    right, bottom = min(photo.width, round(box[2])), min(photo.height, round(box[3]))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def labelled(probabilities: NDArray[np.float32], config: ViT) -> dict[str, float]:
    """Return the probabilities by label."""
    return {
        label: round(float(value), 6)
        for label, value in zip(config.labels, probabilities, strict=True)
    }


if __name__ == "__main__":
    main()
