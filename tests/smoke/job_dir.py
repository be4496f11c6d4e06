"""A training job's /opt/ml for the tests, laid out as SageMaker does, and the program run in it."""

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from contracts.base import BaseCard
from contracts.documents.training import TrainingPlan, TrainingResult
from tests.smoke.forked_program import ForkedProgram

STOP_SECONDS = 20
"""The longest time from SIGTERM to the end of the program; SageMaker kills it after 120 s."""

PROGRAM = Path(__file__).parents[2] / "training_image" / "train.py"
REQUEST = {
    "instance_prompt": "a photo of sks person",
    "class_prompt": "a photo of a person",
    "num_class_images": 2,
    "max_train_steps": 2,
}


def job_id(number: int) -> str:
    return f"{number:032x}"


class JobDir:
    """One training job's /opt/ml."""

    def __init__(self, root: Path, base: Path) -> None:
        self.root = root
        self.data = root / "input" / "data"
        self.data.mkdir(parents=True)
        (self.data / "base").symlink_to(base)
        self.card = BaseCard.model_validate_json((base / "base.json").read_bytes())
        self.tasks: list[dict[str, Any]] = []

    def add_task(self, photos: int = 3, **request: Any) -> str:
        """Add a task whose photos are noise; return its job id."""
        name = job_id(len(self.tasks) + 1)
        folder = self.data / "photos" / name
        folder.mkdir(parents=True)
        rng = np.random.default_rng(len(self.tasks))
        photo_entries = []
        for index in range(photos):
            path = folder / f"{index:03d}.png"
            Image.fromarray(rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            photo_entries.append({"index": index, "file": f"{name}/{path.name}", "sha256": digest})
        self.tasks.append({"job_id": name, "request": REQUEST | request, "photos": photo_entries})
        return name

    def show(self, name: str, subjects: list[int]) -> None:
        """Say which subject each photo of a task shows."""
        task = next(task for task in self.tasks if task["job_id"] == name)
        for photo, subject in zip(task["photos"], subjects, strict=True):
            photo["subject"] = subject

    def photo(self, name: str, index: int) -> Path:
        return self.data / "photos" / name / f"{index:03d}.png"

    def write_plan(self, **changes: Any) -> None:
        plan = {"plan_id": job_id(0), "base_sha256": self.card.sha256, "tasks": self.tasks}
        checked = TrainingPlan.model_validate(plan | changes)
        path = self.data / "plan" / "plan.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(checked.model_dump_json())

    def set_hyperparameters(self, **values: str) -> None:
        path = self.root / "input" / "config" / "hyperparameters.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def run(self, late_after: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the program as SageMaker does and wait for its end.

        When it has logged a line that begins with ``late_after``, an hour passes at once.
        """
        with self.start() as running:
            if late_after and any(line.startswith(late_after) for line in running.lines()):
                running.let_an_hour_pass()
            status = running.wait(timeout=300)
            output = running.stdout.read_text()
            return subprocess.CompletedProcess(
                "train.py", status, output, running.stderr.read_text()
            )

    def start(self) -> ForkedProgram:
        """Start the program; the caller reads its log and ends it."""
        log = self.root.with_name(f"{self.root.name}-log")
        log.mkdir(exist_ok=True)
        return ForkedProgram(PROGRAM, self.environment(), log)

    def preempt(self, line: str) -> int:
        """Run the program, send SIGTERM when it logs ``line``, and return its exit status."""
        with self.start() as running:
            if any(logged.startswith(line) for logged in running.lines()):
                running.send_signal(signal.SIGTERM)
            return running.wait(timeout=STOP_SECONDS)

    def environment(self) -> dict[str, str]:
        return os.environ | {"SAGEMAKER_BASE_DIR": str(self.root), "OMP_NUM_THREADS": "1"}

    def folder(self, name: str) -> Path:
        return self.root / "checkpoints" / name

    def result(self, name: str) -> TrainingResult:
        return TrainingResult.model_validate_json((self.folder(name) / "result.json").read_bytes())

    def code(self, name: str) -> str | None:
        """Return the code of a task's failure."""
        failure = self.result(name).failure
        return None if failure is None else failure.code

    def failure(self) -> str:
        return (self.root / "output" / "failure").read_text()
