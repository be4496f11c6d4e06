"""The expected time and memory of a training, measured before it starts.

One step is tried on the task's first batch, and its gradients are dropped. This measures the very
machine, base and request.
"""

import resource
import time
from dataclasses import dataclass

import torch

from trainer.evaluation.gate import SamplingRequests
from trainer.examples.batches import draw_batch
from trainer.model import lora
from trainer.model.base import Base
from trainer.optimisation.loop import texts_of, training_mode
from trainer.optimisation.losses import example_losses, user_loss
from trainer.optimisation.training_run import TrainingRun
from trainer.process.threads import choose_threads

FORWARD_SHARE = 0.45
"""The forward pass's share of a step's time."""

MOMENTS_BYTES = 8
"""Adam's memory for each trained number."""


@dataclass(frozen=True)
class Forecast:
    """The expected time and memory of a whole training."""

    step_seconds: float
    training_seconds: float
    export_seconds: float
    """The time for the gate's and the request's images; writing files takes almost none."""
    memory_bytes: int
    """The peak memory of the GPU, or of this process on a machine without one."""


def forecast(
    base: Base, run: TrainingRun, networks: lora.Networks, requests: SamplingRequests
) -> Forecast:
    """Measure a step; the weights stay as they are. On a CPU it also chooses the threads."""
    recipe = run.recipe
    seconds = choose_threads(lambda: try_step(base, run, networks), base.device)
    if base.device.type == "cuda":  # the first step also selects the kernels
        seconds = try_step(base, run, networks)
    guided = 2 if base.is_guided else 1
    passes = 2 * len(requests.all) * base.card.inference.num_inference_steps * guided
    a_step = seconds * recipe.gradient_accumulation_steps  # the ranks work side by side
    return Forecast(
        step_seconds=a_step,
        training_seconds=a_step * run.last_step,
        export_seconds=passes * seconds * FORWARD_SHARE / recipe.examples_per_batch,
        memory_bytes=memory_of(base) + MOMENTS_BYTES * count(networks),
    )


def try_step(base: Base, run: TrainingRun, networks: lora.Networks) -> float:
    """Return the seconds of one forward and backward pass."""
    recipe, examples = run.recipe, run.examples
    weights = lora.parameters(networks)
    frozen = [examples.encode_frozen(base)] if recipe.text_encoder_lr is None else []
    with training_mode(base, networks, recipe, frozen) as texts:
        began = now(base)
        batch = draw_batch(recipe, examples, 0, base.objective.timestep_count)
        losses = example_losses(base, recipe, batch, texts_of(base, examples, texts, batch.rows))
        user_loss(losses, recipe).backward()
        ended = now(base)
    for weight in weights.values():
        weight.grad = None
    return ended - began


def now(base: Base) -> float:
    """Return the time after all work queued on the device is done."""
    if base.device.type == "cuda":
        torch.cuda.synchronize(base.device)
    return time.monotonic()


def memory_of(base: Base) -> int:
    """Return the peak memory in bytes so far."""
    if base.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(base.device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def count(networks: lora.Networks) -> int:
    """Return the number of trained parameters."""
    return sum(weight.numel() for weight in lora.parameters(networks).values())
