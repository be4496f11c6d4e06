"""PriorSet: class images of one base and class, made once and used by every later training.

They show what the base draws for the class prompt, so nothing of any user is in them but the
words of that prompt, and those only as a hash.
"""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId, RelativePath, Sha256
from contracts.documents.upload.request import Prompt, TrainingRequest

PriorKey = JobId
"""Names the sets that may stand for one another; see ``prior_key``."""


class PriorOrder(Document):
    """A set to have: what a plan may ask for beside its tasks."""

    class_prompt: Prompt

    resolution: Annotated[int, Field(ge=64, le=2048, multiple_of=8)]
    """Pixels of a side."""

    count: Annotated[int, Field(ge=1, le=1000)]


class PriorSet(Document):
    """``prior.json``; the set itself lies beside it."""

    schema_version: Literal[1] = 1

    key: PriorKey

    base_id: OpaqueId

    base_sha256: Sha256

    resolution: Annotated[int, Field(ge=64)]

    count: Annotated[int, Field(ge=1)]

    first_seed: Annotated[int, Field(ge=0)] = 0
    """Picture i was drawn from seed first_seed + i."""

    recipe_sha256: Sha256
    """Of all that a picture depends on: precision, prompts, sampler, the maker's generation."""

    file: RelativePath
    """A safetensors file beside this document, named by its hash: never written over."""

    sha256: Sha256
    """Of ``file``."""


def prior_key(base_sha256: str, order: PriorOrder) -> PriorKey:
    """Return the key under which a set for this base and order is looked for."""
    parts = [base_sha256, order.class_prompt, order.resolution, order.count]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def order_of(request: TrainingRequest, base_resolution: int) -> PriorOrder | None:
    """Return the set that a training asks for; None when it has no use for one."""
    if not request.with_prior_preservation:
        return None
    return PriorOrder(
        class_prompt=request.class_prompt,
        resolution=request.resolution or base_resolution,
        count=request.num_class_images,
    )
