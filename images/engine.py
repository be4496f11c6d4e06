"""The program that builds images: docker, podman or buildah, the first that works."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from images.recipes import ROOT, ImageError, Recipe

ENGINES = ("docker", "podman", "buildah")
"""In this order."""

INSTALL = (
    "Install one of them. Debian, Ubuntu: apt install buildah, or podman, or docker.io (Docker also"
    " needs its daemon: systemctl start docker). Fedora: dnf install podman. macOS, Windows:"
    " Docker Desktop or podman machine."
)
ENVIRONMENT = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
"""Docker's attestations turn an image into an index of images, which SageMaker does not pull."""

INVENTORY = "/opt/inventory"
"""The folder of every image with its bill of materials and its licences."""


@dataclass(frozen=True)
class Engine:
    """One of the three programs."""

    name: str
    globals: tuple[str, ...] = ()
    """Options before the command, such as where buildah stores its layers."""

    build_options: tuple[str, ...] = ()
    """Further options of every build."""

    def command(self, *words: str) -> list[str]:
        """Return a command line."""
        return [self.name, *self.globals, *words]

    def run(self, *words: str, text: str | None = None) -> str:
        """Run a command and return what it prints on standard output.

        Raises:
            ImageError: the command failed; its own messages are on the terminal.
        """
        run = subprocess.run(
            self.command(*words), input=text, stdout=subprocess.PIPE, text=True, check=False
        )
        if run.returncode:
            raise ImageError(f"`{self.name} {words[0]}` failed with status {run.returncode}.")
        return run.stdout.strip()


@dataclass(frozen=True)
class Build:
    """What is built: an image, or one stage of it."""

    recipe: Recipe
    arguments: Mapping[str, str]
    tags: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    """The stage; empty for the whole image."""


class Mounted(NamedTuple):
    """A container whose files can be reached."""

    name: str
    root: Path


def find_engine(named: str = "") -> Engine:
    """Return the named engine, or the first that works.

    Raises:
        ImageError: none works; the text says why for each, and what to install.
    """
    names = (named,) if named else ENGINES
    reasons = []
    for name in names:
        reason = why_not(name)
        if reason is None:
            return Engine(name)
        reasons.append(f"{name}: {reason}")
    listed = "; ".join(reasons)
    raise ImageError(f"No program that builds images works here ({listed}). {INSTALL}")


def why_not(name: str) -> str | None:
    """Return why an engine cannot be used; None if it can."""
    if name not in ENGINES:
        return f"only {', '.join(ENGINES)} are known"
    if shutil.which(name) is None:
        return "not installed"
    answer = subprocess.run([name, "info"], capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        return None
    return (answer.stderr.strip().splitlines() or ["does not answer"])[-1]


def build(engine: Engine, wanted: Build) -> None:
    """Build one image, or one stage of it, from the repository's root.

    Raises:
        ImageError: the build failed; the engine's messages are on the terminal.
    """
    environment = {**os.environ, **ENVIRONMENT}
    run = subprocess.run(build_command(engine, wanted), cwd=ROOT, env=environment, check=False)
    if run.returncode:
        stage = f" (stage {wanted.target})" if wanted.target else ""
        name = wanted.recipe.name
        raise ImageError(f"The {name} image{stage} was not built: see the lines above.")


def build_command(engine: Engine, wanted: Build) -> list[str]:
    """Return the engine's command line.

    podman and buildah write Docker's manifest, which every registry and SageMaker can read.
    """
    plain = [] if engine.name == "docker" else ["--format", "docker"]
    values = [f"--build-arg={name}={value}" for name, value in wanted.arguments.items()]
    values += [f"--label={name}={value}" for name, value in wanted.labels.items()]
    values += [f"--tag={tag}" for tag in wanted.tags]
    stage = [f"--target={wanted.target}"] if wanted.target else []
    files = ["--file", wanted.recipe.dockerfile, "."]
    return engine.command("build", *plain, *engine.build_options, *values, *stage, *files)


def copy_inventory(engine: Engine, image: str, folder: Path) -> list[Path]:
    """Copy an image's bill of materials and licences into a folder; return the files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if engine.name == "buildah":
        with mounted(engine, image) as held:
            shutil.copytree(f"{held.root}{INVENTORY}", folder)
    else:
        container = engine.run("create", image)
        try:
            engine.run("cp", f"{container}:{INVENTORY}", str(folder))
        finally:
            engine.run("rm", container)
    return sorted(folder.iterdir())


@contextlib.contextmanager
def mounted(engine: Engine, image: str) -> Iterator[Mounted]:
    """Yield a new container of an image; buildah only."""
    name = engine.run("from", image)
    try:
        yield Mounted(name, Path(engine.run("mount", name)))
    finally:
        engine.run("rm", name)
