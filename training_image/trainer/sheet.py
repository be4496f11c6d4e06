"""The sample sheet, ``samples.png``: photos, the base's answer and the adapter's, side by side."""

from PIL import Image

from trainer.gate import Evidence
from trainer.sampling import to_images, to_png

GAP = 4
SHOWN_SIDE = 128
PAPER = (255, 255, 255)


def make_sheet(photos: list[Image.Image], evidence: Evidence) -> bytes:
    """Return a PNG: a row for each shot; columns photo | base | adapter."""
    without, adapted = to_images(evidence.without), to_images(evidence.with_adapter)
    side = max(SHOWN_SIDE, without[0].width)
    step = side + GAP
    sheet = Image.new("RGB", (3 * step + GAP, len(without) * step + GAP), PAPER)
    for row in range(len(without)):
        for column, image in enumerate((photos[row % len(photos)], without[row], adapted[row])):
            shown = image.resize((side, side), Image.Resampling.BICUBIC)
            sheet.paste(shown, (GAP + column * step, GAP + row * step))
    return to_png(sheet)
