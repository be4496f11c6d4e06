"""Finds the program that runs in place of an image, as the laptop needs no Docker."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = ROOT / ".venv"

TRAINING_REPOSITORY = "likeness-training"
SERVING_REPOSITORY = "likeness-serving"


@dataclass(frozen=True)
class Program:
    """A program, in place of an image's ENTRYPOINT and ENV."""

    argv: tuple[str, ...]

    environment: Mapping[str, str] = field(default_factory=dict)


Images = Mapping[str, Program]
"""Programs by URI, or by repository name for every tag and registry."""


def find_program(images: Images, uri: str) -> Program | None:
    """Return the program for an image; None when there is none, so the pull fails.

    >>> images = {"train": Program(("a",)), "1.dkr/train:old": Program(("b",))}
    >>> [find_program(images, uri) for uri in ("9.dkr/train:1", "1.dkr/train:old", "x")]
    [Program(argv=('a',), environment={}), Program(argv=('b',), environment={}), None]
    """
    return images.get(uri) or images.get(repository_of(uri))


def repository_of(uri: str) -> str:
    """Return the last part of an image's URI, without registry, tag and digest.

    >>> repository_of("1.dkr.ecr.us-east-1.amazonaws.com/team/train@sha256:00")
    'train'
    """
    return uri.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]


def product_images() -> Images:
    """Return the programs of the training image and the serving image.

    OpenMP threads spin while they wait. On two busy cores two threads took 56.7 s for a step for
    which one took 1.2 s. So the trainer's threads sleep instead, and one core stays free for other
    processes. The server runs beside them and gets one thread.
    """
    threads = str(max(1, (os.cpu_count() or 1) - 1))
    return {
        TRAINING_REPOSITORY: Program(
            argv=(
                str(ENVIRONMENTS / "training" / "bin" / "python"),
                str(ROOT / "training_image" / "train.py"),
                "train",
            ),
            environment={
                "PYTHONUNBUFFERED": "1",
                "OMP_NUM_THREADS": threads,
                "OMP_WAIT_POLICY": "PASSIVE",
            },
        ),
        SERVING_REPOSITORY: Program(
            argv=(
                str(ENVIRONMENTS / "serving" / "bin" / "python"),
                str(ROOT / "serving_image" / "serve"),
            ),
            environment={"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
        ),
    }


def python_program(script: Path, *arguments: str) -> Program:
    """Return a program that runs a script with this interpreter; for tests."""
    return Program(
        argv=(sys.executable, str(script), *arguments), environment={"PYTHONUNBUFFERED": "1"}
    )
