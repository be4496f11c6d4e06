"""One request inside the base: what it asks for, its adapters, and its answer."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL.Image import Image

from contracts.base import BaseCard
from contracts.documents.package import (
    GenerationInfo,
    HiresInfo,
    Ignored,
    MixedAdapter,
    RefinerInfo,
)
from contracts.marks.marking import Marker
from contracts.shared.pictures.abilities import ABILITIES
from contracts.shared.weights.families import FAMILIES
from contracts.shared.words.prompts import has_placeholder, name_subject
from serving.adapters.cache import Lease
from serving.adapters.hooks import Mix
from serving.adapters.reader import Adapter
from serving.answer_cache import Answer
from serving.output.marks import mark_picture
from serving.picture_error import PictureError
from serving.picture_request import PictureRequest
from serving.rows import Row

Reply = Callable[["Answer | Exception"], None]
"""Sends an answer, or the error that the request ends with."""


@dataclass(frozen=True)
class Inputs:
    """The input tensors of one request, and where it came from."""

    prompt: bytes
    negative_prompt: bytes
    gen_args: bytes
    image: bytes
    adapter: bytes
    """Folder of the calling model's adapter."""
    request_id: str
    received: float
    """When the user's model got the request, on ``time.monotonic``."""
    reply: Reply

    @property
    def caller(self) -> Path:
        """Folder of the calling model's adapter."""
        return Path(self.adapter.decode(errors="surrogateescape"))


@dataclass(eq=False)
class PendingRequest:
    """One request while it is processed."""

    request: PictureRequest
    owner: Adapter | None
    """The calling model's adapter; None when the caller is the base itself.

    Its trigger word is used even at ``lora_scale`` 0."""
    lease: Lease
    """Keeps the adapters on the device."""
    user: str
    """The tenant's hash; the caller's folder where it has no tenant."""
    inputs: Inputs
    mixed: tuple[Adapter, ...] = ()
    """The adapters that ``request.arguments.adapters`` names, in that order."""
    key: str | None = None
    """Key in the answer cache; None when the answer must not be cached."""
    rows: tuple[Row, ...] = ()
    taken: float = field(default_factory=time.monotonic)
    """When the base began to parse it."""
    excepted: bool = False
    """Whether an operator lets its pictures through although a stage withholds them."""

    @property
    def adapter(self) -> Adapter | None:
        """The caller's adapter; None at ``lora_scale`` 0."""
        return self.owner if self.request.lora_scale else None

    @property
    def mix(self) -> Mix:
        """Every adapter that changes the base for this request, with its scale."""
        own = ((self.adapter, self.request.lora_scale),) if self.adapter else ()
        weights = (other.weight for other in self.request.arguments.adapters)
        mixed = zip(self.mixed, weights, strict=True)
        return own + tuple((adapter, weight) for adapter, weight in mixed if weight)

    @property
    def strongest(self) -> Adapter | None:
        """The adapter of the largest scale, whose model the marks name; None: the base draws alone.

        Of equal ones it is the caller's own. At ``lora_scale`` 0 another model may draw.
        """
        return max(self.mix, key=lambda one: one[1], default=(None, 0.0))[0]

    @property
    def job_ids(self) -> set[str]:
        """Ids of the jobs that trained the adapters, for the log."""
        return {adapter.job_id for adapter, _ in self.mix}

    @property
    def model_ids(self) -> frozenset[str]:
        """Ids of the jobs whose models the answer belongs to, the caller's at any scale too."""
        named = (*([self.owner] if self.owner else []), *self.mixed)
        return frozenset(adapter.job_id for adapter in named)

    def named(self, text: str, name: str) -> str:
        """Return a prompt that names the subject by the caller's trigger word.

        Raises:
            PictureError: ``invalid_argument``; a placeholder may mean any of several subjects.
        """
        if self.owner is None:
            return name_subject(text, "")
        if len(self.owner.trigger_words) > 1 and has_placeholder(text):
            problem = "the model knows several subjects; write a trigger word instead of TOK"
            raise PictureError("invalid_argument", f"{name}: {problem}")
        return name_subject(text, self.owner.trigger_word)

    def make_rows(self) -> tuple[Row, ...]:
        """Return the generator's row for each picture of this request.

        Raises:
            PictureError: as ``named``.
        """
        request, mix = self.request, self.mix
        avoided = request.negative_prompt
        if avoided is not None:
            avoided = self.named(avoided, "negative_prompt")
        prompt = self.named(request.prompt, "prompt")
        return tuple(
            Row(
                prompt=prompt,
                negative_prompt=avoided,
                seed=seed,
                guidance_scale=request.guidance_scale,
                sampling=request.sampling,
                mix=mix,
                image=request.image.pixels if request.image else None,
                mask=request.image.mask if request.image else None,
                syntax=request.syntax,
                clip_skip=request.arguments.clip_skip,
                second_pass=request.second_pass,
                refiner_switch_at=request.refiner_switch_at,
            )
            for seed in request.seeds
        )


def describe(pending: PendingRequest, base: BaseCard, seconds: float) -> GenerationInfo:
    """Return the provenance of a request's pictures: weights, seeds and settings."""
    request = pending.request
    height, width = request.size
    sampler = ABILITIES[base.family].samplers[request.scheduler]
    return GenerationInfo(
        base_sha256=base.sha256,
        adapter_sha256=pending.adapter.sha256 if pending.adapter else None,
        seeds=request.seeds,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        lora_scale=request.lora_scale,
        mixed=tuple(
            MixedAdapter(sha256=adapter.sha256, weight=named.weight)
            for adapter, named in zip(pending.mixed, request.arguments.adapters, strict=True)
        ),
        strength=request.strength,
        image_sha256=request.image.sha256 if request.image else None,
        mask_sha256=request.image.mask_sha256 if request.image else None,
        hires=describe_second_pass(request),
        clip_skip=request.arguments.clip_skip,
        refiner=describe_refiner(request, base),
        ignored=ignored_in(pending.rows[0], base),
        scheduler=sampler.scheduler,
        scheduler_options=sampler.options,
        width=width,
        height=height,
        seconds=round(seconds, 3),
    )


def describe_second_pass(request: PictureRequest) -> HiresInfo | None:
    """Return how a request's pictures were drawn a second time."""
    second = request.second_pass
    if second is None:
        return None
    return HiresInfo(
        upscaler=second.upscaler,
        width=request.width,
        height=request.height,
        num_inference_steps=second.num_inference_steps,
        strength=second.strength,
    )


def describe_refiner(request: PictureRequest, base: BaseCard) -> RefinerInfo | None:
    """Return how the refiner drew the last steps."""
    if request.refiner_switch_at is None or base.refiner is None:
        return None
    return RefinerInfo(sha256=base.refiner.sha256, switch_at=request.refiner_switch_at)


def ignored_in(row: Row, base: BaseCard) -> tuple[Ignored, ...]:
    """Return what has no effect of a row's prompts."""
    texts = (row.prompt, row.negative_prompt or "")
    kinds = {kind for text in texts for kind in row.read(text).ignored}
    if row.negative_prompt and row.guidance_scale <= FAMILIES[base.family].guidance_off:
        kinds.add("negative_prompt")
    return tuple(sorted(kinds))


def make_answer(
    pending: PendingRequest, images: list[Image], info: GenerationInfo, marker: Marker
) -> tuple[Answer, int]:
    """Return the marked files in base64, by seed, and how many lack a watermark."""
    arguments, seeds = pending.request.arguments, pending.request.seeds
    about = (info, pending.strongest.job_id if pending.strongest else None)
    marked = [
        mark_picture(marker, image, seed, arguments, about)
        for image, seed in zip(images, seeds, strict=True)
    ]
    files = tuple(base64.b64encode(one.file) for one in marked)
    answer = Answer(files, info, pending.model_ids, arguments.output_format)
    return answer, sum(not one.has_watermark for one in marked)
