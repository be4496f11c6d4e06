"""The embedded base model, which is small enough to ship in the repository.

    portraits-sdxl/     the trained base: a diffusers folder, base.json, and its judge in likeness/
    portraits-sd2/      a second base with Stable Diffusion 2's architecture
    architecture        the networks
    tokenizer           their tokenizer
    untrained           a base with random weights, for tests
    card                writes base.json
    judge               loads the judge
    faces               trains the face detector
    reference_training  a short DreamBooth training with plain diffusers and peft
    pretrain/           the scripts that trained the weights

The public names are `build` and the two folders. `build` imports torch when it is called.
"""

from pathlib import Path

PORTRAITS = Path(__file__).parent / "portraits-sdxl"
"""Folder of the trained base."""

PORTRAITS_SD2 = Path(__file__).parent / "portraits-sd2"
"""Folder of the second base: one text encoder, v-prediction, a third of the UNet."""


def build(folder: Path, seed: int = 0, family: str = "sdxl") -> None:
    """Write an untrained base, and its card, to `folder`; the family is "sdxl" or "sd2"."""
    from local.embedded_base.untrained import build as build_untrained  # noqa: PLC0415

    build_untrained(folder, seed, "sdxl" if family == "sdxl" else "sd2")
