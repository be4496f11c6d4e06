"""ClassImageSet: class images of one base and class, made once and used by every later training.

The images show what the base draws for the class prompt. The documents hold no user data except
that prompt, and the prompt only as a hash.
"""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId, RelativePath, Sha256
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.subject import Prompt
from contracts.shared.limits import MAX_CLASS_IMAGES, MAX_SIDE, MIN_SIDE, SIDE_STEP

ClassImageKey = JobId
"""Key of the sets that can replace one another; see ``class_image_key``."""


class ClassImageOrder(Document):
    """A set of class images that a training needs."""

    class_prompt: Prompt

    resolution: Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP)]
    """Side of the images, in pixels."""

    count: Annotated[int, Field(ge=1, le=MAX_CLASS_IMAGES)]


class ClassImageSet(Document):
    """``prior.json``; the images are beside it in one file."""

    schema_version: Literal[1] = 1

    key: ClassImageKey

    base_id: OpaqueId

    base_sha256: Sha256

    resolution: Annotated[int, Field(ge=64)]

    count: Annotated[int, Field(ge=1)]

    first_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the first image; image i was drawn from first_seed + i."""

    recipe_sha256: Sha256
    """Hash of everything an image depends on: precision, prompts, sampler, version of the code."""

    file: RelativePath
    """A safetensors file beside this document; named by its hash, so it is never overwritten."""

    sha256: Sha256
    """SHA-256 of ``file``."""


def class_image_key(base_sha256: str, order: ClassImageOrder) -> ClassImageKey:
    """Return the key under which a set for this base and order is stored."""
    parts = [base_sha256, order.class_prompt, order.resolution, order.count]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def orders_of(request: TrainingRequest, base_resolution: int) -> tuple[ClassImageOrder, ...]:
    """Return the sets that a training needs, one for each class prompt; it may need none."""
    if not request.with_prior_preservation or request.adapter_file is not None:
        return ()
    return tuple(
        ClassImageOrder(
            class_prompt=prompt,
            resolution=request.resolution or base_resolution,
            count=request.num_class_images,
        )
        for prompt in request.class_prompts
    )
