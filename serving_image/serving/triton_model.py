"""The resident base as Triton calls it: tensors to requests, requests to passes, and back."""

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
)
from contracts.shared.prompts import name_subject
from serving.adapters.cache import Adapter, AdapterCache, AdapterReader
from serving.adapters.hooks import Mix
from serving.adapters.mixing import find_others, has_adapter
from serving.answer_cache import Answer, AnswerCache, answer_key
from serving.generator import Generator, Row
from serving.metrics import emit
from serving.output.provenance import encode
from serving.output.safety import make_checker
from serving.output.watermark import make_mark
from serving.server import BASE_PID_FILE
from serving.tensors import PassKey, PictureError, PictureRequest, parse_request

ADAPTER = "adapter"
"""The calling model's adapter folder: set by our own model.py, not by the client."""

INPUTS = (PROMPT, NEGATIVE_PROMPT, GEN_ARGS, IMAGE, ADAPTER)

MEMORY_ERRORS = (torch.OutOfMemoryError, MemoryError)
ALLOCATOR_WORDS = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Of a RuntimeError by which torch says the same, on the CPU and inside of cuBLAS."""

ROWS_PER_PASS = 8
ADAPTER_MEGABYTES = 1024
ANSWER_MEGABYTES = 64


@dataclass
class Order:
    """One request on its way: its pictures, or its error."""

    request: PictureRequest
    owner: Adapter | None
    """The calling model's adapter; its trigger word counts even at ``lora_scale`` 0. None: the
    caller is the base itself."""
    others: tuple[Adapter, ...] = ()
    """As ``request.arguments.adapters`` names them."""
    key: str | None = None
    """Of its answer; None: it must be drawn, and is not kept."""
    answer: Answer | None = None
    images: dict[int, Image] = field(default_factory=dict)
    """By seed."""
    seconds: float = 0.0
    error: PictureError | None = None

    @property
    def adapter(self) -> Adapter | None:
        """The caller's own, if it counts."""
        return self.owner if self.request.lora_scale else None

    @property
    def mix(self) -> Mix:
        """Everything that changes the base."""
        wishes = self.request.arguments.adapters
        own = ((self.adapter, self.request.lora_scale),) if self.adapter else ()
        others = zip(self.others, (wish.weight for wish in wishes), strict=True)
        return own + tuple((adapter, weight) for adapter, weight in others if weight)

    def row(self, seed: int) -> Row:
        """Return one of its pictures as the generator takes it."""
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


class TritonPythonModel:
    """What Triton calls, from one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the base and draw with it; Triton says ready only after this."""
        Path(os.environ["LIKENESS_RUN_DIR"], BASE_PID_FILE).write_text(str(os.getpid()))
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        cuda = args["model_instance_kind"] == "GPU"
        device = torch.device(f"cuda:{args['model_instance_device_id']}" if cuda else "cpu")
        self.generator = Generator(Path(os.environ["LIKENESS_BASE_DIR"]), device)
        self.base = self.generator.card
        reader = AdapterReader(
            self.base.sha256, self.generator.layers, device, self.generator.dtype
        )
        megabytes = int(os.environ.get("LIKENESS_ADAPTER_MEGABYTES", ADAPTER_MEGABYTES))
        self.adapters = AdapterCache(reader.read, megabytes << 20)
        megabytes = int(os.environ.get("LIKENESS_ANSWER_MEGABYTES", ANSWER_MEGABYTES))
        self.answers = AnswerCache(megabytes << 20)
        self.run_dir = Path(os.environ["LIKENESS_RUN_DIR"])
        self.mark = make_mark(os.environ.get("LIKENESS_WATERMARK"))
        self.checker = make_checker(os.environ.get("LIKENESS_SAFETY_DIR"), device)
        self.generator.warm_up()
        # Torch and its kin are half a million objects that live as long as the process. Left among
        # the others, every full collection walks them: a third of a second in somebody's request.
        gc.collect()
        gc.freeze()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch; one bad request fails alone."""
        started = time.monotonic()
        hits, misses, answered = self.adapters.hits, self.adapters.misses, self.answers.hits
        activation = self.activation_seconds
        with self.adapters.pin() as find:
            orders = [self.take(request, find) for request in requests]
            new = [order for order in orders if isinstance(order, Order) and not order.answer]
            for key, part in plan_passes(new):
                self.draw(key, part)
        emit(
            {
                "Requests": len(orders),
                "Pictures": sum(len(o.images) for o in orders if isinstance(o, Order)),
                "Refused": sum(isinstance(order, PictureError) for order in orders),
                "BatchSeconds": round(time.monotonic() - started, 3),
                "ActivationMilliseconds": round(1e3 * (self.activation_seconds - activation), 3),
                "AnswerHits": self.answers.hits - answered,
                "AdapterHits": self.adapters.hits - hits,
                "AdapterMisses": self.adapters.misses - misses,
                "AdaptersResident": len(self.adapters.resident),
                "AdapterBytes": self.adapters.resident_bytes,
            }
        )
        return [self.reply(order) for order in orders]

    @property
    def activation_seconds(self) -> float:
        """All that was ever spent on finding adapters and putting them in place."""
        return self.adapters.seconds + self.generator.activation_seconds

    def take(self, request: Any, find: Callable[[Path], Adapter]) -> Order | PictureError:  # noqa: ANN401
        """Read one request and find its adapter."""
        try:
            prompt, negative, arguments, image, folder = (read_text(request, n) for n in INPUTS)
            wish = parse_request(prompt, negative, arguments, self.base, image)
            self.mark.check(wish.width, wish.height)
            caller = Path(os.fsdecode(folder))
            others = find_others(caller, wish.arguments.adapters, self.run_dir)
            owner = find(caller) if has_adapter(caller) else None
            order = Order(wish, owner, tuple(find(other) for other in others))
        except PictureError as error:
            return error
        except MEMORY_ERRORS:
            return no_memory()
        weights = tuple(f"{adapter.sha256} {scale}" for adapter, scale in order.mix)
        order.key = answer_key(wish, owner.sha256 if owner else str(caller), weights)
        order.answer = self.answers.find(order.key)
        return order

    def draw(self, key: PassKey, part: list[tuple[Order, int]]) -> None:
        """Draw one pass; when it fails, so do its requests, and nobody else's."""
        started = time.monotonic()
        try:
            images = self.draw_within_memory(key, [order.row(seed) for order, seed in part])
        except PictureError as error:
            for order, _ in part:
                order.error = error
            return
        unsafe = self.checker.unsafe(images)
        for (order, seed), image, refused in zip(part, images, unsafe, strict=True):
            order.images[seed] = image
            order.seconds += time.monotonic() - started
            if refused:
                order.error = PictureError("unsafe_picture", "the safety checker refused it")

    def draw_within_memory(self, key: PassKey, rows: list[Row]) -> list[Image]:
        """Draw; when memory is short, throw out idle adapters and try once more."""
        try:
            return self.draw_safely(key, rows)
        except MEMORY_ERRORS:
            self.adapters.shrink(0)
            torch.cuda.empty_cache()
        try:
            return self.draw_safely(key, rows)
        except MEMORY_ERRORS:
            raise no_memory() from None

    def draw_safely(self, key: PassKey, rows: list[Row]) -> list[Image]:
        """Draw; what nobody foresaw is logged without its text, which could repeat a prompt."""
        try:
            return self.generator.draw(key, rows)
        except MEMORY_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, only these requests fail)
            if isinstance(error, RuntimeError) and any(w in str(error) for w in ALLOCATOR_WORDS):
                raise MemoryError from None
            log_place(error, {adapter.job_id for row in rows for adapter, _ in row.mix})
            raise PictureError("generation_failed", "the picture could not be drawn") from None

    def reply(self, order: Order | PictureError) -> Any:  # noqa: ANN401
        """Return Triton's response."""
        error = order if isinstance(order, PictureError) else order.error
        if isinstance(order, PictureError) or error is not None:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
        try:
            answer = order.answer or self.make_answer(order)
        except Exception as failure:  # noqa: BLE001 (as above: only this request fails)
            log_place(failure, {adapter.job_id for adapter, _ in order.mix})
            text = str(PictureError("generation_failed", "the picture could not be encoded"))
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(text))
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor(GENERATED_IMAGE, np.array([answer.pictures], dtype=object)),
                pb_utils.Tensor(INFO, np.array([[write_info(answer.info)]], dtype=object)),
            ]
        )

    def make_answer(self, order: Order) -> Answer:
        """Return the pictures' files, and keep them for the next request like this one."""
        info = self.describe(order)
        arguments = order.request.arguments
        pictures = tuple(
            base64.b64encode(encode(self.mark.sign(order.images[seed]), seed, arguments, info))
            for seed in order.request.seeds
        )
        answer = Answer(pictures, info)
        self.answers.keep(order.key, answer)
        return answer

    def describe(self, order: Order) -> GenerationInfo:
        """Return which weights made the pictures, and how."""
        request = order.request
        return GenerationInfo(
            base_sha256=self.base.sha256,
            adapter_sha256=order.adapter.sha256 if order.adapter else None,
            seeds=request.seeds,
            num_inference_steps=request.num_inference_steps,
            guidance_scale=request.guidance_scale,
            lora_scale=request.lora_scale,
            mixed=tuple(
                MixedAdapter(sha256=adapter.sha256, weight=wish.weight)
                for adapter, wish in zip(order.others, request.arguments.adapters, strict=True)
            ),
            strength=request.strength,
            image_sha256=request.image.sha256 if request.image else None,
            scheduler=request.scheduler,
            width=request.width,
            height=request.height,
            seconds=round(order.seconds, 3),
        )


def write_info(info: GenerationInfo) -> bytes:
    """Return JSON. Readers of before there were images refuse the fields that say of one."""
    unsaid = {"strength", "image_sha256"} if info.image_sha256 is None else set()
    return info.model_dump_json(exclude=unsaid).encode()


def no_memory() -> PictureError:
    """Return the words of which Triton makes a 507, for which SageMaker unloads other models."""
    return PictureError("memory_pressure", "out of memory")


def read_text(request: Any, name: str) -> bytes:  # noqa: ANN401
    """Return a tensor's only value; nothing when it is not there."""
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        return b""
    value = tensor.as_numpy().reshape(-1)[0]
    return value if isinstance(value, bytes) else str(value).encode()


def plan_passes(orders: list[Order]) -> Iterator[tuple[PassKey, list[tuple[Order, int]]]]:
    """Yield what can be drawn together, at most ROWS_PER_PASS pictures at a time."""
    groups: dict[PassKey, list[tuple[Order, int]]] = defaultdict(list)
    for order in orders:
        groups[order.request.pass_key] += [(order, seed) for seed in order.request.seeds]
    for key, group in groups.items():
        for start in range(0, len(group), ROWS_PER_PASS):
            yield key, group[start : start + ROWS_PER_PASS]


def log_place(error: Exception, job_ids: set[str]) -> None:
    """Log where it failed, what kind it was and whose jobs' adapters were in it.

    Not its text, which could repeat a prompt.
    """
    jobs = ",".join(sorted(job_ids)) or "none"
    places = "".join(traceback.format_tb(error.__traceback__)).splitlines()
    lines = (type(error).__name__, *places)
    sys.stderr.writelines(f"{line} job_id={jobs}\n" for line in lines)
