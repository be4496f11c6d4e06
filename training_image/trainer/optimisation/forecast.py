"""How long a training will take and what memory it needs, said before it starts.

One step is tried on the task's own first batch and forgotten again: no table of machines knows
this machine, this base and this request better.
"""

import resource
import time
from dataclasses import dataclass

import torch

from trainer.evaluation.gate import Shots
from trainer.model import lora
from trainer.model.base import Base
from trainer.optimisation import loop
from trainer.process.threads import choose_threads

FORWARD_SHARE = 0.45
"""Of a step's time: the rest is the way back."""

MOMENTS_BYTES = 8
"""Of Adam, for each trained number."""


@dataclass(frozen=True)
class Forecast:
    """What one step says of the whole."""

    step_seconds: float
    training_seconds: float
    export_seconds: float
    """For the pictures of the gate and the request; files take next to nothing."""
    memory_bytes: int
    """Of the GPU, or of this process where there is none."""


def forecast(base: Base, learner: loop.Learner, networks: lora.Networks, shots: Shots) -> Forecast:
    """Try a step; the weights stay as they are. On a CPU the threads are chosen by it."""
    recipe = learner.recipe
    seconds = choose_threads(lambda: try_step(base, learner, networks), base.device)
    if base.device.type == "cuda":  # the first one also chose the kernels
        seconds = try_step(base, learner, networks)
    images = recipe.batch_size * (2 if recipe.class_images else 1)
    guided = 2 if base.card.inference.guidance_scale > 1 else 1
    passes = 2 * len(shots.all) * base.card.inference.num_inference_steps * guided
    a_step = seconds * recipe.gradient_accumulation_steps  # workers go through theirs at once
    return Forecast(
        step_seconds=a_step,
        training_seconds=a_step * recipe.steps,
        export_seconds=passes * seconds * FORWARD_SHARE / images,
        memory_bytes=memory_of(base) + MOMENTS_BYTES * count(networks),
    )


def try_step(base: Base, learner: loop.Learner, networks: lora.Networks) -> float:
    """Return the seconds that one batch takes, there and back."""
    recipe, examples = learner.recipe, learner.examples
    weights = lora.parameters(networks)
    frozen = [loop.encode_frozen(base, examples)] if recipe.text_encoder_lr is None else []
    with loop.learning(base, networks, recipe, frozen) as texts:
        began = now(base)
        batch = loop.draw_batch(recipe, examples, 0, len(base.alphas_cumprod))
        known = texts[0] if texts else base.encode(examples.prompts)
        errors = loop.batch_errors(base, recipe, batch, known.rows(batch.rows.to(base.device)))
        loop.total(errors, recipe).backward()
        ended = now(base)
    for weight in weights.values():
        weight.grad = None
    return ended - began


def now(base: Base) -> float:
    """Return the time when all that was asked of the device is done."""
    if base.device.type == "cuda":
        torch.cuda.synchronize(base.device)
    return time.monotonic()


def memory_of(base: Base) -> int:
    """Return the most bytes that were in use so far."""
    if base.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(base.device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def count(networks: lora.Networks) -> int:
    """Return how many numbers are trained."""
    return sum(weight.numel() for weight in lora.parameters(networks).values())
