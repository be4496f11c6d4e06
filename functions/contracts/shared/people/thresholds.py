"""IntakeThresholds: when a photo is refused or gets advice. An operator may set each of them.

docs/intake.md says what each value means and how it was measured.
"""

from typing import Annotated

from pydantic import Field

from contracts.document import Document

Share = Annotated[float, Field(ge=0, le=1)]


class IntakeThresholds(Document):
    """The template's parameter IntakeThresholds: JSON with some of these names."""

    quality_threshold: Share = 0.0
    """Quality below which a photo is refused; a request may raise it."""

    min_face_clarity: Share = 0.0
    """Clarity of the face below which a photo is refused; a request may raise it."""

    min_sharpness: Annotated[float, Field(ge=0, le=10_000)] = 40.0
    """Variance of the Laplacian below which a photo is blurred."""

    min_brightness: Annotated[float, Field(ge=0, le=255)] = 35.0
    """Mean grey value below which a photo is too dark."""

    max_brightness: Annotated[float, Field(ge=0, le=255)] = 225.0
    """Mean grey value above which a photo is too bright."""

    min_contrast: Annotated[float, Field(ge=0, le=128)] = 12.0
    """Standard deviation of the grey values below which a photo has little contrast."""

    max_burst_bits: Annotated[int, Field(ge=0, le=64)] = 3
    """Bits of 64 in which the brightness hashes of two similar photos differ at most."""

    max_view_bits: Annotated[int, Field(ge=0, le=768)] = 48
    """Bits of 768 in which a photo's colour hash differs at most from a part of a similar photo."""

    min_face_share: Share = 0.15
    """Height of a face as a share of the photo's shorter side, below which the face is small."""

    clear_face: Share = 0.3
    """Clarity of a face below which it gets the advice that it is not sharp."""

    ambiguous_face_ratio: Share = 0.8
    """Height of a second face by that of the largest one, from which on a photo is ambiguous."""

    max_face_turn: Annotated[float, Field(ge=0, le=2)] = 0.35
    """Distance of the nose from the middle of the eyes, in distances between the eyes, above which
    a face is turned away."""

    min_iris_contrast: Share = 0.13
    """How much darker an iris is than what is beside it, as a share of the skin's brightness, below
    which both eyes are closed or covered."""

    max_person_distance: Annotated[float, Field(ge=0, le=2)] = 0.6
    """Largest mean distance of the face embeddings of one person's photos."""


DEFAULTS = IntakeThresholds()
