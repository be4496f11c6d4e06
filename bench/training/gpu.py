"""The same comparison at real size on a GPU; written for an H200, and never run so far.

The weights are random. The trainer cannot compile its networks yet, so neither side is compiled:
the script runs in bf16, ours in the precision that it chooses for the GPU (bf16).
"""

from pathlib import Path

import torch

from bench.report import Figure
from bench.training import base as training_base
from bench.training.script import Clock, NotRunError, make_room, run_ours, run_script

SIDE, STEPS, CLASS_IMAGES, PHOTOS = 1024, 30, 2, 4
GIGABYTE = 10**9
TFLOP_PER_SAMPLE, TFLOPS = 14.3, 790
"""TFLOP of SDXL's forward and backward pass at 1024 pixels; TFLOPS of an H200 in bf16."""

STEP, MEMORY = "GPU: a step of SDXL at 1024 px", "GPU: SDXL's peak memory, checkpointing"


def figures(official: Path | None, work: Path, clock: Clock) -> list[Figure]:
    """Return the figures of real-size SDXL; without a GPU they are not run."""
    if not torch.cuda.is_available():
        names = (STEP, MEMORY, "GPU: a step of SD 2.1 at 512 px", "GPU: 16 users of SD 2.1")
        return [Figure(name, None, "no GPU here") for name in names]
    base, prior = work / "base_gpu", work / "prior_gpu"
    if not (base / "base.json").exists():
        training_base.make_base(base, inference_steps=1, scale=4)
    room = make_room(
        work / "gpu", base, users=1, steps=STEPS, class_images=CLASS_IMAGES, photos=PHOTOS
    )
    ours = run_ours(room.root, clock, prior)
    measured = [
        Figure("GPU: our step as a share of the roofline", roofline() / ours.step, "times"),
        Figure("GPU: SD 2.1 at 512 px, and 16 users of it", None, "not written"),
    ]
    room.root.rename(work / "gpu_fast")
    small = make_room(
        work / "gpu", base, users=1, steps=STEPS, class_images=CLASS_IMAGES, photos=PHOTOS
    )
    small.set_hyperparameters(gradient_checkpointing="true")
    peak = run_ours(small.root, clock, prior).cuda_bytes / GIGABYTE
    measured.append(Figure(MEMORY, peak, "GB", 7.5, "less"))
    if official is None:
        return [Figure(STEP, None, "needs --official DIFFUSERS"), *measured]
    photos = small.root / "input" / "data" / "photos" / f"{1:032x}"
    try:
        theirs = run_script(
            official,
            work / "gpu_script",
            base,
            photos,
            clock=clock,
            steps=STEPS,
            class_images=CLASS_IMAGES,
            side=SIDE,
            more=("--mixed_precision=bf16",),
        )
    except NotRunError as error:
        return [Figure(STEP, None, str(error)), *measured]
    return [Figure(STEP, theirs.step / ours.step, "times", 4.0), *measured]


def roofline() -> float:
    """Return the minimum seconds of a step of two samples."""
    return 2 * TFLOP_PER_SAMPLE / TFLOPS
