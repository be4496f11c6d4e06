"""Trains one character, and measures what plain diffusers draws with the exported adapter.

    python -m bench.quality.people --base FOLDER --kept FOLDER --seed N

The training runs as on SageMaker: a folder like /opt/ml, ``train.py train``, and the base's default
settings. The exported file is measured with prompts and seeds that the trainer's gate does not use.
Writes ``KEPT/N/person.json``; a person with that file is not measured again.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from diffusers import DiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from contracts.base import BaseCard
from contracts.documents.class_images import orders_of
from contracts.documents.training import TrainingPlan, TrainingResult
from contracts.documents.upload.request import TrainingRequest
from local.embedded_base.judge import PortraitJudge, expected
from local.portraits import album
from local.portraits.moments import BACKGROUNDS, EXPRESSIONS, SHIRTS
from trainer.evaluation.gate import likeness, likeness_within, share_forgotten, share_pulled

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "training_image" / "train.py"
PHOTOS, PICTURES, AT_ONCE = 10, 16, 8
SUBJECT_SEED, CLASS_SEED = 71_000, 72_000
"""First seeds of the pictures; the gate's seeds start at 1000, the class images' at 0."""

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)
SIDE = 64
REQUEST = {
    "instance_prompt": "a photo of a sks person",
    "class_prompt": "a photo of a person",
    "trigger_word": "sks",
}
"""The fields without a default."""

Pictures: TypeAlias = NDArray[np.float32]
"""Pictures, (N, S, S, 3) in 0 to 1."""


@dataclass(frozen=True)
class LoadedBase:
    """A base, loaded with plain diffusers, and its judge."""

    folder: Path
    card: BaseCard
    pipeline: Any
    judge: PortraitJudge

    @classmethod
    def open(cls, folder: Path) -> "LoadedBase":
        """Load a base with plain diffusers."""
        torch.set_num_threads(1)
        card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
        pipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
        pipeline.set_progress_bar_config(disable=True)
        return cls(folder, card, pipeline, PortraitJudge.load(folder / str(card.judge)))

    def draw(self, prompts: list[str], first_seed: int) -> Pictures:
        """Return one picture for each prompt, with consecutive seeds."""
        made = []
        for first in range(0, len(prompts), AT_ONCE):
            batch = prompts[first : first + AT_ONCE]
            seeds = range(first_seed + first, first_seed + first + len(batch))
            made.append(
                self.pipeline(
                    batch,
                    num_inference_steps=self.card.inference.num_inference_steps,
                    guidance_scale=self.card.inference.guidance_scale,
                    generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                    output_type="np",
                ).images
            )
        drawn: Pictures = np.concatenate(made)
        return drawn

    def identities(self, pictures: Pictures) -> Tensor:
        """Return the pictures' identity vectors, (N, D)."""
        return self.judge.identities(to_images(pictures))

    def following(self, prompts: list[str], pictures: Pictures) -> float:
        """Return the share of the prompts' attributes that the pictures show."""
        readings = self.judge.readings(to_images(pictures))
        hits = [
            reading[name] == label
            for prompt, reading in zip(prompts, readings, strict=True)
            for name, label in expected(self.judge.settings, prompt).items()
        ]
        return sum(hits) / len(hits)


def main() -> None:
    """Train and measure one person."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    folder = options.kept / str(options.seed)
    seconds = train(options.base, folder, options.seed, options.kept / "prior")
    figures = measure(
        LoadedBase.open(options.base), folder, options.seed, options.kept / "base.npz"
    )
    report = json.dumps({"seed": options.seed, "processor_seconds": seconds, **figures}, indent=1)
    (folder / "person.json").write_text(report + "\n")


def to_images(pictures: Pictures) -> list[Image.Image]:
    """Return RGB images."""
    return [Image.fromarray(picture) for picture in (pictures * 255).round().astype(np.uint8)]


def prompts_of(subject: str) -> list[str]:
    """Return prompts with random circumstances, the same for every person."""
    rng = random.Random("quality")  # noqa: S311
    return [
        f"a photo of a {subject}, {rng.choice(EXPRESSIONS)}, {rng.choice([*SHIRTS])} shirt, "
        f"{rng.choice([*BACKGROUNDS])} background"
        for _ in range(PICTURES)
    ]


def draw_base(base_model: LoadedBase, file: Path) -> None:
    """Write what the base alone draws for the subject's prompts and the class's prompts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    subject = base_model.draw(prompts_of("sks person"), SUBJECT_SEED)
    of_class = base_model.draw(prompts_of("person"), CLASS_SEED)
    np.savez(file, subject=subject, of_class=of_class)


# --- training, as on SageMaker ----------------------------------------------------------------


def train(base: Path, folder: Path, seed: int, prior: Path, **overrides: float) -> float:
    """Run the trainer on ten photos; return its processor seconds, with start-up and gate."""
    shutil.rmtree(folder, ignore_errors=True)
    write_channels(base, folder / "job", seed, overrides)
    return run_trainer(folder, prior)


def make_prior(base: Path, kept: Path) -> float:
    """Draw the class images once, as a stack does; return the processor seconds."""
    folder = kept / "class"
    shutil.rmtree(folder, ignore_errors=True)
    card = BaseCard.model_validate_json((base / "base.json").read_bytes())
    orders = orders_of(TrainingRequest.model_validate(REQUEST), card.resolution)
    plan = TrainingPlan(plan_id=job_of(0), base_sha256=card.sha256, tasks=(), class_images=orders)
    data = folder / "job" / "input" / "data"
    (data / "plan").mkdir(parents=True)
    (data / "plan" / "plan.json").write_text(plan.model_dump_json())
    (data / "base").symlink_to(base.resolve())
    return run_trainer(folder, kept / "prior")


def run_trainer(folder: Path, prior: Path) -> float:
    """Run the training image's program in ``folder/job``; return its processor seconds."""
    environment = os.environ | {
        "SAGEMAKER_BASE_DIR": str(folder / "job"),
        "LIKENESS_PRIOR_CACHE": str(prior),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, str(PROGRAM), "train"], env=environment, stdout=log, stderr=log
        )
        _, _, used = os.wait4(running.pid, 0)
    return round(used.ru_utime + used.ru_stime, 1)


def write_channels(base: Path, job_folder: Path, seed: int, overrides: dict[str, float]) -> None:
    """Write plan and photos and link the base, in SageMaker's channel folders."""
    data, job = job_folder / "input" / "data", job_of(seed)
    photos, listed = data / "photos" / job, []
    photos.mkdir(parents=True)
    for index, photo in enumerate(album(seed, PHOTOS)):
        path = photos / f"{index:03d}.png"
        photo.image.save(path)
        digest = sha256(path.read_bytes()).hexdigest()
        listed.append({"index": index, "file": f"{job}/{path.name}", "sha256": digest})
    (data / "base").symlink_to(base.resolve())
    card = BaseCard.model_validate_json((base / "base.json").read_bytes())
    task = {"job_id": job, "request": REQUEST | overrides, "photos": listed}
    plan = {"plan_id": job, "base_sha256": card.sha256, "tasks": [task]}
    (data / "plan").mkdir()
    text = TrainingPlan.model_validate(plan).model_dump_json()
    (data / "plan" / "plan.json").write_text(text)


def job_of(seed: int) -> str:
    """Return the job id of a character."""
    return f"{seed:032x}"


def result_of(folder: Path, seed: int) -> TrainingResult:
    """Return the result that the trainer wrote."""
    path = folder / "job" / "checkpoints" / job_of(seed) / "result.json"
    return TrainingResult.model_validate_json(path.read_bytes())


# --- measuring, with plain diffusers ----------------------------------------------------------


def measure(base_model: LoadedBase, folder: Path, seed: int, base_pictures: Path) -> dict[str, Any]:
    """Return a person's figures; write the pictures and identities behind them."""
    result = result_of(folder, seed)
    if result.adapter is None or result.metrics is None or result.gate is None:
        return {"status": result.status, "code": result.failure and result.failure.code}
    if result.adapter.base_sha256 != base_model.card.sha256:
        raise RuntimeError(
            "the base changed while this character was trained: measure this character again"
        )
    adapter = folder / "job" / "checkpoints" / job_of(seed) / "adapter"
    photos = base_model.judge.identities([photo.image for photo in album(seed, PHOTOS)])
    base, mine, others = np.load(base_pictures), prompts_of("sks person"), prompts_of("person")
    base_model.pipeline.load_lora_weights(adapter, weight_name=result.adapter.weights)
    subject = base_model.draw(mine, SUBJECT_SEED)
    of_class = base_model.draw(others, CLASS_SEED)
    identities = base_model.identities(subject)
    few = {scale: scaled(base_model, mine[:AT_ONCE], scale) for scale in SCALES[:-1]}
    np.savez(folder / "pictures.npz", subject=subject, of_class=of_class, half=few[0.5])
    np.savez(folder / "identities.npz", made=identities.numpy(), photos=photos.numpy())
    return {
        "status": result.status,
        "gate": result.gate.model_dump(mode="json"),
        "steps": result.metrics.steps,
        "train_seconds": round(result.metrics.train_seconds, 1),
        "identity": likeness(identities, photos),
        "identity_base": likeness(base_model.identities(base["subject"]), photos),
        "identity_photos": likeness_within(photos),
        "following": base_model.following(mine, subject),
        "class": class_figures(base_model, photos, base["of_class"], of_class),
        "sweep": [
            *(likeness(base_model.identities(few[scale]), photos) for scale in SCALES[:-1]),
            likeness(identities[:AT_ONCE], photos),
        ],
        "zero_is_base": bool(np.array_equal(few[0.0], base["subject"][:AT_ONCE])),
    }


def scaled(base_model: LoadedBase, prompts: list[str], scale: float) -> Pictures:
    """Return pictures at one lora_scale; the scale is 1 again afterwards."""
    names = base_model.pipeline.get_active_adapters()
    base_model.pipeline.set_adapters(names, [scale] * len(names))
    made = base_model.draw(prompts, SUBJECT_SEED)
    base_model.pipeline.set_adapters(names, [1.0] * len(names))
    return made


def class_figures(
    base_model: LoadedBase, photos: Tensor, before: Pictures, after: Pictures
) -> dict[str, float]:
    """Return the class drift, as the gate defines it."""
    prompts = prompts_of("person")
    kept = [base_model.following(prompts, pictures) for pictures in (before, after)]
    near = [likeness(base_model.identities(pictures), photos) for pictures in (before, after)]
    pulled, forgotten = share_pulled(*near), share_forgotten(*kept)
    return {"pulled": pulled, "forgotten": forgotten, "drift": max(pulled, forgotten)}


if __name__ == "__main__":
    main()
