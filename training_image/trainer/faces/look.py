"""`python -m trainer.faces.look PHOTO... --drawn FOLDER`: on which photos which faces are found.

Prints a line of JSON for each photo, {"real": N, "drawn": N}: the faces that dlib's detectors
find, and those of drawn portraits, whose detector has its weights in FOLDER. The laptop's demo
chooses the detector and the judge by it, before anything is trained.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from trainer.faces import Pixels
from trainer.faces.dlib_faces import DlibDetector
from trainer.faces.drawn import DrawnDetector

SIDE = 1024
"""The longer side in pixels to which a photo is reduced; both detectors look at less."""


def main() -> None:
    """Look at each photo."""
    parser = argparse.ArgumentParser(prog="python -m trainer.faces.look", description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--drawn", type=Path, required=True, help="a base of drawn portraits")
    options = parser.parse_args()
    real, drawn = DlibDetector(), DrawnDetector(options.drawn)
    for path in options.photos:
        pixels = read(path)
        found = {"real": len(real.find(pixels)), "drawn": len(drawn.find(pixels))}
        sys.stdout.write(json.dumps(found) + "\n")


def read(path: Path) -> Pixels:
    """Return a photo's pixels (H, W, 3), upright."""
    with Image.open(path) as image:
        image.draft("RGB", (SIDE, SIDE))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(upright)


if __name__ == "__main__":
    main()
