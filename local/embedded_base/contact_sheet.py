"""Contact sheets: rows of enlarged pictures."""

from collections.abc import Sequence

from PIL import Image

TILE = 128


def contact_sheet(rows: Sequence[Sequence[Image.Image]], tile: int = TILE) -> Image.Image:
    """Return one picture that shows all pictures, each `tile` pixels a side."""
    page = Image.new("RGB", (tile * max(map(len, rows)), tile * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            enlarged = picture.resize((tile, tile), Image.Resampling.BICUBIC)
            page.paste(enlarged, (x * tile, y * tile))
    return page
