"""Class images: what the base draws for the class prompt, generated once and shared by all users.

They are kept as latents, with the encoded prompts, so they are not decoded and encoded again. They
come from the base alone, so they cannot show anything of a user's photo.

They are looked for in this order: the warm pool's cache, the ``prior`` channel, the base's own
folder (``trainer.examples.draw_class_images`` writes sets there), and what an earlier attempt of
this job generated. New ones are written to ``checkpoints/priors/``, from where follow_training
keeps them for later jobs. Until the set is complete, each batch is kept there as it is drawn, so
that an attempt after SIGTERM draws only the missing ones.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from contracts.documents.class_images import ClassImageOrder, ClassImageSet, class_image_key
from contracts.shared.layout.container import (
    BASE_CHANNEL,
    CLASS_IMAGES_CHANNEL,
    CLASS_IMAGES_FILE,
    CLASS_IMAGES_FOLDER,
)
from trainer.evaluation.judge import Judge
from trainer.model.base import Base
from trainer.model.sampling import SamplingRequest, in_batches, sample_batch
from trainer.model.text import EncodedPrompts
from trainer.process.results import TrainingError, log, write_atomically
from trainer.process.time_limit import TimeLimit

RECIPE_VERSION = 2
"""Part of every set's hash: increase it when stored class images must be generated again."""

PARTS_FOLDER = "parts"
"""In a set's folder, the batches of a set that is not complete, in a folder for each recipe."""

WARM_POOL_CACHE = Path("sagemaker") / "warmpoolcache"


@dataclass(frozen=True)
class ClassImages:
    """Class images that are ready to train on."""

    latents: Tensor
    """(count, C, H, W) float32, scaled; image i shows prompt i % P."""

    prompts: list[str]
    """The P prompts."""

    text: EncodedPrompts
    """The prompts as the base's own text encoders encode them."""

    def encode(self, base: Base, prompts: list[str]) -> EncodedPrompts:
        """Encode prompts with the base's own text encoders; the set's are encoded already."""
        own = [prompt for prompt in prompts if prompt not in self.prompts]
        text = EncodedPrompts.join([self.text, base.encode(own)]) if own else self.text
        order = [*self.prompts, *own]
        return text.rows(torch.tensor([order.index(prompt) for prompt in prompts]))


def joined(sets: Sequence[ClassImages]) -> ClassImages:
    """Return the sets of several class prompts as one, in their order."""
    return ClassImages(
        torch.cat([one.latents for one in sets]),
        [prompt for one in sets for prompt in one.prompts],
        EncodedPrompts.join([one.text for one in sets]),
    )


@dataclass(frozen=True)
class ClassImagePaths:
    """The folders of class images; each set is in a subfolder that is named by its key."""

    cache: Path
    """The warm pool's cache, which outlives the job."""
    channel: Path
    base: Path
    """The sets that come with the base model."""
    output: Path
    """SageMaker mirrors this folder to S3 during the job."""

    @classmethod
    def of(cls, root: Path) -> "ClassImagePaths":
        """Return the folders of a job; $LIKENESS_PRIOR_CACHE names another cache."""
        chosen = os.environ.get("LIKENESS_PRIOR_CACHE")
        return cls(
            cache=Path(chosen) if chosen else root / WARM_POOL_CACHE / CLASS_IMAGES_FOLDER,
            channel=root / "input" / "data" / CLASS_IMAGES_CHANNEL,
            base=root / "input" / "data" / BASE_CHANNEL / CLASS_IMAGES_FOLDER,
            output=root / "checkpoints" / CLASS_IMAGES_FOLDER,
        )


def prompt_variants(prompt: str, judge: Judge | None) -> list[str]:
    """Return a prompt as it is, and once with each circumstance that the judge knows."""
    known = judge.circumstances(prompt) if judge else ()
    return [prompt, *(f"{prompt}, {circumstances}" for circumstances in known)]


def load_or_generate(
    base: Base, order: ClassImageOrder, prompts: list[str], paths: ClassImagePaths, limit: TimeLimit
) -> ClassImages:
    """Return the class images that were ordered; generate and store them if they do not exist.

    Args:
        base: the base without adapters.
        order: the class prompt, resolution and count that identify the set.
        prompts: the class prompt and its variants; the images take them in turn.
        paths: where sets are looked for and stored.
        limit: the time limit, checked between two images.

    Raises:
        TrainingError: ``prior_mismatch``; the channel's or the base's set does not match its
            document. ``class_images_unfinished``; the time is over.
        PreemptedError: SIGTERM has come; what is drawn is kept.
    """
    key = class_image_key(base.card.sha256, order)
    recipe = recipe_of(base, order, prompts)
    given = (paths.channel, paths.base)
    for folder in (paths.cache, *given, paths.output):
        data = read_stored(folder / key, recipe, strict=folder in given)
        if data is not None:
            log(f"class images: {order.count} found, none generated")
            break
    else:
        parts = paths.output / key / PARTS_FOLDER / recipe
        data = generate(base, order, prompts, limit, parts)
    card = card_of(base, order, recipe, data)
    if not any((folder / key / card.file).is_file() for folder in given):
        store(paths.output / key, card, data)
    store(paths.cache / key, card, data)
    shutil.rmtree(paths.output / key / PARTS_FOLDER, ignore_errors=True)
    return unpack(data, prompts, base)


def generate(
    base: Base,
    order: ClassImageOrder,
    prompts: list[str],
    limit: TimeLimit,
    parts: Path | None = None,
) -> bytes:
    """Sample the images and encode the prompts; return the set's safetensors file.

    Args:
        base: the base without adapters.
        order: the count and resolution.
        prompts: the class prompt and its variants; the images take them in turn.
        limit: the time limit, checked between two images.
        parts: the folder of the batches that are drawn already; None to keep no batch.

    Raises:
        TrainingError: ``class_images_unfinished``; the time is over.
        PreemptedError: SIGTERM has come.
    """
    latents = draw_latents(base, order, prompts, limit, parts)
    with torch.no_grad():
        text = base.encode(prompts)
    tensors = {"latents": latents.float().cpu().contiguous(), **text.tensors()}
    data: bytes = save(tensors)
    return data


def draw_latents(
    base: Base,
    order: ClassImageOrder,
    prompts: list[str],
    limit: TimeLimit,
    parts: Path | None,
) -> Tensor:
    """Return the images' latents (count, C, H, W); each batch is stored as soon as it is drawn."""
    requests = [SamplingRequest(prompts[seed % len(prompts)], seed) for seed in range(order.count)]
    drawn: list[Tensor] = []
    for batch in in_batches(requests, order.resolution):
        path = None if parts is None else parts / f"{batch[0].seed:05d}.safetensors"
        latents = None if path is None else read_part(path, len(batch))
        if latents is None:
            raise_if_over(limit, batch[0].seed, order.count)
            latents = sample_batch(base, batch, order.resolution, limit)
            if path is not None:
                write_atomically(path, save({"latents": latents.contiguous()}))
            log(f"class images: {batch[-1].seed + 1} of {order.count}")
        drawn.append(latents)
    return torch.cat(drawn)


def read_part(path: Path, count: int) -> Tensor | None:
    """Return the latents of a batch that an earlier attempt drew; None if it must be drawn."""
    if not path.is_file():
        return None
    try:
        latents = load(path.read_bytes())["latents"]
    except (SafetensorError, KeyError):
        return None
    return latents if len(latents) == count else None


def raise_if_over(limit: TimeLimit, drawn: int, count: int) -> None:
    """Check the time before a batch is drawn.

    Raises:
        TrainingError: ``class_images_unfinished``; no time for training would be left.
        PreemptedError: SIGTERM has come.
    """
    limit.raise_if_preempted()
    if limit.training_is_over:
        message = f"the job's time ended when {drawn} of {count} class images were drawn"
        raise TrainingError("class_images_unfinished", message)


def unpack(data: bytes, prompts: list[str], base: Base) -> ClassImages:
    """Return the content of a set's file, on the base's device and in its type."""
    tensors = load(data)
    text = EncodedPrompts.of_tensors(tensors, base.device, base.dtype)
    return ClassImages(tensors["latents"], prompts, text)


def read_stored(folder: Path, recipe: str, *, strict: bool) -> bytes | None:
    """Return the file of the set in ``folder``; None if there is none of this recipe.

    Raises:
        TrainingError: ``prior_mismatch``; the set is damaged and ``strict`` is true. Otherwise a
            damaged set counts as missing.
    """
    if not (folder / CLASS_IMAGES_FILE).is_file():
        return None
    card = read_card(folder)
    if card is not None and card.recipe_sha256 != recipe:
        log("class images: the stored set is of another recipe and is not used")
        return None
    path = folder / card.file if card is not None else None
    data = path.read_bytes() if path is not None and path.is_file() else b""
    if card is not None and hashlib.sha256(data).hexdigest() == card.sha256:
        return data
    if strict:
        raise TrainingError(
            "prior_mismatch", "the class images in the channel do not have their hash"
        )
    return None


def read_card(folder: Path) -> ClassImageSet | None:
    """Return a set's document; None if it cannot be read."""
    try:
        return ClassImageSet.model_validate_json((folder / CLASS_IMAGES_FILE).read_bytes())
    except ValidationError:
        return None


def store(folder: Path, card: ClassImageSet, data: bytes) -> None:
    """Write a set to ``folder``, the document last; write nothing if the set is there."""
    document = card.model_dump_json(indent=2).encode()
    path = folder / CLASS_IMAGES_FILE
    if path.is_file() and path.read_bytes() == document and (folder / card.file).is_file():
        return
    write_atomically(folder / card.file, data)
    write_atomically(path, document)


def card_of(base: Base, order: ClassImageOrder, recipe: str, data: bytes) -> ClassImageSet:
    """Return the document of a set."""
    sha256 = hashlib.sha256(data).hexdigest()
    return ClassImageSet(
        key=class_image_key(base.card.sha256, order),
        base_id=base.card.base_id,
        base_sha256=base.card.sha256,
        resolution=order.resolution,
        count=order.count,
        recipe_sha256=recipe,
        file=f"{sha256}.safetensors",
        sha256=sha256,
    )


def recipe_of(base: Base, order: ClassImageOrder, prompts: list[str]) -> str:
    """Return the hash of everything that the images depend on.

    The type for the server's pictures is none of it: sets of earlier releases keep their hash.
    """
    settings = base.card.inference.model_dump(mode="json", exclude={"torch_dtype"})
    parts = [RECIPE_VERSION, base.card.sha256, str(base.dtype), prompts, settings]
    parts += [order.count, order.resolution]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
