"""What each image is built from: Dockerfile, build arguments, and the tag of their content."""

import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
"""An image by digest."""

BYTECODE, TEST_STAGE = "__pycache__", "test"


class ImageError(Exception):
    """An image cannot be built; the text says why and what to do."""


@dataclass(frozen=True)
class Recipe:
    """One of the two images."""

    name: str
    base_variable: str
    """The variable that names the base image, by digest."""

    arguments: tuple[str, ...]
    """Variables that are handed to the Dockerfile as build arguments when they are set."""

    base_hint: str
    """What the base image is, for the message that asks for it."""

    @property
    def needs_variable(self) -> str:
        """Return the variable with the image's Python, CUDA and driver."""
        return f"{self.name.upper()}_NEEDS"

    @property
    def dockerfile(self) -> str:
        """Return the Dockerfile's path from the root."""
        return f"{self.name}_image/Dockerfile"


TRAINING = Recipe(
    "training",
    "TRAINING_BASE",
    ("FACE_DETECTOR", "RETINAFACE_URL", "RETINAFACE_SHA256", "TESTS"),
    "AWS's PyTorch training image (pytorch-training, 2.8 or newer, Python 3.11 or 3.12)",
)
SERVING = Recipe(
    "serving",
    "SERVING_BASE",
    ("TORCH_INDEX_URL", "SERVING_USER", "TESTS"),
    "SageMaker's Triton image (sagemaker-tritonserver, 25.04 or newer, Python 3.12)",
)
RECIPES = {recipe.name: recipe for recipe in (TRAINING, SERVING)}


def build_arguments(recipe: Recipe, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the Dockerfile's arguments.

    Raises:
        ImageError: the base is missing, or is named by a tag that may move.
    """
    base = settings.get(recipe.base_variable, "")
    if not DIGEST.fullmatch(base):
        found = f"it is {base!r}" if base else "it is not set"
        raise ImageError(
            f"{recipe.base_variable} must name {recipe.base_hint} by digest"
            f" (registry/name@sha256:...), {found}. `docker buildx imagetools inspect NAME:TAG`"
            " or `aws ecr describe-images` prints a tag's digest."
        )
    chosen = {name: settings[name] for name in recipe.arguments if name in settings}
    if settings.get(recipe.needs_variable):
        chosen["NEEDS"] = settings[recipe.needs_variable]
    return {"BASE_IMAGE": base, **chosen}


def content_tag(recipe: Recipe, arguments: Mapping[str, str], root: Path = ROOT) -> str:
    """Return a tag that is equal for equal content: ``c-`` and 20 hexadecimal digits.

    Content is the Dockerfile, every file that it copies, and the build arguments; what only the
    stage ``test`` reads is not in the image.
    """
    digest = hashlib.sha256()
    for path in content(recipe, root):
        mode = os.access(path, os.X_OK)
        data = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {mode} {data}\n".encode())
    for name, value in sorted(arguments.items()):
        if name == "TESTS":
            continue
        digest.update(f"{name}={value}\n".encode())
    return f"c-{digest.hexdigest()[:20]}"


def content(recipe: Recipe, root: Path = ROOT) -> list[Path]:
    """Return the Dockerfile and every file that it copies, in order of their paths."""
    dockerfile = root / recipe.dockerfile
    found = {dockerfile, root / ".dockerignore"}
    for source in copied(dockerfile.read_text()):
        for path in root.glob(source):
            found |= set(path.rglob("*")) if path.is_dir() else {path}
    return sorted(path for path in found if path.is_file() and BYTECODE not in path.parts)


def copied(dockerfile: str) -> Iterator[str]:
    r"""Yield the sources of every COPY from the build context, without the stage ``test``.

    >>> text = "FROM a\nCOPY x y/*.txt /z/\nCOPY --from=b /c /d\nFROM a AS test\nCOPY t /t\n"
    >>> list(copied(text))
    ['x', 'y/*.txt']
    """
    stage = ""
    for line in dockerfile.replace("\\\n", " ").splitlines():
        word, *names = shlex.split(line, comments=True) or [""]
        if word == "FROM":
            stage = names[-1]
        from_context = not any(name.startswith("--from=") for name in names)
        if word == "COPY" and from_context and stage != TEST_STAGE:
            yield from [name for name in names if not name.startswith("--")][:-1]


def commit(settings: Mapping[str, str], root: Path = ROOT) -> str | None:
    """Return the commit that is built; None for a changed tree, or one without git.

    CodeBuild and GitHub say it; a checkout asks git.
    """
    for variable in ("CODEBUILD_RESOLVED_SOURCE_VERSION", "GITHUB_SHA"):
        if re.fullmatch(r"[0-9a-f]{40}", settings.get(variable, "")):
            return settings[variable]
    if _git(root, "status", "--porcelain") != "":
        return None
    return _git(root, "rev-parse", "HEAD")


def _git(root: Path, *command: str) -> str | None:
    try:
        run = subprocess.run(
            ["git", "-C", root, *command], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip()
