"""The contact sheet of the series, with one row for each character."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.quality.people import SIDE, to_images
from local.embedded_base.contact_sheet import contact_sheet
from local.portraits import album

SHOWN = 3


def draw_contact_sheet(kept: Path, seeds: list[int], file: Path) -> None:
    """Draw photos, base, half lora_scale, adapter, and the class before and after, in columns."""
    base, rows = np.load(kept / "base.npz"), []
    for seed in seeds:
        if not (kept / str(seed) / "pictures.npz").exists():
            continue
        made = np.load(kept / str(seed) / "pictures.npz")
        photos = [photo.image.resize((SIDE, SIDE), Image.Resampling.BOX) for photo in album(seed)]
        rows.append(
            [
                *photos[:SHOWN],
                *to_images(base["subject"][:1]),
                *to_images(made["half"][:1]),
                *to_images(made["subject"][: SHOWN + 1]),
                *to_images(base["of_class"][:1]),
                *to_images(made["of_class"][:1]),
            ]
        )
    if rows:
        contact_sheet(rows).save(file)
