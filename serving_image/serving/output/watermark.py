"""An invisible watermark in every picture, when LIKENESS_WATERMARK holds its text.

The watermark is written into the picture's frequencies (blind-watermark's DWT, DCT and SVD).
Unlike metadata, it survives a change of the file's format.
``python -m serving.output.watermark FILE`` reads it.
"""

import multiprocessing
import re
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from serving.tensors import PictureError

MIN_SIDE = 256
"""Minimum side in pixels; in a smaller picture the text cannot be read back."""

LENGTH = 8
"""Length of the text in characters; a shorter text is padded with spaces."""

TEXT = re.compile(rf"^[!-~]{{1,{LENGTH}}}$")


class WatermarkError(Exception):
    """LIKENESS_WATERMARK cannot be used with this base; the message says what to change."""


class Watermark(Protocol):
    """Is embedded into pictures before they are returned."""

    def check(self, width: int, height: int) -> None:
        """Raise PictureError when a picture of this size is too small for it."""
        ...

    def embed(self, image: Image.Image) -> Image.Image:
        """Return the picture with the watermark in it."""
        ...


class NoWatermark:
    """Leaves pictures as they are; used when the operator set no watermark."""

    def check(self, width: int, height: int) -> None:
        """Accept every size."""

    def embed(self, image: Image.Image) -> Image.Image:
        """Return the picture unchanged."""
        return image


class BlindWatermark:
    """Embeds one text into every picture."""

    def __init__(self, text: str) -> None:
        make_coder()  # a missing library fails at start-up, not at the first request
        self.bits = np.unpackbits(np.frombuffer(text.ljust(LENGTH).encode(), np.uint8)).astype(bool)

    def check(self, width: int, height: int) -> None:
        """Refuse a picture that is too small for the watermark."""
        if min(width, height) < MIN_SIDE:
            text = f"width, height: at least {MIN_SIDE}, because of this endpoint's watermark"
            raise PictureError("invalid_argument", text)

    def embed(self, image: Image.Image) -> Image.Image:
        """Return the picture with the text in it; pixels change by about 1 % of their range."""
        coder = make_coder()
        coder.read_img(img=to_bgr(image))
        coder.read_wm(self.bits.copy(), mode="bit")  # the library shuffles its argument
        marked = np.clip(np.round(coder.embed()), 0, 255).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(marked[:, :, ::-1]))


def make_watermark(text: str | None) -> Watermark:
    """Return the watermark that LIKENESS_WATERMARK selects."""
    return BlindWatermark(text) if text else NoWatermark()


def read_watermark(image: Image.Image) -> str:
    """Return the text in a picture; random characters when it has no watermark."""
    bits = make_coder().extract(embed_img=to_bgr(image), wm_shape=8 * LENGTH, mode="bit")
    packed = np.packbits(np.asarray(bits) > 0.5)  # noqa: PLR2004 (a bit is 0 or 1)
    text: str = packed.tobytes().decode("ascii", "replace")
    return text.rstrip()


def check_setting(text: str | None, resolution: int) -> None:
    """Raise unless pictures of the base's own resolution can hold the text.

    Raises:
        WatermarkError: the text is too long, or the pictures are too small.
    """
    if text and not TEXT.match(text):
        message = f"LIKENESS_WATERMARK must be 1 to {LENGTH} ASCII characters without spaces"
        raise WatermarkError(message)
    if text and resolution < MIN_SIDE:
        message = (
            f"LIKENESS_WATERMARK needs pictures of at least {MIN_SIDE} pixels a side, but this "
            f"base draws {resolution}: unset it, or serve a base of a higher resolution"
        )
        raise WatermarkError(message)


def make_coder() -> Any:  # noqa: ANN401 (the library has no types)
    """Return the library's coder; the greeting that it prints is turned off."""
    if (
        "blind_watermark" not in sys.modules
    ):  # its import sets this, and fails when it is set already
        multiprocessing.set_start_method(None, force=True)
    import blind_watermark  # noqa: PLC0415 (OpenCV takes 30 MB, so import it only when needed)

    blind_watermark.bw_notes.close()
    return blind_watermark.WaterMark(password_img=1, password_wm=1)


def to_bgr(image: Image.Image) -> Any:  # noqa: ANN401 (numpy's types are not read here)
    """Return (height, width, 3) float32 in OpenCV's colour order, BGR."""
    return np.asarray(image.convert("RGB"))[:, :, ::-1].astype(np.float32)


if __name__ == "__main__":
    sys.stdout.write(read_watermark(Image.open(Path(sys.argv[1]))) + "\n")
