"""Finds the program that runs in place of an image, as the laptop needs no Docker."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.sagemaker.container import free_cores

ROOT = Path(__file__).resolve().parents[3]
TORCH_PYTHON = ROOT / ".venv" / "torch" / "bin" / "python"
"""One environment for the trainer and the server (docs/decisions/0005)."""

TRAINING_REPOSITORY = "likeness-training"
SERVING_REPOSITORY = "likeness-serving"


@dataclass(frozen=True)
class Program:
    """A program, in place of an image's ENTRYPOINT and ENV."""

    argv: tuple[str, ...]

    environment: Mapping[str, str] = field(default_factory=dict)

    at_start: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)
    """Variables that depend on how the machine is when the program starts."""


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

    The trainer tries how many threads are fastest, up to one for each core it may use; how they
    wait depends on what is free when it starts. The server runs beside all that and gets one.

    An instance of the laptop has no GPU, whatever its type's name says. Trainer and server refuse
    that on AWS; LIKENESS_ALLOW_CPU tells them that it is meant. The face detector is the one that
    the Dockerfile's build chooses by default.
    """
    cores = len(os.sched_getaffinity(0))
    return {
        TRAINING_REPOSITORY: Program(
            argv=(
                str(TORCH_PYTHON),
                str(ROOT / "training_image" / "train.py"),
                "train",
            ),
            environment={
                "PYTHONUNBUFFERED": "1",
                "OMP_NUM_THREADS": "1",
                "LIKENESS_MAX_THREADS": str(cores),
                "LIKENESS_ALLOW_CPU": "1",
                "LIKENESS_IMAGE_FACE_DETECTOR": "dlib",
            },
            at_start=lambda: free_cores.waiting(cores),
        ),
        SERVING_REPOSITORY: Program(
            argv=(
                str(TORCH_PYTHON),
                str(ROOT / "serving_image" / "serve"),
            ),
            environment={
                "PYTHONUNBUFFERED": "1",
                "OMP_NUM_THREADS": "1",
                "LIKENESS_ALLOW_CPU": "1",
            },
        ),
    }


def python_program(script: Path, *arguments: str) -> Program:
    """Return a program that runs a script with this interpreter; for tests."""
    return Program(
        argv=(sys.executable, str(script), *arguments), environment={"PYTHONUNBUFFERED": "1"}
    )
