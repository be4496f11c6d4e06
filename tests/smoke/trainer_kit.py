"""What tests of the trainer share: recipes, jobs in this process, and plain diffusers' pictures."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline

from tests.smoke.job_dir import JobDir
from tests.smoke.tiny_pipelines import Family, make_base
from trainer.config.recipe import Recipe, RecipeSubject, read_plan
from trainer.model import lora
from trainer.model.base import load_base, read_card
from trainer.optimisation.loop import train
from trainer.optimisation.training_run import TrainingRun
from trainer.process.results import PreemptedError
from trainer.process.time_limit import TimeLimit
from trainer.tasks.shared import Job
from trainer.tasks.training import attach_adapters, prepare

CPU = torch.device("cpu")
PROMPT = "a photo of sks person"
TOLERANCE = 1 / 255
"""Largest difference of two equal pictures, as a share of white."""

MakeJob = Callable[..., tuple[Job, Any]]
"""Takes options of a request; returns a job in this process, and its only task."""


def small_recipe(seed: int = 1, alpha: float = 2.0, **options: Any) -> Recipe:
    """Return a recipe without class images, whose text encoders are frozen."""
    plain = Recipe(
        job_id=f"{seed:032x}",
        seed=seed,
        resolution=64,
        steps=10,
        batch_size=2,
        rank=2,
        alpha=alpha,
        learning_rate=1e-3,
        text_encoder_lr=None,
        target_modules=("to_q", "to_k"),
        subjects=(RecipeSubject("sks", "", ""),),
        class_images=0,
        prior_loss_weight=1.0,
    )
    return replace(plain, **options)


def full_recipe(**options: Any) -> Recipe:
    """Return a recipe whose text encoders have another rank, and whose alphas are not the ranks."""
    plain = Recipe(
        job_id="0" * 32,
        seed=3,
        resolution=64,
        steps=10,
        batch_size=1,
        rank=4,
        alpha=2.0,
        learning_rate=1e-3,
        text_encoder_lr=1e-4,
        text_encoder_rank=2,
        text_encoder_alpha=3.0,
        target_modules=("to_k", "to_q", "to_v", "to_out.0"),
        subjects=(
            RecipeSubject("sks", "a secret photo of sks person", "a secret photo of a person"),
        ),
        class_images=2,
        prior_loss_weight=1.0,
    )
    return replace(plain, **options)


def tiny_base(tmp_path_factory: pytest.TempPathFactory, family: Family) -> Path:
    """Make a tiny base of a family; return its folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp(family)
    make_base(folder, family)
    return folder


def job_maker(base_folder: Path, folder: Path) -> MakeJob:
    """Return a function that makes jobs of one task of 4 photos and 4 steps on this base."""

    def make(**request: Any) -> tuple[Job, Any]:
        job_dir = JobDir(folder / f"job{len(list(folder.iterdir()))}", base_folder)
        job_dir.add_task(**({"photos": 4, "max_train_steps": 4} | request))
        job_dir.write_plan()
        card = read_card(base_folder, job_dir.card.sha256)
        base = load_base(base_folder, card, CPU, torch.float32)
        return Job(job_dir.root, base, None, TimeLimit()), read_plan(job_dir.root).tasks[0]

    return make


class PreemptedAfterChecks(TimeLimit):
    """A limit that is preempted after it was checked ``after`` times."""

    checks = 0
    after = 1

    def __getattribute__(self, name: str) -> Any:
        if name == "preempted":
            self.checks += 1
            return self.checks > self.after
        return super().__getattribute__(name)


def train_alone(job: Job, run: TrainingRun, limit: TimeLimit) -> dict[str, Any]:
    """Train one user; return the weights by name, and the ``losses``."""
    networks = attach_adapters(job.base, run.recipe)
    try:
        trained = train(job.base, run, networks, limit)
        return lora.weights(networks) | {"losses": trained.progress.losses}
    finally:
        lora.detach(job.base.networks())


def check_resumes_exactly(job: Job, task: Any) -> None:
    """Train a task whole, and again with a preemption in between: the weights must be the same."""
    run = prepare(job, task).run
    whole = train_alone(job, replace(run, folder=run.folder / "whole"), TimeLimit())
    with pytest.raises(PreemptedError):
        train_alone(job, run, PreemptedAfterChecks())
    state = run.load()
    assert state is not None
    assert 0 < state.progress.step < run.recipe.steps
    resumed = train_alone(job, run, TimeLimit())
    assert whole.keys() == resumed.keys()
    assert whole.pop("losses") == resumed.pop("losses")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def perturb(weights: dict[str, Any]) -> None:
    """Add noise to LoRA weights: B is zero at first, and so is A's gradient."""
    for number, weight in enumerate(weights.values()):
        own = torch.Generator().manual_seed(number)
        weight.data += 0.05 * torch.randn(weight.shape, generator=own)


def plain_pipeline(folder: Path) -> Any:
    """Return diffusers' own pipeline of a base."""
    pipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def picture(pipeline: Any, **more: Any) -> Any:
    """Return a picture of PROMPT, (64, 64, 3) float32 in [0, 1]: always of the same noise."""
    answer = pipeline(
        PROMPT,
        num_inference_steps=2,
        height=64,
        width=64,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
        **more,
    )
    return answer.images[0]
