"""The invisible watermark: a keyed pattern of 128 x 128 pixels that repeats over the picture.

It carries 48 bits: an id of 32 and a code of 16 that only the key's owner can compute. The bits lie
between 0.05 and 0.16 cycles a pixel, a band that JPEG and a resize to one half keep. A second
keyed pattern, the sync pattern, tells the reader the shift after a crop; a search over scales tells
the size. The reader needs the key and no original.

The signer raises the strength until the mark is read after the hardest edit that is promised (crop
to 90 %, resize to 50 %, JPEG 75).
"""

import hashlib
import hmac
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

Array: TypeAlias = Any
"""An array; numpy's types are not read here."""

MIN_SIDE = 256
"""Smallest side in pixels of a picture that gets a watermark. In a smaller one fewer than 2 x 2
patterns have room, and an edit would lose the mark (measured: docs/decisions/0047-marks.md)."""

TILE = 128
ID_BITS, CODE_BITS = 32, 16
BITS = ID_BITS + CODE_BITS
STRENGTHS = (0.8, 1.2, 1.7, 2.4, 3.2, 4.2)
"""Tried in this order; units of 1/255 at an activity of the picture of about 3."""

SYNC_SHARE = 0.3
"""Share of the mark's power in the sync pattern."""

FOUND = 5.5
"""Smallest correlation with the sync pattern that counts, in standard deviations."""

RESERVE = 1.5
"""What the signer demands above FOUND."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
COARSE = tuple(float(scale) for scale in np.geomspace(0.45, 2.7, 150))
"""Scales in steps of 1.2 %."""
FINE = (-0.009, -0.006, -0.003, 0.0, 0.003, 0.006, 0.009)
REFINED = 8
"""Number of the best coarse scales that are searched finely."""
MAX_SIDE = 1152
"""Side of the middle of a resized picture that is read: nine patterns a side."""
MIN_READ = 115
"""Smallest side of a resized picture that is read: nine tenths of the pattern."""
GUESSED = 3
"""Number of the weakest bits that are guessed; the code says which guess is right."""


class Mark(NamedTuple):
    """A watermark that was read."""

    ident: int
    """The id of 32 bits."""
    certainty: float
    """Correlation with the sync pattern in standard deviations."""
    scale: float
    """Factor that makes the picture as large as it was when it was marked."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """The patterns of one key."""

    key: bytes
    fields: Array
    """(BITS, TILE, TILE) float32 of unit variance, one field a bit."""
    sync: Array
    """(TILE, TILE) float32 of unit variance."""
    sync_spectrum: Array

    def word(self, ident: int) -> Array:
        """Return (BITS,) of -1 and 1: the id and its code."""
        label = b"likeness mark code 1" + ident.to_bytes(4, "big")
        code = int.from_bytes(hmac.digest(self.key, label, "sha256")[:2], "big")
        value = ident << CODE_BITS | code
        return np.array([value >> bit & 1 for bit in range(BITS)]) * 2 - 1

    def tile(self, ident: int) -> Array:
        """Return (TILE, TILE) float32: the mark of an id, of unit variance."""
        bits = np.tensordot(self.word(ident).astype(np.float32), self.fields, 1) / np.sqrt(BITS)
        tile: Array = bits * np.sqrt(1 - SYNC_SHARE) + self.sync * np.sqrt(SYNC_SHARE)
        return tile.astype(np.float32)


@lru_cache(maxsize=16)
def pattern_of(key: bytes) -> Pattern:
    """Return the patterns of a key; they take about 0.1 s and 3 MB."""
    fields = np.stack([_noise(key, number) for number in range(BITS)])
    sync = _noise(key, BITS)
    return Pattern(key, fields, sync, np.conj(np.fft.rfft2(sync)))


def _noise(key: bytes, number: int) -> Array:
    """Return (TILE, TILE) of band-limited noise; SHAKE-256, so that no numpy version changes it."""
    drawn = hashlib.shake_256(b"likeness mark field 1" + key + bytes([number])).digest(2 * TILE**2)
    white = np.frombuffer(drawn, "<u2").reshape(TILE, TILE).astype(np.float64) - 32767.5
    frequency = np.fft.fftfreq(TILE)
    radius = np.hypot(frequency[:, None], frequency[None])
    band = np.exp(-((radius / 0.16) ** 4)) * (1 - np.exp(-((radius / 0.05) ** 4)))
    noise = np.fft.ifft2(np.fft.fft2(white) * band).real
    return (noise / noise.std()).astype(np.float32)


def embed(image: Image.Image, pattern: Pattern, ident: int) -> Image.Image:
    """Return the RGB picture with the weakest mark that outlives the hardest edit.

    Where no strength does, as in a flat drawing, the strongest mark is used.

    Raises:
        ValueError: a side is below MIN_SIDE.
    """
    if min(image.size) < MIN_SIDE:
        message = f"a picture below {MIN_SIDE} pixels a side holds no watermark"
        raise ValueError(message)
    rgb = np.asarray(image.convert("RGB"), np.float32)
    change = _masked(rgb @ LUMA, pattern.tile(ident))
    signed = image
    for strength in STRENGTHS:
        pixels = (rgb + (strength * change)[..., None]).clip(0, 255).round().astype(np.uint8)
        signed = Image.fromarray(pixels)
        if _outlives(signed, pattern, ident):
            break
    return signed


def _masked(luma: Array, tile: Array) -> Array:
    """Return (height, width): the repeated mark, weaker where the picture is flat."""
    height, width = luma.shape
    repeated = np.tile(tile, (height // TILE + 1, width // TILE + 1))[:height, :width]
    variance = _box(luma * luma, 3) - _box(luma, 3) ** 2
    activity = np.sqrt(np.maximum(variance, 0))
    masked: Array = repeated * np.clip(0.7 + activity / 12, 0.7, 2.2)
    return masked


def _outlives(signed: Image.Image, pattern: Pattern, ident: int) -> bool:
    """Return whether the mark is read after a crop to 90 %, a resize to 50 % and JPEG 75."""
    width, height = signed.size
    left, top = int(width * 0.05), int(height * 0.05)
    box = (left, top, width - left, height - top)
    half = signed.resize((round(width * 0.45), round(height * 0.45)), box=box)
    file = io.BytesIO()
    half.save(file, "JPEG", quality=75)
    picture = Image.open(file).convert("L")
    size = (box[2] - left, box[3] - top)
    tile = _fold(_whiten(picture.resize(size, Image.Resampling.BICUBIC)))
    mark = _decode(tile, pattern, size[0] / picture.width, FOUND + RESERVE)
    return mark is not None and mark.ident == ident


def read(image: Image.Image, patterns: Sequence[Pattern]) -> tuple[int, Mark] | None:
    """Return the number of the pattern and its mark; None when no pattern's mark is found.

    About 1 s for 512 pixels a side where there is no mark, 0.05 s where the picture was not
    resized.
    """
    grey = image.convert("L")
    pyramid = _Pyramid(grey)
    seen: list[tuple[float, float]] = []
    for scale in (1.0, 2.0, *COARSE):
        found, best = _try(pyramid, scale, patterns)
        if found:
            return found
        seen.append((best, scale))
    seen.sort(reverse=True)
    for _, coarse in seen[:REFINED]:
        for offset in FINE:
            found, _ = _try(pyramid, coarse * (1 + offset), patterns)
            if found:
                return found
    return None


def _try(
    pyramid: "_Pyramid", scale: float, patterns: Sequence[Pattern]
) -> tuple[tuple[int, Mark] | None, float]:
    """Return the mark at one scale, if any, and the best correlation there."""
    detail = pyramid.at(scale)
    if detail is None:
        return None, 0.0
    tile, best = _fold(detail), 0.0
    for number, pattern in enumerate(patterns):
        best = max(best, _sync(tile, pattern)[0])
        mark = _decode(tile, pattern, scale, FOUND)
        if mark is not None:
            return (number, mark), best
    return None, best


class _Pyramid:
    """The picture's detail at any scale, made from the nearest of a few whitened copies.

    Whitening is the costly part; a copy that was whitened at a scale up to 1.5 times off serves.
    """

    def __init__(self, grey: Image.Image) -> None:
        self.grey = grey
        self.copies: dict[float, Image.Image] = {}

    def at(self, scale: float) -> Array | None:
        """Return (height, width) float32; None where the picture is too small or too large."""
        width, height = round(self.grey.width * scale), round(self.grey.height * scale)
        if min(width, height) < MIN_READ:
            return None
        level = min((0.5, 0.75, 1.0, 1.5, 2.0), key=lambda one: abs(np.log(scale / one)))
        copy = self._copy(level)
        size = min(width, MAX_SIDE), min(height, MAX_SIDE)
        share = copy.width / width
        left, top = (width - size[0]) / 2 * share, (height - size[1]) / 2 * share
        box = (left, top, left + size[0] * share, min(top + size[1] * share, copy.height))
        if copy.size == size == (width, height):
            return np.asarray(copy)
        return np.asarray(copy.resize(size, Image.Resampling.BICUBIC, box=box))

    def _copy(self, level: float) -> Image.Image:
        if level not in self.copies:
            size = round(self.grey.width * level), round(self.grey.height * level)
            grey = self.grey
            if level != 1:
                grey = grey.resize(size, Image.Resampling.BICUBIC)
            self.copies[level] = Image.fromarray(_whiten(grey))
        return self.copies[level]


def _whiten(grey: Image.Image) -> Array:
    """Return (height, width) float32: detail of about unit variance everywhere."""
    luma = np.asarray(grey, np.float32)
    detail = luma - _box(_box(luma, 3), 3)
    whitened: Array = detail / (np.sqrt(np.maximum(_box(detail * detail, 4), 0)) + 1.5)
    return whitened.astype(np.float32)


def _box(values: Array, radius: int) -> Array:
    """Return the mean over a square of 2 x radius + 1 pixels; edges are repeated."""
    side = 2 * radius + 1
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
        end, start = [slice(None)] * 2, [slice(None)] * 2
        end[axis], start[axis] = slice(side, None), slice(None, -side)
        values = ((total[tuple(end)] - total[tuple(start)]) / side).astype(np.float32)
    return values


def _fold(detail: Array) -> Array:
    """Return (TILE, TILE): the sum of all patterns' places, of about unit variance."""
    height, width = detail.shape
    padded = np.zeros((-(-height // TILE) * TILE, -(-width // TILE) * TILE), np.float32)
    padded[:height, :width] = detail
    folded: Array = padded.reshape(len(padded) // TILE, TILE, -1, TILE).sum((0, 2))
    return folded / np.sqrt(height * width)


def _sync(tile: Array, pattern: Pattern) -> tuple[float, int, int]:
    """Return the correlation with the sync pattern in standard deviations, and where it is."""
    match = np.fft.irfft2(np.fft.rfft2(tile) * pattern.sync_spectrum, s=(TILE, TILE))
    row, column = divmod(int(match.argmax()), TILE)
    return float((match[row, column] - match.mean()) / match.std()), row, column


def _decode(tile: Array, pattern: Pattern, scale: float, sure: float) -> Mark | None:
    """Return the mark in a folded picture; None unless sync pattern and code agree."""
    certainty, row, column = _sync(tile, pattern)
    if certainty < sure:
        return None
    soft = np.tensordot(pattern.fields, np.roll(tile, (-row, -column), (0, 1)), 2)
    for bits in _guesses(soft):
        ident = sum(int(bit) << place for place, bit in enumerate(bits)) >> CODE_BITS
        if ((pattern.word(ident) > 0) == bits).all():
            return Mark(ident, certainty, scale)
    return None


def _guesses(soft: Array) -> Iterator[Array]:
    """Yield the bits, then with every change of the weakest ones."""
    weak = np.argsort(abs(soft))[:GUESSED]
    for flips in range(2**GUESSED):
        bits = soft > 0
        bits[weak] ^= np.array([bool(flips >> place & 1) for place in range(GUESSED)])
        yield bits
