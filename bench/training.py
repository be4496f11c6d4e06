"""What the trainer saves, measured: both sides in one run, on the same photos, seeds and steps.

    .venv/training/bin/python bench/training.py [--official DIFFUSERS] [--json FILE]

Exactness comes first: a figure counts only if the fast way gives what the slow way gives. The slow
ways here are our own code doing the work that diffusers' example scripts do (encode every image at
every step, make class images in every job, one user after another); with ``--official``, the path
of a diffusers checkout, its DreamBooth script runs as well. One thread; CPU seconds; medians of
interleaved runs.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "functions"), str(HERE / "training_image")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from bench.training_script import time_script  # noqa: E402
from tests.smoke import tiny_pipelines as tiny  # noqa: E402
from trainer import loop, lora, loss, together  # noqa: E402
from trainer.base import Base, load_base  # noqa: E402
from trainer.families import Text  # noqa: E402
from trainer.interrupt import TimeLimit  # noqa: E402
from trainer.photos import Photo, encode_photos, to_tensor  # noqa: E402
from trainer.optim import make_optimizer  # noqa: E402
from trainer.plan import Recipe  # noqa: E402
from trainer.sampling import Shot, decode, make_latents, to_images  # noqa: E402

SIDE, PHOTOS, CLASS_IMAGES, USERS, REPEATS = 128, 4, 8, 4, 5
JOB_STEPS, SAMPLING_STEPS = 60, 50
LEVELS, GAP = 1000, 1e-5
Row: TypeAlias = dict[str, str]
TARGETS = ("to_k", "to_q", "to_v", "to_out.0")


def main() -> None:
    """Print the table; exit with 1 when a gate fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        base = make_base(Path(folder))
        gap = gradient_gap(base)
        held = f"gate {GAP:.0e}: {'held' if gap <= GAP else 'failed'}"
        rows = [row("gradients of one pass and of separate ones differ", f"{gap:.1e}", held)]
        rows.append(row("encoding / UNet forward, in FLOPs", f"{share(base):.2f}", "real: 0.72"))
        rows += [*steps(base), *shared(base)]
        rows.append(
            row("a step of diffusers' script", *time_script(options.official, Path(folder)))
        )
    for line in rows:
        print(f"{line['what']:<52} {line['value']:>10}  {line['note']}")
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=2))
    sys.exit(gap > GAP)


def make_base(folder: Path) -> Base:
    """Return an SDXL-like base of 50 M parameters; ``share`` says how real it is."""
    torch.manual_seed(0)
    pipeline = tiny.make_sdxl()
    wide = {"block_out_channels": (128, 256, 512), "attention_head_dim": (4, 8, 16)}
    pipeline.unet = type(pipeline.unet).from_config(
        dict(pipeline.unet.config)
        | wide
        | {
            "layers_per_block": 2,
            "norm_num_groups": 32,
            "transformer_layers_per_block": (1, 1, 4),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "sample_size": SIDE // 8,
        }
    )
    pipeline.vae = type(pipeline.vae).from_config(
        dict(pipeline.vae.config)
        | {
            "block_out_channels": (40, 80, 160, 160),
            "norm_num_groups": 8,
            "layers_per_block": 2,
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
        }
    )
    pipeline.save_pretrained(folder / "base")
    inference = {"num_inference_steps": SAMPLING_STEPS, "guidance_scale": 5.0}
    card = tiny.write_card(
        folder / "base",
        "sdxl",
        "epsilon",
        inference=inference | {"scheduler": "DPMSolverMultistepScheduler"},
    )
    return load_base(folder / "base", card, torch.device("cpu"), torch.float32)


def share(base: Base) -> float:
    """Return what encoding an image costs beside a UNet pass; 0.72 for the real SDXL at 1024."""
    learner = make_learner(base, 0)
    text = loop.encode_frozen(base, learner.examples)
    batch = loop.draw_batch(learner.recipe, learner.examples, 0, LEVELS)
    with torch.no_grad(), FlopCounterMode(display=False) as unet:
        loop.batch_errors(base, learner.recipe, batch, text.rows(batch.rows))
    with torch.no_grad(), FlopCounterMode(display=False) as vae:
        base.pipeline.vae.encode(torch.zeros(2, 3, SIDE, SIDE))
    ratio: float = vae.get_total_flops() / unet.get_total_flops()
    return ratio


def make_learner(base: Base, seed: int) -> loop.Learner:
    """Return one user with photos and class images of noise."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 255, (PHOTOS, SIDE, SIDE, 3), dtype=np.uint8)
    photos = [Photo(i, "a photo of sks", False, Image.fromarray(p)) for i, p in enumerate(pixels)]
    recipe = Recipe(
        job_id=f"{seed:032x}",
        seed=seed,
        resolution=SIDE,
        steps=1000,
        batch_size=1,
        rank=16,
        alpha=16.0,
        learning_rate=1e-4,
        text_encoder_lr=None,
        target_modules=TARGETS,
        instance_prompt="a photo of sks",
        class_prompt="a photo",
        trigger_word="sks",
        class_images=CLASS_IMAGES,
        prior_loss_weight=1.0,
    )
    latents = encode_photos(base, photos)
    examples = loop.Examples(
        latents,
        ["a photo of sks", "a photo"],
        [0] * PHOTOS,
        loss.normal((CLASS_IMAGES, *latents.mean[0].shape), seed, "class images"),
        [1] * CLASS_IMAGES,
    )
    return loop.Learner(recipe, examples, Path(), "")


def time_steps(base: Base) -> tuple[float, float]:
    """Return the seconds of a step with everything cached, and of one that encodes its images."""
    learner, unet = make_learner(base, 0), base.pipeline.unet
    lora.attach(unet, "unet", TARGETS, rank=16, alpha=16.0, seed=0)
    weights = lora.parameters({"unet": unet})
    optimizer = make_optimizer(learner.recipe, weights)
    text = loop.encode_frozen(base, learner.examples)
    pixels = to_tensor([Image.new("RGB", (SIDE, SIDE), (90, 60, 30))] * 2)

    def cached() -> None:
        one_pass(base, learner, text)
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def encoding() -> None:
        with torch.no_grad():
            base.pipeline.vae.encode(pixels)
        cached()

    fast, slow = medians([cached, encoding])
    lora.detach({"unet": unet})
    return fast, slow


def one_pass(base: Base, learner: loop.Learner, text: Text) -> None:
    """Go forward and back with one user's first batch."""
    batch = loop.draw_batch(learner.recipe, learner.examples, 0, LEVELS)
    errors = loop.batch_errors(base, learner.recipe, batch, text.rows(batch.rows))
    loop.total(errors, learner.recipe).backward()


def steps(base: Base) -> list[Row]:
    """Compare steps, and whole jobs of 60 steps with and without their class images ready."""
    shots = [Shot("a photo", seed) for seed in range(2)]
    started = time.process_time()
    to_images(decode(base, make_latents(base, shots, SIDE, TimeLimit(), "class images")))
    making = (time.process_time() - started) / len(shots) * CLASS_IMAGES
    fast, slow = time_steps(base)
    job, slow_job = JOB_STEPS * fast, making + JOB_STEPS * slow
    return [
        row("one step, latents and text cached", f"{fast:.3f} s"),
        row("one step, both images encoded in it", f"{slow:.3f} s"),
        row("speed-up of a step", f"{slow / fast:.2f}x", goal(slow / fast, 1.25)),
        row(f"making {CLASS_IMAGES} class images once", f"{making:.1f} s"),
        row(f"{JOB_STEPS} steps, class images found ready", f"{job:.1f} s"),
        row(f"{JOB_STEPS} steps, encoding, class images made", f"{slow_job:.1f} s"),
        row("speed-up of the job", f"{slow_job / job:.2f}x", goal(slow_job / job, 3.0)),
    ]


def shared(base: Base) -> list[Row]:
    """Time four users in one pass, and one after the other."""
    learners = [make_learner(base, seed) for seed in range(USERS)]
    unet, recipes = base.pipeline.unet, [learner.recipe for learner in learners]
    texts = [loop.encode_frozen(base, learner.examples) for learner in learners]

    def turn_by_turn() -> None:
        for learner, text in zip(learners, texts, strict=True):
            one_pass(base, learner, text)

    lora.attach(unet, "unet", TARGETS, rank=16, alpha=16.0, seed=0)
    (alone,) = medians([turn_by_turn])
    lora.detach({"unet": unet})
    together.attach(unet, recipes)
    (at_once,) = medians([lambda: pass_together(base, learners, texts)])
    together.detach(unet)
    return [
        row(f"{USERS} users' passes one after another", f"{alone:.3f} s"),
        row(f"{USERS} users in one pass", f"{at_once:.3f} s"),
        row(f"speed-up of {USERS} users", f"{alone / at_once:.2f}x", goal(alone / at_once, 1.8)),
    ]


def pass_together(base: Base, learners: list[loop.Learner], texts: list[Text]) -> None:
    """Go forward and back with all users' first batches at once."""
    batch, prompts = together.draw(base, learners, texts, 0)
    errors = loop.batch_errors(base, learners[0].recipe, batch, prompts)
    own = zip(errors.view(len(learners), -1), learners, strict=True)
    torch.stack([loop.total(e, learner.recipe) for e, learner in own]).sum().backward()


def gradient_gap(base: Base) -> float:
    """Return how far gradients of one pass are from separate ones, relative to the largest."""
    learners = [make_learner(base, seed) for seed in range(2)]
    unet, texts = base.pipeline.unet, [loop.encode_frozen(base, own.examples) for own in learners]
    stacked = together.attach(unet, [learner.recipe for learner in learners])
    lift(stacked)
    pass_together(base, learners, texts)
    together.detach(unet)
    worst = 0.0
    for user, (learner, text) in enumerate(zip(learners, texts, strict=True)):
        seed = learner.recipe.seed
        lora.attach(unet, "unet", TARGETS, rank=16, alpha=16.0, seed=seed)
        alone = lora.parameters({"unet": unet})
        lift(alone)
        one_pass(base, learner, text)
        largest = max(float(weight.grad.abs().max()) for weight in alone.values())
        for name, weight in alone.items():
            gap = float((stacked[name].grad[user] - weight.grad).abs().max())
            worst = max(worst, gap / largest)
        lora.detach({"unet": unet})
    return worst


def lift(weights: dict[str, torch.nn.Parameter]) -> None:
    """Move weights off zero, so that A has gradients too."""
    for weight in weights.values():
        weight.data += 1e-3


def medians(functions: list[Callable[[], None]]) -> list[float]:
    """Return each function's median seconds; runs are interleaved, the first is not counted."""
    for function in functions:
        function()
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS):
        for own, function in zip(times, functions, strict=True):
            gc.collect()
            started = time.process_time()
            function()
            own.append(time.process_time() - started)
    return [statistics.median(own) for own in times]


def row(what: str, value: str, note: str = "") -> Row:
    """Return one line of the table."""
    return {"what": what, "value": value, "note": note}


def goal(measured: float, least: float) -> str:
    """Return what is said beside a figure that has a goal."""
    return f"goal {least}x: {'reached' if measured >= least else 'not reached'}"


if __name__ == "__main__":
    main()
