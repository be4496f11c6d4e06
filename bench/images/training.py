"""Runs the training image as a SageMaker training job: /opt/ml, the word `train`, signals.

The base is a tiny untrained SDXL. The job has no network, as SageMaker's network isolation wants.
"""

import shutil
import signal
import subprocess
import time
from pathlib import Path

from bench.images.container import Image, Run, start
from bench.report import Figure
from tests.smoke import tiny_pipelines as tiny
from tests.smoke.job_dir import JobDir

MINUTES = 20
"""The longest that a tiny job may take, also on a busy machine."""

STOP_SECONDS = 120
"""Seconds from SIGTERM to the moment at which SageMaker kills a job."""

PREEMPTED = 143
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "LIKENESS_FACE_DETECTOR": "none",  # noise has no faces, and the stand-in has no torchvision
}


def figures(image: Image, folder: Path) -> list[Figure]:
    """Run the jobs and return what came out."""
    tiny.make_base(folder / "base", "sdxl")
    return [*whole(image, folder), *preempted(image, folder), *broken(image, folder)]


def whole(image: Image, folder: Path) -> list[Figure]:
    """Train one task to its end, without a network."""
    job = job_dir(folder / "whole", folder / "base")
    task = job.add_task()
    job.write_plan()
    begun = time.monotonic()
    status = wait(train(image, job))
    adapter = job.folder(task) / "adapter" / "pytorch_lora_weights.safetensors"
    done = status == 0 and job.code(task) is None and adapter.exists()
    return [
        Figure("train: a job without a network ends with an adapter", int(done), "", 1),
        Figure("train: seconds of that job", time.monotonic() - begun, "s"),
    ]


def preempted(image: Image, folder: Path) -> list[Figure]:
    """Stop a job by SIGTERM after its first steps, and start it again."""
    job = job_dir(folder / "preempted", folder / "base")
    task = job.add_task(max_train_steps=400)
    job.write_plan()
    running = train(image, job)
    trained = until(job.root / "log.txt", "\nstep=", running)
    running.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    status = wait(running)
    seconds = time.monotonic() - begun
    again = train(image, job)
    resumed = until(job.root / "log.txt", "resumed from step", again)
    again.kill()
    again.wait()
    saved = trained and status == PREEMPTED and any((job.folder(task) / "state").glob("*"))
    return [
        Figure("train: SIGTERM saves and ends with 143", int(saved), "", 1),
        Figure("train: seconds from SIGTERM to the end", seconds, "s", STOP_SECONDS, "less"),
        Figure("train: the next start resumes", int(resumed), "", 1),
    ]


def broken(image: Image, folder: Path) -> list[Figure]:
    """Start a job whose base is not the one of its plan."""
    job = job_dir(folder / "broken", folder / "base")
    job.add_task()
    job.write_plan(base_sha256="0" * 64)
    status = wait(train(image, job))
    explained = status == 1 and bool(job.failure())
    return [
        Figure("train: a failed job writes output/failure and ends with 1", int(explained), "", 1)
    ]


def job_dir(root: Path, base: Path) -> JobDir:
    """Return a job's /opt/ml with a base of its own, as a link leads nowhere inside the image."""
    job = JobDir(root, base)
    (job.data / "base").unlink()
    shutil.copytree(base, job.data / "base")
    return job


def train(image: Image, job: JobDir) -> subprocess.Popen[bytes]:
    """Start the image with the word `train`; its log is beside the job's folders."""
    run = Run(["train"], {"/opt/ml": job.root}, ENVIRONMENT, network=False)
    return start(image, run, job.root / "log.txt")


def until(log: Path, text: str, running: subprocess.Popen[bytes]) -> bool:
    """Wait until the log has a text; False if the program ended or time is up before that."""
    end = time.monotonic() + MINUTES * 60
    while time.monotonic() < end:
        ended = running.poll() is not None
        if text in log.read_text(errors="replace"):
            return True
        if ended:
            return False
        time.sleep(0.1)
    return False


def wait(running: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status; None if the program had to be killed."""
    try:
        return running.wait(MINUTES * 60)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
        return None
