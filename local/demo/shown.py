"""What photos show: people, drawn portraits, or neither; and what speaks against a training.

Two things are looked at: whether the pictures are flat drawings, and which faces are found on them,
by the detectors that the trainer has.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from contracts.base import BaseCard
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.instances.gpu_check import find_gpus
from contracts.shared.limits import ADVISED_PHOTOS, MIN_PHOTOS
from contracts.shared.people.faces import needs_face
from local.cloud.paths import ROOT
from local.demo.own import OwnInputError, OwnPhotos
from local.embedded_base import PORTRAITS
from local.sagemaker.container.images import TORCH_PYTHON

Shown = Literal["people", "drawn portraits", "no faces"]

BLOCK = 4
FLAT_LEVELS = 0.75
"""Standard deviation of a block of pixels, of 255 levels, below which it is one colour."""

DRAWN_SHARE = 0.5
"""Share of flat blocks from which on a picture is a drawing: the drawn portraits have 0.80 to 0.86,
seven photos of people 0.02 to 0.23 (2026-11-28)."""

LARGE_SIDE = 512
"""Pixels from which on a training without a GPU takes hours."""


class Sight(NamedTuple):
    """What was seen on the photos."""

    shown: Shown
    with_faces: int
    """Number of photos on which the detector of this kind finds a face."""


def look(photos: OwnPhotos) -> Sight:
    """Return what most photos show.

    Raises:
        OwnInputError: the detectors cannot be run.
    """
    drawn = are_drawn(photos.images)
    kind: Shown = "drawn portraits" if drawn else "people"
    counts = faces_on(photos)
    with_faces = sum(found["drawn" if drawn else "real"] > 0 for found in counts)
    return Sight(kind if with_faces >= MIN_PHOTOS else "no faces", with_faces)


def faces_on(photos: OwnPhotos) -> list[dict[str, int]]:
    """Return the number of real and of drawn faces on each photo, as the trainer's detectors see.

    Raises:
        OwnInputError: they cannot be run.
    """
    paths = [str(picture.path) for picture in photos.pictures]
    places = os.pathsep.join(str(ROOT / room) for room in ("functions", "training_image"))
    done = subprocess.run(
        [
            TORCH_PYTHON,
            "-W",
            "ignore",
            "-m",
            "trainer.faces.look",
            "--drawn",
            PORTRAITS,
            "--",
            *paths,
        ],
        env=os.environ | {"PYTHONPATH": places},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise OwnInputError(f"the face detectors did not run:\n{last}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def are_drawn(pictures: Sequence[Image.Image]) -> bool:
    """Return whether most pictures are flat drawings: a photo has noise and texture everywhere."""
    return float(np.median([flat_share(picture) for picture in pictures])) >= DRAWN_SHARE


def flat_share(picture: Image.Image) -> float:
    """Return the share of blocks of 4 x 4 pixels that are of one brightness."""
    levels = np.asarray(picture.convert("L"), dtype=np.float32)
    height, width = (side // BLOCK * BLOCK for side in levels.shape)
    blocks = levels[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return float((blocks.std(axis=(1, 3)) < FLAT_LEVELS).mean())


# ---- whether photos, request and base fit --------------------------------------------------------


def refuse_small(photos: OwnPhotos, side: int) -> None:
    """Refuse photos of which fewer than five are as large as the training's pictures.

    Raises:
        OwnInputError: the stack would reject the others, and too few would be left.
    """
    large = sum(picture.short_side >= side for picture in photos.pictures)
    if large < MIN_PHOTOS:
        raise OwnInputError(
            f"{large} of {len(photos.pictures)} photos have a shorter side of {side} pixels, which"
            f" the base draws, and training needs {MIN_PHOTOS}: give larger ones, or a smaller"
            ' "resolution" in request.json'
        )


def refuse_without_faces(sight: Sight, photos: OwnPhotos, request: TrainingRequest | None) -> None:
    """Refuse photos without faces for a request that is about a person, as the trainer would.

    Raises:
        OwnInputError: fewer than five photos show a face, and the request needs one on each.
    """
    if sight.shown != "no faces" or request is None or not needs_face(request):
        return
    raise OwnInputError(
        f"a face is found on {sight.with_faces} of {len(photos.pictures)} photos, and training a"
        f" person needs {MIN_PHOTOS} that show one. For another subject write request.json into"
        ' the folder: {"instance_prompt": "a photo of a sks dog", "class_prompt": "a photo of a'
        ' dog"}; for people whose faces are not found, add "require_face": false'
    )


def warnings(
    shown: Shown, card: BaseCard, photos: OwnPhotos | None, request: TrainingRequest | None
) -> list[str]:
    """Return what speaks against training these photos on this base here.

    Args:
        shown: what the photos show.
        card: the base's card, as its owner wrote it.
        photos: None: the demo's own ten.
        request: None: it cannot be read.
    """
    found = [*about_subject(shown, card), *about_size(card, photos, request)]
    if photos is not None and len(photos.pictures) < ADVISED_PHOTOS:
        found.append(
            f"{len(photos.pictures)} photos are few: {ADVISED_PHOTOS} to 15 of several days, places"
            " and angles give a better likeness."
        )
    if card.resolution >= LARGE_SIDE and find_gpus().count == 0:
        found.append(
            f"there is no GPU here: a training at {card.resolution} pixels takes hours on a CPU."
        )
    return found


def about_subject(shown: Shown, card: BaseCard) -> list[str]:
    """Return what speaks against this kind of photos on this base."""
    is_for_drawings = card.face_detector == "drawn"
    if is_for_drawings and shown != "drawn portraits":
        words = (
            f"these are photographs, and the base {card.base_id} knows only drawn faces of"
            f" {card.resolution} pixels: it learns colours, not a person. Expect that the result is"
            " rejected (gate_not_alike). Name a real base by BASE= (docs/bases.md)."
        )
        return [words]
    if shown == "drawn portraits" and not is_for_drawings:
        words = (
            f"these are drawings, and {card.base_id} is not the drawn base. The demo's detector and"
            " judge look at them; no floor of likeness was measured on this base."
        )
        return [words]
    if shown == "people" and card.face_detector == "none":
        words = (
            f"these are photos of people, and the card of {card.base_id} says that no face is"
            " looked for (face_detector): likeness is not measured."
        )
        return [words]
    if shown == "no faces" and card.judge is None:
        return [f"{card.base_id} has no judge for this subject: likeness is not measured."]
    return []


def about_size(
    card: BaseCard, photos: OwnPhotos | None, request: TrainingRequest | None
) -> list[str]:
    """Return what speaks against the resolution of photos and request."""
    found = []
    side = card.resolution if request is None else request.resolution or card.resolution
    if side != card.resolution:
        found.append(
            f"the request says resolution {side}, and {card.base_id} draws {card.resolution}"
            " pixels: at another size it repeats or cuts what it draws."
        )
    small = [p for p in (photos.pictures if photos else ()) if p.short_side < side]
    if photos is not None and small:
        found.append(
            f"{len(small)} of {len(photos.pictures)} photos are smaller than the {side} pixels of"
            f" {card.base_id} (the smallest has {min(p.short_side for p in small)}) and are"
            ' rejected: give larger ones, or a smaller "resolution" in request.json.'
        )
    return found
