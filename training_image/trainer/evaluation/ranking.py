"""Pictures ranked by likeness, and compared with the photos that were learnt.

A picture that shows a photo again was not drawn by an adapter that knows the subject, but by one
that knows the photo. Copies are told by the edges: of each picture and photo, the gradients of
32 x 32 grey pixels are compared by their cosine, as they are and mirrored.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from contracts.documents.training import RankedPicture

PICTURES_FOLDER = "pictures"
"""The folder of the sample prompts' pictures, in the adapter's folder."""

SIDE = 32
"""The side in pixels at which pictures are compared."""

MAX_SIMILARITY = 0.85
"""Similarity above which a picture is a copy of a photo, where the judge is one of real faces.

Two of seven photos of three people have 0.18 at most. A photo and itself blurred, brighter, with
noise or as a poor JPEG have 0.93 and more, and cropped by 2 % 0.75. Drawn
portraits of one character have up to 0.68. Figures: docs/faces.md.
"""


def rank(
    pictures: Sequence[Image.Image],
    likeness: Tensor | None,
    learnt: Sequence[Image.Image],
    *,
    of_subject: int,
) -> tuple[RankedPicture, ...]:
    """Return the pictures, the most alike first; unrecognised ones come last.

    Args:
        pictures: those of the subject, then those of the sample prompts.
        likeness: (N,), each picture's mean cosine with the photos, 0 where nobody is recognised;
            None without a judge or without a recognised photo.
        learnt: the photos that training has seen.
        of_subject: the number of pictures of the subject.
    """
    similar = similarities(pictures, learnt)
    ranked = [
        RankedPicture(
            row=place + 1,
            file=file_of(place - of_subject) if place >= of_subject else None,
            identity=None if likeness is None else float(likeness[place]),
            photo_similarity=None if similar is None else float(similar[place]),
        )
        for place in range(len(pictures))
    ]
    return by_likeness(ranked)


def by_likeness(pictures: Iterable[RankedPicture]) -> tuple[RankedPicture, ...]:
    """Return the pictures, the most alike first."""
    return tuple(sorted(pictures, key=lambda one: -1.0 if one.identity is None else -one.identity))


def file_of(number: int) -> str:
    """Return the file of a sample prompt's picture in the adapter's folder.

    >>> file_of(2)
    'pictures/02.png'
    """
    return f"{PICTURES_FOLDER}/{number:02d}.png"


def similarities(
    pictures: Sequence[Image.Image], photos: Sequence[Image.Image]
) -> NDArray[np.float64] | None:
    """Return (N,), each picture's similarity to the nearest photo, -1 to 1; None without photos."""
    if not photos:
        return None
    known = np.stack([edges(view) for photo in photos for view in (photo, ImageOps.mirror(photo))])
    drawn = np.stack([edges(picture) for picture in pictures])
    nearest: NDArray[np.float64] = (drawn @ known.T).max(axis=1)
    return nearest


def edges(image: Image.Image) -> NDArray[np.float64]:
    """Return (2 * SIDE * SIDE,) of unit length: the gradients; zeros for an image of one colour."""
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    vertical, horizontal = np.gradient(np.asarray(grey, np.float64))
    both = np.concatenate([vertical.ravel(), horizontal.ravel()])
    both -= both.mean()
    length = float(np.linalg.norm(both))
    return both / length if length > 0 else both
