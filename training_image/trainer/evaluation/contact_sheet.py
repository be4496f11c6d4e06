"""The contact sheet, ``samples.png``: the images that the gate sampled, for people.

On the left, one row for each image of the subject and of the sample prompts: base | adapter. On the
right, one row for each image of the class: base | adapter, which should be equal. The two images of
a row have the same prompt and seed.

The sheet is stored in the models bucket and does not expire, so it shows no photo:
docs/decisions/0016-photos-stay-in-the-uploads-bucket.md.
"""

from PIL import Image, ImageDraw

from trainer.evaluation.gate import Evidence
from trainer.evaluation.marked_pictures import PictureEncoder
from trainer.model.sampling import to_images, to_png

GAP, MARGIN, HEADER = 4, 24, 16
SHOWN_SIDE = 128
PAPER, INK = (255, 255, 255), (60, 60, 60)

Column = tuple[str, list[Image.Image]]


Pair = tuple[list[Image.Image], list[Image.Image]]
"""The images without and with the adapter."""


def make_contact_sheet(
    evidence: Evidence, encode: PictureEncoder = to_png, shown: Pair | None = None
) -> bytes:
    """Return the file of the sheet.

    Args:
        evidence: the images, as the gate has drawn them.
        encode: marks the sheet.
        shown: the same images as people may see them; None: as they were drawn.
    """
    without, adapted = shown or (to_images(evidence.without), to_images(evidence.with_adapter))
    end = evidence.of_class().start
    subject: list[Column] = [("base", without[:end]), ("yours", adapted[:end])]
    of_class: list[Column] = [("class before", without[end:]), ("class after", adapted[end:])]
    side = max(SHOWN_SIDE, without[0].width)
    rows = max(end, len(without) - end)
    width = (len(subject) + len(of_class)) * (side + GAP) + GAP + MARGIN
    sheet = Image.new("RGB", (width, HEADER + rows * (side + GAP) + GAP), PAPER)
    left = GAP
    for block in (subject, of_class):
        for title, images in block:
            draw_column(sheet, left, side, title, images)
            left += side + GAP
        left += MARGIN
    return encode(sheet)


def draw_column(
    sheet: Image.Image, left: int, side: int, title: str, images: list[Image.Image]
) -> None:
    """Draw one column of images under its title."""
    ImageDraw.Draw(sheet).text((left, 2), title, fill=INK)
    for row, image in enumerate(images):
        shown = image.resize((side, side), Image.Resampling.BICUBIC)
        sheet.paste(shown, (left, HEADER + GAP + row * (side + GAP)))
