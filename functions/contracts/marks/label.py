"""The visible label: an operator's short text in the picture's lower right corner."""

from PIL import Image, ImageDraw, ImageFont

MARGIN = 2
INK, PAPER = (255, 255, 255), (0, 0, 0)
SHARE = 28
"""The text's height is this part of the picture's height, and 8 pixels at least."""


def draw(image: Image.Image, text: str) -> Image.Image:
    """Return a copy with the text on a dark ground; the picture itself where there is no text.

    A text that is wider than the picture is made smaller, down to 6 pixels.
    """
    if not text:
        return image
    size = max(8, image.height // SHARE)
    while size > 6 and _width(text, size) > image.width - 4 * MARGIN:  # noqa: PLR2004 (see above)
        size -= 1
    labelled = image.copy()
    pen, font = ImageDraw.Draw(labelled), ImageFont.load_default(size)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    x, y = image.width - (right - left) - 2 * MARGIN, image.height - (bottom - top) - 2 * MARGIN
    pen.rectangle((x - MARGIN, y - MARGIN, image.width, image.height), fill=PAPER)
    pen.text((x - left, y - top), text, fill=INK, font=font)
    return labelled


def _width(text: str, size: int) -> float:
    return ImageFont.load_default(size).getlength(text)
