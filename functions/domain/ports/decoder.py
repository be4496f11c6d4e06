"""What the rules need of the photo decoder."""

from hashlib import sha256
from typing import NamedTuple, Protocol

from contracts.shared.limits import MAX_SIDE

MAX_PIXELS = 50_000_000


class DecodeLimits(NamedTuple):
    """How small and how large a photo may be, in pixels."""

    min_side: int
    max_side: int = MAX_SIDE
    max_pixels: int = MAX_PIXELS


class PhotoMetrics(NamedTuple):
    """The figures that runtime.imaging.photo_metrics measures."""

    sharpness: float
    """Variance of the Laplacian at 256 pixels of width."""
    brightness: float
    """Mean grey, 0 to 255."""
    contrast: float
    """Standard deviation of grey."""
    fingerprint: int
    """Difference hash of 64 bits; similar pictures differ in few bits."""
    views: tuple[int, ...] = ()
    """Colour hashes of the photo's windows, the whole photo first; in memory only."""
    mirrored: int = 0
    """Colour hash of the mirrored photo; in memory only."""


class DecodedPhoto(NamedTuple):
    """A normalised photo: upright, sRGB, a PNG without metadata."""

    png: bytes
    width: int
    height: int
    codes: tuple[str, ...]
    """Codes of the repairs."""
    metrics: PhotoMetrics | None = None
    taken: int | None = None
    """The day on which the photo was taken, as an ordinal; used here and stored nowhere."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the PNG, which holds pixels and nothing else."""
        return sha256(self.png).hexdigest()


class Decoder(Protocol):
    """Decodes an untrusted file safely, each file in at most MAX_PHOTO_SECONDS."""

    @property
    def seconds(self) -> float:
        """Processor seconds that this decoder has used so far."""
        ...

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        """Return the normalised photo.

        Raises:
            PhotoRejectedError: the file is not a supported image, is damaged, or exceeds a limit.
        """
        ...

    def decode_mask(self, body: bytes, width: int, height: int, limits: DecodeLimits) -> bytes:
        """Return a grey PNG of this size, white where the subject is.

        Raises:
            PhotoRejectedError: as for ``decode``; or the aspect ratio differs from the photo's, or
                no part of the mask is white.
        """
        ...
