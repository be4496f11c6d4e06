"""Prompt following by a CLIP network that an operator gives: which prompt is a picture nearest to?

The folder ``BaseCard.clip`` holds a CLIPModel of transformers with its tokenizer and its image
processor. The gate draws the subject in several circumstances. A picture follows its prompt if CLIP
finds it nearer to this prompt than to the same prompt with any other circumstance. So a picture
counts 0 or 1, pictures of one kind are compared with one another, and chance is one in the number
of circumstances.

Sources: Radford et al. 2021, arXiv 2103.00020 (CLIP); Park et al. 2021, "Benchmark for
Compositional Text-to-Image Synthesis" (CLIP R-precision).
"""

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

from contracts.shared.people.faces import names_a_person
from trainer.evaluation.circumstances import OF_OTHERS, OF_PEOPLE


class Likeness(Protocol):
    """What a judge of likeness does; evaluation/judge.py says more."""

    def identities(self, images: list[Image.Image]) -> Tensor:
        """Return (N, D) float32 of unit length; zeros for nobody."""
        ...

    def follows(self, prompt: str, image: Image.Image) -> tuple[int, int]:
        """Return how many attributes of ``prompt`` the image shows, and how many it names."""
        ...

    def circumstances(self, class_prompt: str) -> tuple[str, ...]:
        """Return suffixes that put a class in several situations; () for none."""
        ...

    def describe(self, image: Image.Image) -> str:
        """Return the circumstances of an image; "" if they are not known."""
        ...


class Clip:
    """A CLIP network and what reads its inputs."""

    def __init__(self, folder: Path) -> None:
        """Load the network.

        Raises:
            OSError: a file is missing.
            ValueError: the files are of another network, or weights are missing.
        """
        network, found = CLIPModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        if found["missing_keys"] or found["mismatched_keys"]:
            raise ValueError(folder.name)
        self._network = network.float().eval()
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)

    def scores(self, image: Image.Image, prompts: list[str]) -> Tensor:
        """Return (N,), the cosine of the image and each prompt."""
        limit = self._network.config.text_config.max_position_embeddings
        words = self._tokenizer(
            prompts, padding=True, truncation=True, max_length=limit, return_tensors="pt"
        )
        pixels = self._processor(images=image.convert("RGB"), return_tensors="pt")
        with torch.no_grad():
            found = self._network(
                input_ids=words["input_ids"],
                attention_mask=words["attention_mask"],
                pixel_values=pixels["pixel_values"],
            )
        alike: Tensor = found.text_embeds @ found.image_embeds[0]
        return alike


class ClipJudge:
    """A judge of likeness, or none, whose prompts CLIP reads."""

    def __init__(self, judge: Likeness | None, clip: Clip) -> None:
        self._judge, self._clip = judge, clip
        self.min_identity = getattr(judge, "min_identity", None)
        self.max_photo_similarity = getattr(judge, "max_photo_similarity", None)

    def identities(self, images: list[Image.Image]) -> Tensor:
        """Return what the judge recognises; without a judge, nobody: (N, 1) zeros."""
        return (
            torch.zeros(len(images), 1) if self._judge is None else self._judge.identities(images)
        )

    def follows(self, prompt: str, image: Image.Image) -> tuple[int, int]:
        """Return what the judge reads; where it reads nothing, whether CLIP prefers this prompt.

        (0, 0) for a prompt without a circumstance that the gate varies.
        """
        if self._judge is not None and (read := self._judge.follows(prompt, image))[1]:
            return read
        prompts = variants(prompt)
        if not prompts:
            return 0, 0
        return int(self._clip.scores(image, prompts).argmax() == 0), 1

    def circumstances(self, class_prompt: str) -> tuple[str, ...]:
        """Return the judge's circumstances, else those that CLIP is asked about."""
        own = () if self._judge is None else self._judge.circumstances(class_prompt)
        return own or (OF_PEOPLE if names_a_person(class_prompt) else OF_OTHERS)

    def describe(self, image: Image.Image) -> str:
        """Return what the judge says about the image."""
        return "" if self._judge is None else self._judge.describe(image)


@lru_cache(maxsize=1)
def load_clip(folder: Path) -> Clip:
    """Load a base's CLIP once for all tasks; see ``Clip`` for what it raises."""
    return Clip(folder)


def variants(prompt: str) -> list[str]:
    """Return the prompt and the same one in each other circumstance; [] where it names none.

    >>> variants("sks dog, on a beach")[:2]
    ['sks dog, on a beach', 'sks dog, in a garden']
    """
    for kind in (OF_PEOPLE, OF_OTHERS):
        for words in kind:
            if prompt.endswith(f", {words}"):
                head = prompt.removesuffix(words)
                return [prompt, *(head + other for other in kind if other != words)]
    return []
