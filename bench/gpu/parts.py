"""What is measured of training: steps, memory, captions, several users, optimizers, the script.

Every part trains with the training image's own program, or with its own functions. A part that
needs a base makes it first; the next parts find it in the work folder.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import nn

from bench.report import Figure
from bench.training import base as training_base
from bench.training.script import CLASS, INSTANCE, Clock, Cost, run_ours, run_script
from tests.smoke import tiny_pipelines as tiny_bases
from tests.smoke.job_dir import JobDir, job_id

GIGABYTE = 10**9
CLOCK = Clock(processor=False, threads=4)
STEPS, TINY_STEPS = 30, 2
CAPTIONS = 40
SHARING = 4
"""Users of one step."""

SCRIPTS = {"sdxl": "train_dreambooth_lora_sdxl.py", "sd2": "train_dreambooth_lora.py"}
"""diffusers' script for each family."""

MIN_GAIN, MAX_GIGABYTES = 4.0, 7.5
"""Targets: an SDXL step against the script's, times faster; peak memory with checkpointing."""

TFLOP_PER_IMAGE = {"sdxl": 14.3, "sd2": 1.82}
"""Forward and backward pass at 1024 and 512 pixels (2026-11, computed from the architectures)."""


class How(NamedTuple):
    """How a part is measured."""

    tiny: bool = False
    """Tiny networks and a few steps."""
    official: Path | None = None
    """A checkout of diffusers, whose scripts are measured beside the trainer."""


class Part(Protocol):
    """Measures one thing."""

    def __call__(self, work: Path, how: How) -> list[Figure]:
        """Return the figures."""
        ...


def base_of(work: Path, family: str, *, tiny: bool) -> Path:
    """Return the folder of an untrained base of real size; make it if it is not there."""
    folder = work / family
    if (folder / "base.json").exists():
        return folder
    folder.mkdir(exist_ok=True)
    if tiny:
        tiny_bases.make_base(folder, "sdxl" if family == "sdxl" else "sd2")
    elif family == "sdxl":
        training_base.make_base(folder, inference_steps=1, scale=4)
    else:
        from bench.serving.gpu import make_sd2  # noqa: PLC0415 (it imports the server)

        make_sd2(folder)
    return folder


def train(  # noqa: PLR0913 (the plan's contents)
    base: Path,
    name: str,
    *,
    tiny: bool,
    users: int = 1,
    captions: int = 0,
    sharing: int = 1,
    **fields: object,
) -> Cost:
    """Run the training image's program, and return what its steps and its memory cost.

    Args:
        base: the base's folder.
        name: of this run; its folder is made beside the base.
        tiny: a few steps only.
        users: the number of users.
        captions: the number of photos, each with a caption of its own; 0: four photos without.
        sharing: the number of users of one step.
        fields: fields of the request.
    """
    job = JobDir(folder_of(base, name), base)
    steps = TINY_STEPS if tiny else STEPS
    for user in range(users):
        job.add_task(
            captions or 4,
            instance_prompt=INSTANCE,
            class_prompt=CLASS,
            num_class_images=2,
            max_train_steps=steps,
            seed=user,
            **({"train_batch_size": 1, "rank": 16, "learning_rate": 1e-4} | fields),
        )
        if captions:
            for number, photo in enumerate(job.tasks[-1]["photos"]):
                photo["caption"] = f"{INSTANCE}, picture number {number} of a long album"
    job.write_plan()
    job.set_hyperparameters(users_per_step=str(sharing))
    return run_ours(job.root, CLOCK, base.parent / f"prior-{base.name}")


def folder_of(base: Path, name: str) -> Path:
    """Return the folder of a run's job."""
    return base.parent / name


def memory(cost: Cost) -> float:
    """Return the peak memory in GB: the GPU's, or the process's on a CPU."""
    return (cost.cuda_bytes or cost.peak_bytes) / GIGABYTE


def step_of(work: Path, family: str, side: int, how: How) -> list[Figure]:
    """Measure a plain step; two images, a photo and a class image."""
    cost = train(base_of(work, family, tiny=how.tiny), f"step-{family}", tiny=how.tiny)
    rate = 2 * TFLOP_PER_IMAGE[family] / cost.step
    return [
        Figure(f"{family} at {side} px: a step of two images", cost.step, "s"),
        Figure(f"{family} at {side} px: computed", rate, "TFLOP/s"),
        Figure(f"{family} at {side} px: peak memory", memory(cost), "GB"),
    ]


def sdxl_step(work: Path, how: How) -> list[Figure]:
    """SDXL at 1024 pixels."""
    return step_of(work, "sdxl", 1024, how)


def sd2_step(work: Path, how: How) -> list[Figure]:
    """SD 2.1 at 512 pixels."""
    return step_of(work, "sd2", 512, how)


def sdxl_checkpointing(work: Path, how: How) -> list[Figure]:
    """SDXL in as little memory as possible."""
    given = {"gradient_checkpointing": True, "with_prior_preservation": False}
    cost = train(base_of(work, "sdxl", tiny=how.tiny), "checkpointing", tiny=how.tiny, **given)
    return [
        Figure("sdxl at 1024 px, checkpointing: a step of one image", cost.step, "s"),
        Figure(
            "sdxl at 1024 px, checkpointing: peak memory",
            memory(cost),
            "GB",
            MAX_GIGABYTES,
            "less",
        ),
    ]


def sdxl_captions(work: Path, how: How) -> list[Figure]:
    """SDXL with trained text encoders, and a caption for each of 40 photos."""
    captions = 6 if how.tiny else CAPTIONS
    given = {"train_text_encoder": True, "gradient_checkpointing": True}
    base = base_of(work, "sdxl", tiny=how.tiny)
    cost = train(base, "captions", tiny=how.tiny, captions=captions, **given)
    name = f"sdxl at 1024 px, text encoders, {captions} captions"
    return [
        Figure(f"{name}: a step of two images", cost.step, "s"),
        Figure(f"{name}: peak memory", memory(cost), "GB"),
    ]


def beside_script(work: Path, family: str, side: int, how: How) -> list[Figure]:
    """A step of the trainer and of diffusers' script on the same base and photos."""
    if how.official is None:
        message = "a checkout of diffusers is needed: --official"
        raise ValueError(message)
    base = base_of(work, family, tiny=how.tiny)
    ours = train(base, f"beside-{family}", tiny=how.tiny)
    theirs = run_script(
        how.official,
        work / f"script-{family}",
        base,
        folder_of(base, f"beside-{family}") / "input/data/photos" / job_id(1),
        clock=CLOCK,
        steps=TINY_STEPS if how.tiny else STEPS,
        class_images=2,
        side=64 if how.tiny else side,
        name=SCRIPTS[family],
        more=() if how.tiny else ("--mixed_precision=bf16",),
    )
    name = f"{family} at {side} px, beside the script"
    target = MIN_GAIN if family == "sdxl" else None
    return [
        Figure(f"{name}: a step", theirs.step / ours.step, "times", target),
        Figure(f"{name}: peak memory", memory(ours) / memory(theirs), "times"),
    ]


def sdxl_script(work: Path, how: How) -> list[Figure]:
    """SDXL at 1024 pixels, beside diffusers' script."""
    return beside_script(work, "sdxl", 1024, how)


def sd2_script(work: Path, how: How) -> list[Figure]:
    """SD 2.1 at 512 pixels, beside diffusers' script."""
    return beside_script(work, "sd2", 512, how)


def sd2_users(work: Path, how: How) -> list[Figure]:
    """Several users of SD 2.1 in one step, against one after another."""
    base = base_of(work, "sd2", tiny=how.tiny)
    users = 2 if how.tiny else SHARING
    alone = train(base, "alone", tiny=how.tiny, users=users)
    together = train(base, "together", tiny=how.tiny, users=users, sharing=users)
    gain = users * alone.step / together.step
    return [Figure(f"sd2 at 512 px: {users} users in a step, gain", gain, "times")]


def optimizers(work: Path, how: How) -> list[Figure]:
    """AdamW's update of an SDXL adapter of rank 16, fused and as one operation for all weights."""
    del work
    layers, width, turns = (4, 64, 3) if how.tiny else (560, 1280, 20)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seconds = {}
    for kind in ("foreach", "fused"):
        weights = [nn.Parameter(torch.randn(16, width, device=device)) for _ in range(2 * layers)]
        optimizer = torch.optim.AdamW(weights, lr=1e-4, **{kind: True})
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        optimizer.step()
        seconds[kind] = timed(optimizer.step, turns, device)
    gain = seconds["foreach"] / seconds["fused"]
    return [Figure("AdamW: fused against foreach", gain, "times")]


def transfers(work: Path, how: How) -> list[Figure]:
    """A batch's latents and noise to the device, from pinned and from pageable memory."""
    del work
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = torch.randn(2, 2, 4, 16 if how.tiny else 128, 16 if how.tiny else 128)
    pinned = batch.pin_memory() if device.type == "cuda" else batch
    turns = 3 if how.tiny else 200
    plain = timed(lambda: batch.to(device), turns, device)
    ahead = timed(lambda: pinned.to(device, non_blocking=True), turns, device)
    return [
        Figure("a batch to the device", plain * 1000, "ms"),
        Figure("a batch to the device, pinned", ahead * 1000, "ms"),
    ]


def timed(work: Callable[[], object], turns: int, device: torch.device) -> float:
    """Return the seconds of one turn."""
    wait(device)
    started = time.perf_counter()
    for _ in range(turns):
        work()
    wait(device)
    return (time.perf_counter() - started) / turns


def wait(device: torch.device) -> None:
    """Wait until the device has done all work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


PARTS: dict[str, Part] = {
    "optimizers": optimizers,
    "transfers": transfers,
    "sd2-step": sd2_step,
    "sd2-users": sd2_users,
    "sdxl-step": sdxl_step,
    "sdxl-checkpointing": sdxl_checkpointing,
    "sdxl-captions": sdxl_captions,
}
"""The parts by name, the quickest first."""

BESIDE_SCRIPT: dict[str, Part] = {"sd2-script": sd2_script, "sdxl-script": sdxl_script}
"""Parts that need a checkout of diffusers."""
