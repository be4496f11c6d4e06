"""`python -m local.portraits FOLDER`: ten photos of somebody who does not exist, with captions.

They are those of `make demo`. The caption beside a photo says what is not the person, so that the
trigger word comes to mean the rest.
"""

import argparse
from pathlib import Path

from local.portraits import album, upload_bytes
from local.portraits.moments import situation

CHARACTER = 5001
PHOTOS = 10
SUBJECT = "a photo of a sks person"


def main() -> None:
    """Draw the photos and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m local.portraits", description=__doc__)
    parser.add_argument("folder", type=Path, help="where they go; made if it is missing")
    parser.add_argument("--character", type=int, default=CHARACTER, help="whom they show")
    parser.add_argument("--photos", type=int, default=PHOTOS, help="how many (default: 10)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(album(options.character, options.photos)):
        name = options.folder / f"photo-{number}"
        # A phone's first photo often lies on its side, and says so in its EXIF.
        name.with_suffix(".jpg").write_bytes(upload_bytes(photo.image, rotated=number == 0))
        words = [SUBJECT, *situation(photo.circumstance)]
        name.with_suffix(".txt").write_text(", ".join(words))
    print(f"{options.photos} photos and their captions are in {options.folder}/")


if __name__ == "__main__":
    main()
