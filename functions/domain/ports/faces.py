"""What the rules need of the face finder."""

from typing import NamedTuple, Protocol


class FoundFace(NamedTuple):
    """One face on a normalised photo. It is kept in memory for one run, and stored nowhere."""

    height: float
    """Height of the face's box in pixels of the photo."""
    share: float
    """``height`` as a share of the photo's shorter side."""
    clarity: float
    """Sharpness of the face, 0 to 1: docs/faces.md."""
    score: float
    """The detector's confidence, on the detector's own scale."""
    turn: float
    """Distance of the nose from the middle of the eyes, in distances between the eyes."""
    iris_contrast: float
    """How much darker the iris is than what is beside it, as a share of the skin's brightness."""
    upright: bool
    """Whether the detector of upright frontal faces found it; otherwise it is turned or covered."""
    embedding: tuple[float, ...]
    """128 numbers; those of one person lie near each other. Never logged, never stored."""
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Left, top, right and bottom of the face in pixels of the photo; may reach beyond it."""


class FaceFinder(Protocol):
    """Finds faces on normalised photos, each in at most MAX_FACE_SECONDS."""

    @property
    def seconds(self) -> float:
        """Processor seconds that this finder has used so far."""
        ...

    def begin(self) -> None:
        """Start without waiting: the first search is then faster."""
        ...

    def find(self, png: bytes) -> tuple[FoundFace, ...] | None:
        """Return the faces, the largest first; None if a limit ended the search.

        Raises:
            DecoderBrokenError: the finder does not start.
        """
        ...
