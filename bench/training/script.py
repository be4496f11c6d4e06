"""Runs both sides as processes: diffusers' DreamBooth script and the training image's program.

The script runs from a diffusers checkout and is never copied. Both sides get the same base, photos,
class prompt, steps, rank, seed and precision.
"""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.training.image_folder import CAPTIONS
from tests.smoke.job_dir import PROGRAM, JobDir

RECORDER = Path(__file__).with_name("recorded.py")
SCRIPTS = Path("examples/dreambooth")
INSTANCE, CLASS = "a photo of sks person", "a photo of a person"
SKIPPED = 5
"""First steps, which are slower and not counted."""


@dataclass(frozen=True)
class Clock:
    """The clock, and the threads of each process."""

    processor: bool
    threads: int

    def environment(self) -> dict[str, str]:
        """Return the variables of both sides' processes.

        Threads spin while they wait, which is OpenMP's default and needs an idle machine. Passive
        threads would make a step of many small operations slower than with one thread.
        """
        return {
            "OMP_NUM_THREADS": str(self.threads),
            "HF_HUB_OFFLINE": "1",
            "BENCH_GATE_PICTURES": "1",
        }


@dataclass(frozen=True)
class Cost:
    """The cost of one process."""

    seconds: float
    """Seconds from the start of the process to its end."""
    steps: list[float]
    """Seconds of each optimiser step except the first."""
    peak_bytes: int
    cuda_bytes: int

    @property
    def step(self) -> float:
        """Return the median of the steps."""
        return statistics.median(self.steps[SKIPPED:] or self.steps)


class NotRunError(Exception):
    """A side failed or was not run."""


def run_script(  # noqa: PLR0913 (the script's arguments)
    checkout: Path,
    work: Path,
    base: Path,
    photos: Path,
    *,
    clock: Clock,
    steps: int,
    class_images: int,
    side: int,
    name: str = "train_dreambooth_lora_sdxl.py",
    more: tuple[str, ...] = (),
) -> Cost:
    """Run the script for one user in a new folder, so that it draws its class images.

    Photos beside a ``metadata.jsonl`` are read as a dataset, whose captions the script uses.
    """
    work.mkdir(parents=True)
    prior = [
        f"--class_data_dir={work / 'class'}",
        "--with_prior_preservation",
        f"--num_class_images={class_images}",
        f"--class_prompt={CLASS}",
    ]
    where = "dataset_name" if (photos / CAPTIONS).exists() else "instance_data_dir"
    command = [
        str(checkout / SCRIPTS / name),
        f"--pretrained_model_name_or_path={base}",
        f"--{where}={photos}",
        *(prior if class_images else ()),
        f"--instance_prompt={INSTANCE}",
        f"--resolution={side}",
        "--train_batch_size=1",
        "--rank=16",
        "--seed=0",
        "--learning_rate=1e-4",
        f"--max_train_steps={steps}",
        f"--output_dir={work / 'adapter'}",
        *more,
    ]
    return record(command, work / "cost.json", clock, {})


def run_ours(root: Path, clock: Clock, prior: Path) -> Cost:
    """Run the training image's program on a plan; class images are under ``prior``."""
    own = {"SAGEMAKER_BASE_DIR": str(root), "LIKENESS_PRIOR_CACHE": str(prior)}
    return record([str(PROGRAM), "train"], root / "cost.json", clock, own)


def make_job_dir(  # noqa: PLR0913 (the plan's contents)
    root: Path,
    base: Path,
    *,
    users: int,
    steps: int,
    class_images: int,
    photos: int,
    **fields: object,
) -> JobDir:
    """Write the folder of a job for several users; ``fields`` are of the request."""
    job_dir = JobDir(root, base)
    for user in range(users):
        job_dir.add_task(
            photos,
            instance_prompt=INSTANCE,
            class_prompt=CLASS,
            with_prior_preservation=class_images > 0,
            num_class_images=max(1, class_images),
            max_train_steps=steps,
            train_batch_size=1,
            rank=16,
            learning_rate=1e-4,
            seed=user,
            **fields,
        )
    job_dir.write_plan()
    return job_dir


def record(command: list[str], report: Path, clock: Clock, own: dict[str, str]) -> Cost:
    """Run a program in the recorder.

    Raises:
        NotRunError: the program's exit code is not 0.
    """
    log = report.with_suffix(".log")
    with log.open("w") as file:
        done = subprocess.run(
            [sys.executable, str(RECORDER), str(report), *command],
            env=os.environ | clock.environment() | own,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        print(*log.read_text().splitlines()[-20:], sep="\n", file=sys.stderr)
        raise NotRunError(f"{Path(command[0]).name} ended with {done.returncode}")
    about = json.loads(report.read_bytes())
    column = int(clock.processor)
    stamps = [stamp[column] for stamp in about["steps"]]
    steps = [after - before for before, after in pairwise(stamps)]
    return Cost(about["end"][column], steps, about["peak_bytes"], about["cuda"])
