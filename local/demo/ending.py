"""What is left when a demo ends before its picture: the reason, what is kept, nothing running."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.cloud import paths
from local.cloud.server import Cloud
from local.demo import reasons
from local.demo.kept import Kept

SAVE_SECONDS = 60.0
"""For the trainer to save its state after it was asked to stop: one step, on a busy machine."""

TROUBLE = (BotoCoreError, ClientError, OSError)
"""The embedded AWS may be the very thing that has ended."""


def stop_training(cloud: Cloud, sleep: Callable[[float], None] = time.sleep) -> None:
    """Ask the running training jobs to stop, and wait until they have saved their state."""
    client = cloud.client("sagemaker")
    running = _running(client)
    for name in running:
        client.stop_training_job(TrainingJobName=name)
    deadline = time.monotonic() + SAVE_SECONDS
    while running and time.monotonic() < deadline:
        sleep(0.5)
        running = [name for name in running if _status(client, name) in {"InProgress", "Stopping"}]


def save_all(cloud: Cloud, kept: Kept | None) -> None:
    """Keep what the training has reached, if there is still something to ask for it."""
    try:
        stop_training(cloud)
        if kept is not None:
            kept.save()
    except TROUBLE:
        return  # what was saved while it ran is kept all the same


def print_kept(console: Console, kept: Kept | None, progress: str) -> None:
    """Say what the next demo does not have to do again."""
    what = ["the environments (.venv)", "the build (.aws-sam)"]
    if kept is not None and kept.has_adapter:
        what.append("the trained adapter")
    elif kept is not None and kept.has_state:
        what.append(f"the training's last saved step ({progress} was reached)" if progress else "")
    console.print(f"Kept: {', '.join(filter(None, what))}.", soft_wrap=True)
    console.print("`make demo` goes on from there.")


def print_logs(console: Console, port: int, *, with_training: bool) -> None:
    """Name the logs; show the end of the one that tells most."""
    files: list[Path] = [paths.log_file(port)]
    training = reasons.training_log(port)
    if with_training and training is not None:
        files.append(training)
    shown = files[-1]
    lines = reasons.tail(shown)
    if lines:
        console.print(f"The last lines of {relative(shown)}:", soft_wrap=True)
        for line in lines:
            console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print(f"Logs: {', '.join(relative(file) for file in files)}", soft_wrap=True)


def relative(path: Path) -> str:
    """Return a path as a person types it in the repository."""
    return str(path.relative_to(paths.ROOT)) if path.is_relative_to(paths.ROOT) else str(path)


def _running(client: Any) -> list[str]:
    jobs = client.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
    return [str(job["TrainingJobName"]) for job in jobs]


def _status(client: Any, name: str) -> str:
    return str(client.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])
