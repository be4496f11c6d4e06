"""The embedded base model: small enough to ship, good enough to judge.

    portraits-sdxl/   the trained base: a diffusers folder, base.json, and likeness/, its judge
    portraits-sd2/    a second one, of Stable Diffusion 2's architecture
    architecture      the networks, and `words`, their tokenizer
    untrained         a base with random weights, for tests
    card              base.json
    pretrain/         how the weights were made

Only `build` and the two folders are for others. `build` needs torch, so it is imported when called.
"""

from pathlib import Path

PORTRAITS = Path(__file__).parent / "portraits-sdxl"
"""The folder of the trained base."""

PORTRAITS_SD2 = Path(__file__).parent / "portraits-sd2"
"""Of the second one: one text encoder, v-prediction, a third of the UNet."""


def build(folder: Path, seed: int = 0, family: str = "sdxl") -> None:
    """Write an untrained base, and its card, to `folder`; the family is "sdxl" or "sd2"."""
    from local.embedded_base.untrained import build as build_untrained  # noqa: PLC0415

    build_untrained(folder, seed, "sdxl" if family == "sdxl" else "sd2")
