"""The pictures of docs/studio.md, made small from the screenshots of a whole visit."""

from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parents[2] / "docs" / "studio"
PAGES = (
    "consent-light", "photos-light", "training-light", "model-light", "operator-light",
    "photos-320", "model-dark", "receipt-light", "sign-in-light", "people-light",
    "report-open-light",
)  # fmt: skip
WIDTH, HEIGHT = 900, 1100
MAX_BYTES = 600_000


def write_pictures(shots: Path) -> None:
    """Write each page as WebP, its lower part cut off."""
    DOCS.mkdir(exist_ok=True)
    for name in PAGES:
        with Image.open(shots / f"{name}.png") as shot:
            scale = min(1.0, WIDTH / shot.width)
            small = shot.convert("RGB").resize(
                (round(shot.width * scale), round(shot.height * scale))
            )
        small.crop((0, 0, small.width, min(small.height, HEIGHT))).save(
            DOCS / f"{name}.webp", quality=70, method=6
        )
