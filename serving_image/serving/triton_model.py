"""The resident base's Triton model: parses requests, draws them in passes, and answers them."""

import base64
import gc
import os
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from PIL.Image import Image

from contracts.documents.package import GenerationInfo, MixedAdapter
from contracts.documents.picture import (
    GEN_ARGS,
    GENERATED_IMAGE,
    IMAGE,
    INFO,
    NEGATIVE_PROMPT,
    PROMPT,
    PictureArguments,
)
from contracts.shared.prompts import name_subject
from contracts.shared.samplers import SAMPLERS
from serving.adapters.cache import AdapterCache
from serving.adapters.hooks import Mix
from serving.adapters.mixing import find_mixed_adapters, has_adapter
from serving.adapters.reader import Adapter, AdapterReader
from serving.answer_cache import Answer, AnswerCache, answer_key
from serving.device import INSTANCE_TYPE, refuse_cpu
from serving.generator import Generator, Row
from serving.metrics import emit
from serving.output.marks import make_marker, mark_picture
from serving.output.safety import make_checker
from serving.server import BASE_PID_FILE, MARKS_FILE, rows_per_pass
from serving.tensors import PassKey, PictureError, PictureRequest, check_chunks, parse_request

ADAPTER = "adapter"
"""Input with the calling model's adapter folder; the users' model.py sets it, never a client."""

INPUTS = (PROMPT, NEGATIVE_PROMPT, GEN_ARGS, IMAGE, ADAPTER)

MEMORY_ERRORS = (torch.OutOfMemoryError, MemoryError)
ALLOCATOR_MESSAGES = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Texts of a RuntimeError that also mean out of memory, on the CPU and in cuBLAS."""

OVERFLOW = "the picture's numbers overflow; lower lora_scale or the weights of the adapters"

ADAPTER_MEGABYTES = 1024
ANSWER_MEGABYTES = 64


@dataclass
class PendingRequest:
    """One request while it is processed, with its pictures or its error."""

    request: PictureRequest
    owner: Adapter | None
    """The calling model's adapter; None when the caller is the base itself.

    Its trigger word is used even at ``lora_scale`` 0."""
    mixed: tuple[Adapter, ...] = ()
    """The adapters that ``request.arguments.adapters`` names, in that order."""
    chunks: int = 1
    """Number of CLIP's chunks of 75 tokens in the longer prompt."""
    key: str | None = None
    """Key in the answer cache; None when the answer must not be cached."""
    answer: Answer | None = None
    images: dict[int, Image] = field(default_factory=dict)
    """Pictures by seed."""
    seconds: float = 0.0
    error: PictureError | None = None

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

    def row(self, seed: int) -> Row:
        """Return the generator's row for one picture of this request."""
        request, trigger_word = self.request, self.owner.trigger_word if self.owner else ""
        avoided = request.negative_prompt
        return Row(
            prompt=name_subject(request.prompt, trigger_word),
            negative_prompt=None if avoided is None else name_subject(avoided, trigger_word),
            seed=seed,
            guidance_scale=request.guidance_scale,
            mix=self.mix,
            image=request.image.pixels if request.image else None,
        )


Pass = list[tuple[PendingRequest, int]]
"""Pictures that are drawn together, each as its request and its seed."""


class TritonPythonModel:
    """Triton's model interface; Triton calls it from one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the base and draw one picture; Triton reports ready only after this."""
        Path(os.environ["LIKENESS_RUN_DIR"], BASE_PID_FILE).write_text(str(os.getpid()))
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        cuda = args["model_instance_kind"] == "GPU"
        device = torch.device(f"cuda:{args['model_instance_device_id']}" if cuda else "cpu")
        if not cuda:
            refuse_cpu(os.environ.get(INSTANCE_TYPE, ""))
        self.generator = Generator(Path(os.environ["LIKENESS_BASE_DIR"]), device)
        self.generator.warm_up()
        self.base = self.generator.card
        reader = AdapterReader(
            self.base.sha256, self.generator.layers, device, self.generator.dtype
        )
        megabytes = int(os.environ.get("LIKENESS_ADAPTER_MEGABYTES", ADAPTER_MEGABYTES))
        self.adapters = AdapterCache(reader.read, megabytes << 20)
        megabytes = int(os.environ.get("LIKENESS_ANSWER_MEGABYTES", ANSWER_MEGABYTES))
        self.answers = AnswerCache(megabytes << 20)
        self.run_dir = Path(os.environ["LIKENESS_RUN_DIR"])
        self.marker = make_marker(os.environ.get(MARKS_FILE), os.environ)
        self.unwatermarked = 0
        self.checker = make_checker(os.environ.get("LIKENESS_SAFETY_DIR"), device)
        self.rows = rows_per_pass()
        # The imported libraries are half a million objects that live as long as the process. Unless
        # they are frozen, every full collection scans them for a third of a second.
        gc.collect()
        gc.freeze()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch; a bad request fails without the others."""
        started = time.monotonic()
        hits, misses, answered = self.adapters.hits, self.adapters.misses, self.answers.hits
        activation, overflows = self.activation_seconds, self.generator.overflows
        unwatermarked = self.unwatermarked
        with self.adapters.pin() as find:
            pending_requests = [self.take(request, find) for request in requests]
            undrawn = [
                pending
                for pending in pending_requests
                if isinstance(pending, PendingRequest) and not pending.answer
            ]
            for key, part in plan_passes(undrawn, self.rows):
                self.draw(key, part)
        seconds = time.monotonic() - started
        replies = [self.reply(pending) for pending in pending_requests]
        emit(
            {
                "Requests": len(pending_requests),
                "Pictures": sum(
                    len(p.images) for p in pending_requests if isinstance(p, PendingRequest)
                ),
                "Refused": sum(isinstance(pending, PictureError) for pending in pending_requests),
                "BatchSeconds": round(seconds, 3),
                "ActivationMilliseconds": round(1e3 * (self.activation_seconds - activation), 3),
                "Overflows": self.generator.overflows - overflows,
                "AnswerHits": self.answers.hits - answered,
                "AdapterHits": self.adapters.hits - hits,
                "AdapterMisses": self.adapters.misses - misses,
                "AdaptersResident": len(self.adapters.resident),
                "AdapterBytes": self.adapters.resident_bytes,
                "Unwatermarked": self.unwatermarked - unwatermarked,
            }
        )
        return replies

    @property
    def activation_seconds(self) -> float:
        """Total time spent on finding adapters and attaching them to rows."""
        return self.adapters.seconds + self.generator.activation_seconds

    def take(self, request: Any, find: Callable[[Path], Adapter]) -> PendingRequest | PictureError:  # noqa: ANN401
        """Parse one request and find its adapters."""
        try:
            prompt, negative, arguments, image, folder = (read_input(request, n) for n in INPUTS)
            picture_request = parse_request(prompt, negative, arguments, self.base, image)
            caller = Path(os.fsdecode(folder))
            mixed = find_mixed_adapters(caller, picture_request.arguments.adapters, self.run_dir)
            owner = find(caller) if has_adapter(caller) else None
            pending = PendingRequest(picture_request, owner, tuple(find(other) for other in mixed))
            chunks = self.generator.count_chunks(pending.row(picture_request.seeds[0]))
            pending.chunks = check_chunks(chunks)
        except PictureError as error:
            return error
        except MEMORY_ERRORS:
            return out_of_memory_error()
        weights = tuple(f"{adapter.sha256} {scale}" for adapter, scale in pending.mix)
        pending.key = answer_key(picture_request, owner.sha256 if owner else str(caller), weights)
        pending.answer = self.answers.find(pending.key)
        return pending

    def draw(self, key: PassKey, part: Pass) -> None:
        """Draw one pass; when it fails, only the requests in it fail."""
        started = time.monotonic()
        try:
            images = self.draw_within_memory(key, [pending.row(seed) for pending, seed in part])
        except PictureError as error:
            for pending, _ in part:
                pending.error = error
            return
        finite = [(one, image) for one, image in zip(part, images, strict=True) if image]
        unsafe = self.checker.unsafe([image for _, image in finite])
        for ((pending, seed), image), refused in zip(finite, unsafe, strict=True):
            pending.images[seed] = image
            pending.seconds += time.monotonic() - started
            if refused:
                pending.error = PictureError(
                    "unsafe_picture", "the safety checker refused the picture"
                )
        for (pending, _), drawn in zip(part, images, strict=True):
            if drawn is None:
                pending.error = PictureError("picture_overflow", OVERFLOW)

    def draw_within_memory(self, key: PassKey, rows: list[Row]) -> list[Image | None]:
        """Draw; when memory runs out, drop idle adapters and try once more."""
        try:
            return self.draw_safely(key, rows)
        except MEMORY_ERRORS:
            self.adapters.shrink(0)
            torch.cuda.empty_cache()
        try:
            return self.draw_safely(key, rows)
        except MEMORY_ERRORS:
            raise out_of_memory_error() from None

    def draw_safely(self, key: PassKey, rows: list[Row]) -> list[Image | None]:
        """Draw; log an unexpected error without its text, which could repeat a prompt."""
        try:
            return self.generator.draw(key, rows)
        except MEMORY_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 (any error fails only these requests)
            if isinstance(error, RuntimeError) and any(w in str(error) for w in ALLOCATOR_MESSAGES):
                raise MemoryError from None
            log_failure(error, {adapter.job_id for row in rows for adapter, _ in row.mix})
            raise PictureError("generation_failed", "the picture could not be drawn") from None

    def reply(self, pending: PendingRequest | PictureError) -> Any:  # noqa: ANN401
        """Return Triton's response to one request."""
        error = pending if isinstance(pending, PictureError) else pending.error
        if isinstance(pending, PictureError) or error is not None:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
        try:
            answer = pending.answer or self.make_answer(pending)
        except Exception as failure:  # noqa: BLE001 (any error fails only this request)
            log_failure(failure, {adapter.job_id for adapter, _ in pending.mix})
            text = str(PictureError("generation_failed", "the picture could not be encoded"))
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(text))
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor(GENERATED_IMAGE, np.array([answer.pictures], dtype=object)),
                pb_utils.Tensor(INFO, np.array([[dump_info(answer.info)]], dtype=object)),
            ]
        )

    def make_answer(self, pending: PendingRequest) -> Answer:
        """Encode the pictures, and cache the answer for equal requests."""
        info = self.describe(pending)
        arguments = pending.request.arguments
        about = (info, pending.adapter.job_id if pending.adapter else None)
        pictures = tuple(
            self.mark(pending.images[seed], seed, arguments, about)
            for seed in pending.request.seeds
        )
        answer = Answer(pictures, info)
        self.answers.put(pending.key, answer)
        return answer

    def mark(
        self,
        image: Image,
        seed: int,
        arguments: PictureArguments,
        about: tuple[GenerationInfo, str | None],
    ) -> bytes:
        """Return the base64 of a picture's file with its marks; count those without a watermark."""
        marked = mark_picture(self.marker, image, seed, arguments, about)
        self.unwatermarked += not marked.has_watermark
        return base64.b64encode(marked.file)

    def describe(self, pending: PendingRequest) -> GenerationInfo:
        """Return the provenance of the pictures: weights, seeds and settings."""
        request = pending.request
        return GenerationInfo(
            base_sha256=self.base.sha256,
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
            scheduler=SAMPLERS[request.scheduler].scheduler,
            scheduler_options=SAMPLERS[request.scheduler].options,
            width=request.width,
            height=request.height,
            seconds=round(pending.seconds, 3),
        )


def dump_info(info: GenerationInfo) -> bytes:
    """Return JSON without the fields that say nothing here: older readers refuse them."""
    omitted = {"strength", "image_sha256"} if info.image_sha256 is None else set()
    if not info.scheduler_options:
        omitted.add("scheduler_options")
    return info.model_dump_json(exclude=omitted).encode()


def out_of_memory_error() -> PictureError:
    """Return the error that Triton answers with 507, so that SageMaker unloads other models."""
    return PictureError("memory_pressure", "out of memory")


def read_input(request: Any, name: str) -> bytes:  # noqa: ANN401
    """Return the only value of an input tensor; empty when the request lacks the tensor."""
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        return b""
    value = tensor.as_numpy().reshape(-1)[0]
    return value if isinstance(value, bytes) else str(value).encode()


def plan_passes(
    pending_requests: list[PendingRequest], rows: int
) -> Iterator[tuple[PassKey, Pass]]:
    """Yield the passes, each of at most ``rows`` pictures that can be drawn together."""
    groups: dict[PassKey, Pass] = defaultdict(list)
    for pending in pending_requests:
        key = pending.request.pass_key._replace(chunks=pending.chunks)
        groups[key] += [(pending, seed) for seed in pending.request.seeds]
    for key, group in groups.items():
        for start in range(0, len(group), rows):
            yield key, group[start : start + rows]


def log_failure(error: Exception, job_ids: set[str]) -> None:
    """Log an error's type, its traceback and the job ids of the adapters.

    The error's text is left out, as it could repeat a prompt.
    """
    jobs = ",".join(sorted(job_ids)) or "none"
    frames = "".join(traceback.format_tb(error.__traceback__)).splitlines()
    lines = (type(error).__name__, *frames)
    sys.stderr.writelines(f"{line} job_id={jobs}\n" for line in lines)
