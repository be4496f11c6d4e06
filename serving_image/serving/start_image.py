"""Decodes the image that a picture starts from, and its mask; fits both to the picture."""

import io
from collections.abc import Callable
from hashlib import sha256

import numpy as np
from PIL import Image, ImageOps

from contracts.documents.picture import MAX_IMAGE_BYTES, MAX_MASK_BYTES
from contracts.shared.limits import MAX_START_IMAGE_PIXELS
from contracts.shared.pictures.colour import to_srgb
from contracts.shared.pictures.sent_image import base64_of, decode_sent
from contracts.shared.pictures.upright import UNREADABLE, turn_upright
from serving.output.pictures_bucket import NoPictureError
from serving.picture_error import PictureError
from serving.picture_request import StartImage

S3, MAX_ADDRESS = b"s3://", 400
"""How the address of an image in S3 begins, and its largest length: own_place takes no longer."""

OPAQUE = 255
"""Alpha of a pixel that is not transparent at all."""

WHITE = 128
"""Smallest grey value of a mask at which the image may change."""

FindImage = Callable[[str, int], bytes]
"""Takes an address in S3 and a number of bytes; returns the file, of at most that many bytes, or
raises NoPictureError."""


def find_nothing(_uri: str, _limit: int) -> bytes:
    """Stand for S3 where a request may name no image there."""
    raise NoPictureError


def parse_image(
    value: bytes, mask: str | None, size: tuple[int, int], find_image: FindImage
) -> StartImage:
    """Decode the image and its mask; crop both around their middle to the picture's proportions."""
    file, image = decode_image(value, "image", MAX_IMAGE_BYTES, find_image)
    changing, mask_sha256 = None, None
    if mask is not None:
        given = mask.encode()
        mask_file, shown = decode_image(given, "mask_image", MAX_MASK_BYTES, find_image)
        changing, mask_sha256 = fit_mask(shown, image.size, size), sha256(mask_file).hexdigest()
    fitted = ImageOps.fit(put_on_white(image), size, Image.Resampling.LANCZOS)
    return StartImage(fitted, sha256(file).hexdigest(), changing, mask_sha256)


def decode_image(
    value: bytes, name: str, limit: int, find_image: FindImage
) -> tuple[bytes, Image.Image]:
    """Return a file and its picture, upright and in sRGB."""
    size = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit >> 10} KB"
    try:
        file = read_image(value, limit, find_image)
        with Image.open(io.BytesIO(file), formats=("PNG", "JPEG")) as image:
            check_pixels(image, name)
            upright = of_8_bits(turn_upright(image))
            return file, to_srgb(upright, image.info.get("icc_profile"))
    except NoPictureError:
        text = f"{name}: not an address of a picture of this tenant's, or it has more than {size}"
        raise PictureError("invalid_argument", text) from None
    except OverflowError:
        raise PictureError("invalid_argument", f"{name}: at most {size}") from None
    except (*UNREADABLE, Image.DecompressionBombError):
        text = f"{name}: not the base64 of a complete PNG or JPEG file"
        raise PictureError("invalid_argument", text) from None


def of_8_bits(image: Image.Image) -> Image.Image:
    """Return an image whose grey values of 16 bits are scaled, where Pillow would clip them."""
    if not image.mode.startswith("I"):
        return image
    grey = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    clear = grey.info.pop("transparency", None)  # a value of 16 bits
    if clear is not None:
        grey.putalpha(Image.fromarray(np.where(np.asarray(image) == clear, 0, OPAQUE).astype("u1")))
    return grey


def is_opaque(image: Image.Image) -> bool:
    """Return whether no pixel is transparent, though the file may have a channel for that."""
    return image.convert("RGBA").getchannel("A").getextrema() == (OPAQUE, OPAQUE)


def read_image(value: bytes, limit: int, find_image: FindImage) -> bytes:
    """Return the file that was sent, or named by its address in S3.

    Raises:
        OverflowError: what was sent is too long.
    """
    value = value.translate(None, b"\r\n")
    if value.startswith(S3):
        return find_image(value[: MAX_ADDRESS + 1].decode(errors="replace"), limit)
    if len(base64_of(value)) > limit * 4 // 3 + 4:
        raise OverflowError
    return decode_sent(value)


def fit_mask(mask: Image.Image, image_size: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Return a mask of black and white in the size of the picture."""
    if mask.has_transparency_data and not is_opaque(mask):
        text = "mask_image: it is transparent; make it white where the image may change, else black"
        raise PictureError("invalid_argument", text)
    if mask.size != image_size:
        raise PictureError("invalid_argument", "mask_image: its size is not the image's")
    grey = ImageOps.fit(mask.convert("RGB").convert("L"), size, Image.Resampling.LANCZOS)
    fitted = grey.point(lambda value: 255 if value >= WHITE else 0)
    if fitted.getextrema() == (0, 0):
        raise PictureError("invalid_argument", "mask_image: nothing in it is white")
    return fitted


def put_on_white(image: Image.Image) -> Image.Image:
    """Return RGB pixels; transparent ones become white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def check_pixels(image: Image.Image, name: str) -> None:
    """Raise before pixels are decoded, as a small file can hold a huge picture."""
    if image.width * image.height > MAX_START_IMAGE_PIXELS:
        text = f"{name}: at most {MAX_START_IMAGE_PIXELS // 1_000_000} million pixels"
        raise PictureError("invalid_argument", text)
