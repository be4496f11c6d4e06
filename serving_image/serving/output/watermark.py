"""An invisible watermark in every picture: on when LIKENESS_WATERMARK holds its text.

It lies in the picture's frequencies (blind-watermark's DWT, DCT and SVD), so that it outlives a
change of the file's format, which metadata may not. ``python -m serving.output.watermark FILE`` reads it.
"""

import multiprocessing
import re
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from serving.tensors import PictureError

LEAST_SIDE = 256
"""Pixels: a smaller picture has too little room for the text to be read again."""

LENGTH = 8
"""Characters; a shorter text is filled up with spaces."""

TEXT = re.compile(rf"^[!-~]{{1,{LENGTH}}}$")


class WatermarkError(Exception):
    """The setting cannot be served; the text says what to do."""


class Mark(Protocol):
    """Goes into pictures before anybody gets them."""

    def check(self, width: int, height: int) -> None:
        """Raise PictureError when a picture of this size has no room for it."""
        ...

    def sign(self, image: Image.Image) -> Image.Image:
        """Return the picture with the mark in it."""
        ...


class NoMark:
    """Leaves pictures as they are: the operator wants no mark."""

    def check(self, width: int, height: int) -> None:
        """Take every size."""

    def sign(self, image: Image.Image) -> Image.Image:
        """Return the picture."""
        return image


class BlindMark:
    """Writes one text into every picture."""

    def __init__(self, text: str) -> None:
        make_coder()  # a library that is missing is seen at the start
        self.bits = np.unpackbits(np.frombuffer(text.ljust(LENGTH).encode(), np.uint8)).astype(bool)

    def check(self, width: int, height: int) -> None:
        """Refuse a picture that would have to go without."""
        if min(width, height) < LEAST_SIDE:
            text = f"width, height: at least {LEAST_SIDE}, for this endpoint's watermark"
            raise PictureError("invalid_argument", text)

    def sign(self, image: Image.Image) -> Image.Image:
        """Return the picture with the text in it; changes about 1 % of the range of a pixel."""
        coder = make_coder()
        coder.read_img(img=to_bgr(image))
        coder.read_wm(self.bits.copy(), mode="bit")  # it shuffles what it is given
        signed = np.clip(np.round(coder.embed()), 0, 255).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(signed[:, :, ::-1]))


def make_mark(text: str | None) -> Mark:
    """Return the mark that the operator chose."""
    return BlindMark(text) if text else NoMark()


def read_mark(image: Image.Image) -> str:
    """Return the text in a picture; noise, where there is none."""
    bits = make_coder().extract(embed_img=to_bgr(image), wm_shape=8 * LENGTH, mode="bit")
    packed = np.packbits(np.asarray(bits) > 0.5)  # noqa: PLR2004 (a bit is 0 or 1)
    text: str = packed.tobytes().decode("ascii", "replace")
    return text.rstrip()


def check_setting(text: str | None, resolution: int) -> None:
    """Raise unless the base's own pictures can hold the text.

    Raises:
        WatermarkError: the text is too long, or the pictures are too small.
    """
    if text and not TEXT.match(text):
        message = f"LIKENESS_WATERMARK: 1 to {LENGTH} ASCII characters, no space"
        raise WatermarkError(message)
    if text and resolution < LEAST_SIDE:
        message = (
            f"LIKENESS_WATERMARK needs pictures of {LEAST_SIDE} pixels a side or more; "
            f"this base draws {resolution}"
        )
        raise WatermarkError(message)


def make_coder() -> Any:  # noqa: ANN401 (the library has no types)
    """Return the library's coder, without its greeting."""
    if "blind_watermark" not in sys.modules:  # it sets this at import, and fails where it is set
        multiprocessing.set_start_method(None, force=True)
    import blind_watermark  # noqa: PLC0415 (OpenCV takes 30 MB, only where it is wanted)

    blind_watermark.bw_notes.close()
    return blind_watermark.WaterMark(password_img=1, password_wm=1)


def to_bgr(image: Image.Image) -> Any:  # noqa: ANN401 (numpy's types are not read here)
    """Return (height, width, 3) float32 as OpenCV orders colours."""
    return np.asarray(image.convert("RGB"))[:, :, ::-1].astype(np.float32)


if __name__ == "__main__":
    sys.stdout.write(read_mark(Image.open(Path(sys.argv[1]))) + "\n")
