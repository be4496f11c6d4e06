"""What the base alone is worth: its autoencoder, and how well it follows full captions."""

import json
from pathlib import Path
from typing import Any

from bench.quality.people import Studio
from bench.report import Figure
from local.embedded_base.pretrain.dataset import UNSEEN_FROM, example
from local.embedded_base.pretrain.measure import following, generate, psnr
from local.portraits import caption, draw

PROMPTS, PORTRAITS_MEASURED = 96, 200


def base_figures(base: Path, kept: Path) -> list[Figure]:
    """Return the table's lines about the base; measured once."""
    file = kept / "base.json"
    if not file.exists():
        file.write_text(json.dumps(measure(Studio.open(base)), indent=1) + "\n")
    found = json.loads(file.read_text())
    overall = found["following"].pop("overall")
    return [
        Figure("autoencoder, unseen portraits", found["psnr"], "dB", 28),
        Figure("base alone: captions followed", overall, "share", 0.95),
        Figure("  drawings of the same captions", found["drawn"]["overall"], "share"),
        *(Figure(f"  {name}", share, "share") for name, share in found["following"].items()),
    ]


def measure(studio: Studio) -> dict[str, Any]:
    """Ask for people whom pretraining has not seen, by every trait that has a word."""
    numbers = range(UNSEEN_FROM, UNSEEN_FROM + PROMPTS)
    prompts = [caption(*example(number)) for number in numbers]
    made = generate(studio.pipeline, prompts, studio.card.inference.model_dump())
    drawings = [draw(*example(number)) for number in numbers]
    return {
        "psnr": psnr(studio.pipeline.vae, PORTRAITS_MEASURED),
        "following": following(studio.judge, prompts, made),
        "drawn": following(studio.judge, prompts, drawings),
    }
