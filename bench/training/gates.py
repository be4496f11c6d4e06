"""Exactness gates: the fast training path must give the same results as the slow path.

Also measures several users in one step and one after another, in one process.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image
from torch.optim.optimizer import register_optimizer_step_post_hook

from bench.report import Figure
from bench.training.base import SIDE
from contracts.base import BaseCard
from tests.smoke import tiny_pipelines as tiny
from tests.smoke.job_dir import JobDir
from trainer.config import noise
from trainer.config.recipe import Recipe, RecipeSubject
from trainer.examples.batches import Examples, draw_batch
from trainer.model import grouped_lora, lora
from trainer.model.base import Base, load_base
from trainer.model.text import EncodedPrompts
from trainer.optimisation import loop, multi_user
from trainer.optimisation.losses import example_losses, user_loss
from trainer.optimisation.training_run import TrainingRun
from trainer.photos.photos import Latents, Photo, encode_photos
from trainer.process.time_limit import TimeLimit

PHOTOS, CLASS_IMAGES, USERS, LEVELS = 4, 8, 4, 1000
TURNS = 3
"""Repetitions of both measurements, in turn."""
STEPS = 6
TARGETS = ("to_k", "to_q", "to_v", "to_out.0")
Stamps = list[float]


def open_base(folder: Path) -> Base:
    """Load a base as the trainer does."""
    card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
    return load_base(folder, card, torch.device("cpu"), torch.float32)


def gates(folder: Path) -> list[Figure]:
    """Compare gradients, losses and resumed runs."""
    base = open_base(folder)
    return [
        Figure(
            "gate: gradients of one pass against separate passes, relative",
            gradient_gap(base),
            target=1e-5,
            better="less",
        ),
        Figure(
            "gate: loss on cached latents against encoding at the step",
            latent_gap(base),
            target=1e-4,
            better="less",
        ),
        Figure(
            "gate: files that differ after SIGTERM and resume",
            resume_gap(),
            "files",
            target=0,
            better="less",
        ),
    ]


def make_run(base: Base, user: int, folder: Path = Path()) -> TrainingRun:
    """Return one user whose photos and class images are noise."""
    recipe = Recipe(
        job_id=f"{user:032x}",
        seed=user,
        resolution=SIDE,
        steps=STEPS,
        batch_size=1,
        rank=16,
        alpha=16.0,
        learning_rate=1e-4,
        text_encoder_lr=None,
        target_modules=TARGETS,
        subjects=(RecipeSubject("sks", "a photo of sks", "a photo"),),
        class_images=CLASS_IMAGES,
        prior_loss_weight=1.0,
        checkpointing_steps=1000,  # no checkpoints, as they are not measured
    )
    latents = encode_photos(base, make_photos(user))
    examples = Examples(
        latents,
        ["a photo of sks", "a photo"],
        [0] * PHOTOS,
        noise.normal((CLASS_IMAGES, *latents.mean[0].shape), user, "class images"),
        [1] * CLASS_IMAGES,
    )
    return TrainingRun(recipe, examples, folder / str(user), "")


def make_photos(user: int) -> list[Photo]:
    """Return a user's photos: noise."""
    chance = np.random.default_rng(user)
    pixels = chance.integers(0, 255, (PHOTOS, SIDE, SIDE, 3), dtype=np.uint8)
    return [Photo(i, "a photo of sks", False, Image.fromarray(p)) for i, p in enumerate(pixels)]


def one_pass(base: Base, run: TrainingRun, text: EncodedPrompts) -> float:
    """Compute loss and gradients of one user's first batch; return the loss."""
    batch = draw_batch(run.recipe, run.examples, 0, LEVELS)
    errors = example_losses(base, run.recipe, batch, text.rows(batch.rows))
    error = user_loss(errors, run.recipe)
    error.backward()
    value: float = error.item()
    return value


def gradient_gap(base: Base) -> float:
    """Return how far gradients of one lean pass are from separate ones through peft's layers."""
    runs = [make_run(base, user) for user in range(USERS)]
    unet, texts = (
        base.pipeline.unet,
        [own.examples.encode_frozen(base) for own in runs],
    )
    stacked = grouped_lora.attach(unet, "unet", [run.recipe for run in runs])
    lift(stacked)
    with loop.training_mode(base, {}, runs[0].recipe, texts) as known:
        batch, prompts = multi_user.draw_group_batch(base, runs, known, 0)
        errors = example_losses(base, runs[0].recipe, batch, prompts)
        own = zip(errors.view(USERS, -1), runs, strict=True)
        torch.stack([user_loss(e, run.recipe) for e, run in own]).sum().backward()
    grouped_lora.detach(unet)
    worst = 0.0
    for user, (run, text) in enumerate(zip(runs, texts, strict=True)):
        alone = attach(base, run)
        lift(alone)
        one_pass(base, run, text)
        largest = max(float(weight.grad.abs().max()) for weight in alone.values())
        for name, weight in alone.items():
            gap = float((stacked[name].grad[user] - weight.grad).abs().max())
            worst = max(worst, gap / largest)
        lora.detach({"unet": unet})
    return worst


def attach(base: Base, run: TrainingRun) -> dict[str, torch.nn.Parameter]:
    """Put one user's adapter into the UNet."""
    unet, recipe = base.pipeline.unet, run.recipe
    lora.attach(unet, "unet", TARGETS, rank=recipe.rank, alpha=recipe.alpha, seed=recipe.seed)
    return lora.parameters({"unet": unet})


def lift(weights: dict[str, torch.nn.Parameter]) -> None:
    """Move weights off zero, so that A has gradients too."""
    for weight in weights.values():
        weight.data += 1e-3


def latent_gap(base: Base) -> float:
    """Return the relative difference of the loss on cached latents and on encoded photos."""
    run = make_run(base, 0)
    parts = [encode_photos(base, [photo]) for photo in make_photos(0)]
    means, stds = torch.cat([p.mean for p in parts]), torch.cat([p.std for p in parts])
    encoded = replace(run.examples, photos=Latents(means, stds, parts[0].codec))
    text = run.examples.encode_frozen(base)
    attach(base, run)
    cached = one_pass(base, run, text)
    uncached = one_pass(base, replace(run, examples=encoded), text)
    lora.detach({"unet": base.pipeline.unet})
    return abs(cached - uncached) / abs(uncached)


def resume_gap() -> float:
    """Return how many files of a resumed training differ from an uninterrupted one."""
    with tempfile.TemporaryDirectory(prefix="likeness_resume_") as folder:
        tiny.make_base(Path(folder, "base"), "sdxl")
        job_dirs = [
            JobDir(Path(folder, name), Path(folder, "base")) for name in ("whole", "broken")
        ]
        for job_dir in job_dirs:
            name = job_dir.add_task(max_train_steps=4, train_text_encoder=True)
            job_dir.write_plan()
        whole, broken = job_dirs
        whole.run()
        broken.preempt("step=2 ")
        broken.run()
        one, other = whole.result(name), broken.result(name)
        resumed = other.metrics is not None and other.metrics.resumed_from_step > 0
        differ = [file for file in one.files if one.files[file] != other.files.get(file)]
        return float(len(differ)) if resumed and one.files else float("nan")


def users_together(folder: Path, *, processor: bool) -> list[Figure]:
    """Time whole steps of four users: one after another, and all in one."""
    base, stamp = open_base(folder), time.process_time if processor else time.monotonic
    alone, shared = [], []
    for _ in range(TURNS):
        alone.append(sum(train_alone(base, user, stamp) for user in range(USERS)))
        shared.append(train_shared(base, stamp))
    ratio = float(np.median([one / other for one, other in zip(alone, shared, strict=True)]))
    return [
        Figure(f"a step of {USERS} users, one after another", float(np.median(alone)), "s"),
        Figure(f"a step of {USERS} users, all in one pass", float(np.median(shared)), "s"),
        Figure(f"{USERS} users in one step, 16 x 16 latents", ratio, "times", target=1.8),
    ]


def train_alone(base: Base, user: int, stamp: Callable[[], float]) -> float:
    """Train one user for a few steps; return the seconds of a step."""
    with tempfile.TemporaryDirectory() as folder, Watch(stamp) as watch:
        run = make_run(base, user, Path(folder))
        networks = {"unet": base.pipeline.unet}
        attach(base, run)
        loop.train(base, run, networks, TimeLimit())
        lora.detach(networks)
    return watch.step


def train_shared(base: Base, stamp: Callable[[], float]) -> float:
    """Train all users for a few steps; return the seconds of a step."""
    folder = Path(tempfile.mkdtemp())
    with Watch(stamp) as watch:
        runs = [make_run(base, user, folder) for user in range(USERS)]
        multi_user.train_users(base, runs, TimeLimit())
    shutil.rmtree(folder)
    return watch.step


class Watch:
    """Measures the optimiser's steps while the block runs."""

    def __init__(self, stamp: Callable[[], float]) -> None:
        """Use this clock."""
        self._stamp = stamp
        self._stamps: Stamps = []

    def __enter__(self) -> Self:
        """Start to record steps."""
        self._hook = register_optimizer_step_post_hook(lambda *_: self._record())
        return self

    def _record(self) -> None:
        self._stamps.append(self._stamp())

    def __exit__(self, *_: object) -> None:
        """Stop recording."""
        self._hook.remove()

    @property
    def step(self) -> float:
        """Return the median seconds of a step."""
        return float(np.median(np.diff(self._stamps)))
