"""The quality of the base alone: its autoencoder, and how well it follows full captions."""

import json
from pathlib import Path
from typing import Any

from bench.quality.people import LoadedBase
from bench.report import Figure
from local.embedded_base.pretrain.dataset import UNSEEN_FROM, example
from local.embedded_base.pretrain.measure import following, generate, psnr
from local.portraits import caption, draw

PROMPTS, PORTRAITS_MEASURED = 96, 200


def base_figures(base: Path, kept: Path) -> list[Figure]:
    """Return the figures of the base, which are measured once."""
    file = kept / "base.json"
    if not file.exists():
        file.write_text(json.dumps(measure(LoadedBase.open(base)), indent=1) + "\n")
    found = json.loads(file.read_text())
    overall = found["following"].pop("overall")
    return [
        Figure("autoencoder, unseen portraits", found["psnr"], "dB", 28),
        Figure("base alone: captions followed", overall, "share", 0.95),
        Figure("  drawings of the same captions", found["drawn"]["overall"], "share"),
        *(Figure(f"  {name}", share, "share") for name, share in found["following"].items()),
    ]


def measure(base_model: LoadedBase) -> dict[str, Any]:
    """Draw people that pretraining has not seen, from captions with every named trait."""
    numbers = range(UNSEEN_FROM, UNSEEN_FROM + PROMPTS)
    prompts = [caption(*example(number)) for number in numbers]
    made = generate(base_model.pipeline, prompts, base_model.card.inference.model_dump())
    drawings = [draw(*example(number)) for number in numbers]
    return {
        "psnr": psnr(base_model.pipeline.vae, PORTRAITS_MEASURED),
        "following": following(base_model.judge, prompts, made),
        "drawn": following(base_model.judge, prompts, drawings),
    }
