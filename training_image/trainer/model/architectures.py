"""What differs between families: the denoising network, and how prompts are read.

The objective and the latents' scale are read from a base's own files (``trainer.model.base``).
"""

from dataclasses import dataclass

from contracts.base import Architecture as FamilyName
from trainer.model.denoiser import Denoiser, UNet, UNetXL, ZImageTransformer
from trainer.model.text import ClipText, QwenText, TextEncoding, TwoClipTexts


@dataclass(frozen=True)
class Architecture:
    """The parts of a base that its family decides."""

    denoiser: Denoiser
    text: TextEncoding


ARCHITECTURES: dict[FamilyName, Architecture] = {
    "sd1": Architecture(UNet(), ClipText()),
    "sd2": Architecture(UNet(), ClipText()),
    "sdxl": Architecture(UNetXL(), TwoClipTexts()),
    "zimage": Architecture(ZImageTransformer(), QwenText()),
}
