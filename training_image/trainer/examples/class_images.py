"""Class images: what the base draws for the class prompt, made once and shared by every user.

They are kept as latents, with the encoded prompts: nothing decodes, compresses and encodes them
again. They come from the base alone, so no user's photo can be in them.

Looked for in this order: the warm pool's cache, the ``prior`` channel, the base's own folder
(where ``trainer.examples.draw_class_images`` leaves sets), what an earlier attempt of this job
made. A set that had to be made lies under ``checkpoints/priors/``, from where follow_training keeps
it for every later job.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors.torch import load, save
from torch import Tensor

from contracts.documents.class_images import ClassImageOrder, ClassImageSet, class_image_key
from contracts.shared.layout import (
    BASE_CHANNEL,
    CLASS_IMAGES_CHANNEL,
    CLASS_IMAGES_FILE,
    CLASS_IMAGES_FOLDER,
)
from trainer.model.architectures import Text
from trainer.model.base import Base
from trainer.model.sampling import Shot, make_latents
from trainer.process.results import TrainingError, say, write_atomically
from trainer.process.time_limit import TimeLimit

GENERATION = 2
"""Part of every set's recipe: count it up when sets must be made anew."""

WARM_POOL_CACHE = Path("sagemaker") / "warmpoolcache"


@dataclass(frozen=True)
class ClassImages:
    """One set, ready to train on."""

    latents: Tensor
    """(count, C, H, W) float32, scaled; picture i shows prompt i % P."""

    prompts: list[str]
    """P of them."""

    text: Text
    """The prompts as the untouched text encoders read them."""

    def encode(self, base: Base, prompts: list[str]) -> Text:
        """Encode prompts with untouched text encoders; those of the set are known already."""
        own = [prompt for prompt in prompts if prompt not in self.prompts]
        text = self.text
        if own:
            new = base.encode(own)
            pooled = None
            if new.pooled is not None and text.pooled is not None:
                pooled = torch.cat([text.pooled, new.pooled])
            text = Text(torch.cat([text.hidden, new.hidden]), pooled)
        order = [*self.prompts, *own]
        return text.rows(torch.tensor([order.index(prompt) for prompt in prompts]))


@dataclass(frozen=True)
class Places:
    """Where sets lie, each in a folder named by its key."""

    cache: Path
    """Outlives the job in a warm pool."""
    channel: Path
    base: Path
    """Comes with the base model."""
    made: Path
    """SageMaker mirrors it to S3 while the job runs."""

    @classmethod
    def of(cls, root: Path) -> "Places":
        """Return a job's places; $LIKENESS_PRIOR_CACHE names another cache."""
        chosen = os.environ.get("LIKENESS_PRIOR_CACHE")
        return cls(
            cache=Path(chosen) if chosen else root / WARM_POOL_CACHE / CLASS_IMAGES_FOLDER,
            channel=root / "input" / "data" / CLASS_IMAGES_CHANNEL,
            base=root / "input" / "data" / BASE_CHANNEL / CLASS_IMAGES_FOLDER,
            made=root / "checkpoints" / CLASS_IMAGES_FOLDER,
        )


def class_images(
    base: Base, order: ClassImageOrder, prompts: list[str], places: Places, limit: TimeLimit
) -> ClassImages:
    """Return the set that was ordered: found, or made now and left for others.

    Args:
        base: without adapters.
        order: what the set is looked for by.
        prompts: the order's class prompt in its circumstances; pictures take turns.
        places: where to look and to leave it.
        limit: asked between two pictures.

    Raises:
        TrainingError: ``prior_mismatch``; the channel's or the base's set is not what its document
            says.
    """
    key = class_image_key(base.card.sha256, order)
    recipe = recipe_of(base, order, prompts)
    given = (places.channel, places.base)
    for place in (places.cache, *given, places.made):
        data = read_set(place / key, recipe, strict=place in given)
        if data is not None:
            say(f"class images: {order.count} found ready")
            break
    else:
        data = make_set(base, order, prompts, limit)
    card = card_of(base, order, recipe, data)
    if not any((place / key / card.file).is_file() for place in given):
        write_set(places.made / key, card, data)
    write_set(places.cache / key, card, data)
    return unpack(data, prompts, base)


def make_set(base: Base, order: ClassImageOrder, prompts: list[str], limit: TimeLimit) -> bytes:
    """Draw the pictures and encode the prompts."""
    shots = [Shot(prompts[seed % len(prompts)], seed) for seed in range(order.count)]
    latents = make_latents(base, shots, order.resolution, limit, "class images")
    with torch.no_grad():
        text = base.encode(prompts)
    tensors = {"latents": latents, "hidden": text.hidden}
    if text.pooled is not None:
        tensors["pooled"] = text.pooled
    data: bytes = save({name: t.float().cpu().contiguous() for name, t in tensors.items()})
    return data


def unpack(data: bytes, prompts: list[str], base: Base) -> ClassImages:
    """Return a set's content, the encoded prompts where and as the base works with them."""
    tensors = load(data)
    text = {
        name: tensors[name].to(base.device, base.dtype)
        for name in ("hidden", "pooled")
        if name in tensors
    }
    return ClassImages(tensors["latents"], prompts, Text(text["hidden"], text.get("pooled")))


def read_set(folder: Path, recipe: str, *, strict: bool) -> bytes | None:
    """Return the file of the set in ``folder``; None when there is none of this recipe.

    Raises:
        TrainingError: ``prior_mismatch``, if ``strict``; else a damaged set counts as none.
    """
    if not (folder / CLASS_IMAGES_FILE).is_file():
        return None
    card = read_card(folder)
    if card is not None and card.recipe_sha256 != recipe:
        say("class images: the set at hand is of another recipe")
        return None
    path = folder / card.file if card is not None else None
    data = path.read_bytes() if path is not None and path.is_file() else b""
    if card is not None and hashlib.sha256(data).hexdigest() == card.sha256:
        return data
    if strict:
        raise TrainingError("prior_mismatch", "a set of class images does not have its hash")
    return None


def read_card(folder: Path) -> ClassImageSet | None:
    """Return a set's document, or None for one that cannot be read."""
    try:
        return ClassImageSet.model_validate_json((folder / CLASS_IMAGES_FILE).read_bytes())
    except ValidationError:
        return None


def write_set(folder: Path, card: ClassImageSet, data: bytes) -> None:
    """Leave a set in ``folder``: its file, then the document; nothing when it is there."""
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
    """Return the hash of all that the pictures depend on."""
    settings = base.card.inference.model_dump(mode="json")
    about = [GENERATION, base.card.sha256, str(base.dtype), prompts, settings]
    about += [order.count, order.resolution]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()
