"""Writes the trained base as a diffusers folder with its card.

    python -m local.embedded_base.pretrain.export --folder .local/pretrain --revision 1 \
        --out local/embedded_base/portraits-sdxl

Exports the moving average of the UNet and text encoders, and the last trained decoder. The judge in
the folder is not changed. The gate's floors come from `floors.json`, which `bench.quality --floors`
writes; without that file they are conservative first values.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from contracts.base import GateFloors
from local.embedded_base.architecture import make_vae
from local.embedded_base.card import write_card
from local.embedded_base.pretrain.unet import Networks
from local.embedded_base.untrained import save_pipeline

FLOORS = "floors.json"
FIRST_FLOORS = GateFloors(
    min_effect=0.01, min_identity=0.6, min_prompt_following=0.8, max_class_drift=0.2
)
"""Floors of a base that has not been measured yet."""


def main() -> None:
    """Export the base."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    networks = Networks()
    state = torch.load(options.folder / "unet.pt")
    for network in (networks.unet, *networks.encoders):
        network.float()
    networks.copy_weights(state["average"])
    save_pipeline(options.out, networks.unet, trained_vae(options.folder), networks.encoders)
    card = write_card(
        options.out,
        "portraits-sdxl",
        family="sdxl",
        revision=options.revision,
        prediction_type="epsilon",
        gate=read_floors(options.out),
        judge="likeness",
    )
    print(f"step {state['step']}, sha256 {card.sha256}")


def read_floors(folder: Path) -> GateFloors:
    """Return the measured floors of the base in a folder, or the first values."""
    file = folder / FLOORS
    if not file.exists():
        return FIRST_FLOORS
    return GateFloors.model_validate(json.loads(file.read_text())["gate"])


def trained_vae(folder: Path) -> AutoencoderKL:
    """Return the autoencoder with its last decoder and the scaling factor of its latents."""
    vae, last = make_vae(), folder / "decoder.pt"
    vae.load_state_dict(torch.load(last if last.exists() else folder / "vae.pt")["model"])
    scale = torch.load(folder / "latents.pt")["scale"].item()
    vae.register_to_config(scaling_factor=round(scale, 5))
    return vae


if __name__ == "__main__":
    main()
