"""Photos that can be recognised in any file that contains their pixels, and the search for them.

A canary is a pattern of 16 x 16 cells of random colour. It can be recognised after a crop, in
another size, in another format, and as part of a larger image. The module needs the training
environment.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from safetensors.numpy import load

CELLS, SIDE = 16, 96
SHOWN = (32, 48, 64, 96, 128, 192, 256)
"""The sides in pixels at which canaries are searched for."""

MIN_CORRELATION = 0.6
"""The correlation of a match; two canaries have less than 0.2, a resized copy has 0.9."""

MIN_SIDE = 16
"""The side in pixels below which nobody can be recognised."""

HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"II*\x00", b"BM")

Pixels: TypeAlias = NDArray[np.float32]


def draw(seed: int) -> Image.Image:
    """Return a canary."""
    cells = np.random.default_rng(seed).integers(0, 2, (CELLS, CELLS, 3)) * 255
    return Image.fromarray(cells.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.NEAREST)


@dataclass(frozen=True)
class Search:
    """Searches for canaries and for their latents."""

    canaries: dict[str, Image.Image]
    latents: dict[str, Pixels]
    """(C, H, W) each, by the canary's name."""

    def names_in(self, path: Path) -> set[str]:
        """Return the canaries whose pixels or latents are in a file of any kind."""
        data = path.read_bytes()
        pictures = [np.asarray(image.convert("RGB")) for image in pictures_in(data)]
        found = {name for picture in pictures for name in self.shown_on(picture)}
        found |= {name for tensor in tensors_in(data) for name in self.held_by(tensor)}
        return found | self.raw_in(data)

    def shown_on(self, picture: NDArray[Any]) -> set[str]:
        """Return the canaries on an image (H, W) or (H, W, 3) of any value range."""
        whole = picture.astype(np.float32)
        return {
            name
            for name, canary in self.canaries.items()
            for side in SHOWN
            if correlation(whole, at_side(canary, side, whole.ndim)) > MIN_CORRELATION
        }

    def held_by(self, tensor: NDArray[Any]) -> set[str]:
        """Return the canaries in an array, as pixels of any layout or as latents."""
        found = {name for plane in planes_of(tensor) for name in self.shown_on(plane)}
        common = np.mean(list(self.latents.values()), axis=0)
        for name, latent in self.latents.items():
            own = own_part(latent, common)
            blocks = blocks_of(tensor, latent.shape)
            if any(abs(float(own @ own_part(block, common))) > MIN_CORRELATION for block in blocks):
                found.add(name)
        return found

    def raw_in(self, data: bytes) -> set[str]:
        """Return the canaries of which the bytes contain a row of pixels."""
        return {
            name for name, canary in self.canaries.items() for row in rows_of(canary) if row in data
        }


def at_side(canary: Image.Image, side: int, dimensions: int) -> Pixels:
    """Return a canary at a size: three colours, or its red channel for two dimensions."""
    pixels = np.asarray(canary.resize((side, side), Image.Resampling.LANCZOS), dtype=np.float32)
    return pixels if dimensions == 3 else np.ascontiguousarray(pixels[..., 0])


def correlation(picture: Pixels, template: Pixels) -> float:
    """Return the best correlation of a template with any part of an image, -1 to 1."""
    height, width = template.shape[:2]
    if picture.shape[0] < height or picture.shape[1] < width or not picture.std():
        return 0.0
    matches = cv2.matchTemplate(picture, template, cv2.TM_CCOEFF_NORMED)
    return float(matches[np.isfinite(matches)].max(initial=0.0))


def own_part(latent: Pixels, common: Pixels) -> Pixels:
    """Return a latent without what all latents share, as a vector of length 1.

    An untrained autoencoder gives any two pictures latents that correlate by 0.76.
    """
    shared = np.stack([np.ones(common.size), common.ravel()], axis=1)
    values = latent.ravel().astype(np.float64)
    own = values - shared @ np.linalg.lstsq(shared, values, rcond=None)[0]
    vector: Pixels = (own / max(1e-9, float(np.linalg.norm(own)))).astype(np.float32)
    return vector


def pictures_in(data: bytes) -> Iterator[Image.Image]:
    """Yield every image in the bytes, also one that is embedded in another file."""
    for head in HEADS:
        start = data.find(head)
        while start >= 0:
            try:
                with Image.open(io.BytesIO(data[start:])) as image:
                    image.load()
                    yield image
            except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
                pass
            start = data.find(head, start + 1)


def tensors_in(data: bytes) -> list[NDArray[Any]]:
    """Return the arrays of a safetensors or a NumPy file; [] for another file."""
    if data.startswith(b"\x93NUMPY"):
        return [np.load(io.BytesIO(data))]
    try:
        return list(load(data).values())
    except Exception:  # noqa: BLE001 - any other file
        return []


def planes_of(tensor: NDArray[Any]) -> Iterator[Pixels]:
    """Yield every plane (H, W) of an array whose colours come first or last."""
    for turned in (tensor, np.moveaxis(tensor, -1, 0)) if tensor.ndim > 1 else ():
        if min(turned.shape[-2:]) >= MIN_SIDE:
            flat = turned.reshape(-1, *turned.shape[-2:])
            yield from (np.ascontiguousarray(plane, dtype=np.float32) for plane in flat)


def blocks_of(tensor: NDArray[Any], shape: tuple[int, ...]) -> Iterator[Pixels]:
    """Yield every item of an array that has the shape."""
    if tensor.shape[-len(shape) :] == shape:
        yield from tensor.reshape(-1, *shape).astype(np.float32)


def rows_of(canary: Image.Image) -> Iterator[bytes]:
    """Yield the middle row as uint8 and as floats of the usual ranges, in colour and in red."""
    for side in (SIDE, 64):
        row = np.asarray(canary.resize((side, side), Image.Resampling.LANCZOS))[side // 2]
        for pixels in (row, row[:, 0]):
            yield np.ascontiguousarray(pixels).tobytes()
            for scaled in (pixels / 255, pixels / 127.5 - 1):
                yield scaled.astype(np.float32).tobytes()
                yield scaled.astype(np.float16).tobytes()
