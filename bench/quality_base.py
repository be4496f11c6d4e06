"""What the base alone is worth: its autoencoder, and how well it follows full captions."""

import json
from pathlib import Path
from typing import Any

from bench.quality_people import Studio
from local.embedded_base.pretrain.dataset import UNSEEN_FROM, example
from local.embedded_base.pretrain.measure import following, generate, psnr
from local.portraits import caption, draw

PROMPTS, PORTRAITS_MEASURED = 96, 200


def base_figures(base: Path, kept: Path) -> list[dict[str, Any]]:
    """Return the table's lines about the base; measured once."""
    file = kept / "base.json"
    if not file.exists():
        file.write_text(json.dumps(measure(Studio.open(base)), indent=1) + "\n")
    found = json.loads(file.read_text())
    rows = [
        _row("autoencoder, unseen portraits", found["psnr"], "dB", ">= 28", found["psnr"] >= 28),  # noqa: PLR2004
        _row("base alone: captions followed", found["following"]["overall"], "share", ">= 0.95",
             found["following"]["overall"] >= 0.95),  # noqa: PLR2004
        _row("  drawings of the same captions", found["drawn"]["overall"], "share", "quoted", True),
    ]  # fmt: skip
    rows += [
        _row(f"  {name}", share, "share", "quoted", True)
        for name, share in found["following"].items()
        if name != "overall"
    ]
    return rows


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


def _row(name: str, value: float, unit: str, target: str, met: bool) -> dict[str, Any]:
    return {"name": name, "value": round(value, 4), "unit": unit, "target": target, "met": met}
