"""What the marks of a picture say, for somebody who waits; nothing is stored."""

from typing import NamedTuple

from contracts.documents.api.verification import PictureToVerify, PictureVerdict
from contracts.shared.rejection import PhotoRejectedError
from domain.ports.decoder import DecodeLimits, Decoder
from domain.ports.takedown import FoundMarks, MarkReader
from domain.takedown.reporting import NoPictureError, file_of

LIMITS = DecodeLimits(min_side=16)

MAX_READ_SIDE = 2048
"""Larger pictures are reduced to this side in pixels before the watermark is looked for: the search
takes longer with every pixel, and API Gateway waits 30 seconds. A watermark is still found after a
resize to one half (docs/marks.md)."""


class VerifyingServices(NamedTuple):
    """What reading marks needs."""

    decoder: Decoder
    marks: MarkReader


def verify(given: PictureToVerify, services: VerifyingServices) -> PictureVerdict | None:
    """Return what a picture's marks say; None: it is no picture that can be decoded.

    The limited child decodes it first: nothing else of ours opens an unchecked file.
    """
    try:
        file = file_of(given.picture)
        png = services.decoder.decode(file, LIMITS).png
    except (NoPictureError, PhotoRejectedError):
        return None
    return verdict_of(services.marks.read(file, png))


def verdict_of(found: FoundMarks) -> PictureVerdict:
    """Return what a stranger may know: neither the watermark's id nor whose model it means."""
    return PictureVerdict(
        made_here=found.credentials == "ours" or found.watermark is not None,
        credentials=found.credentials,
        made_at=found.made_at,
        model=found.model,
        watermark=found.watermark is not None,
        watermark_stated=found.stated,
    )
