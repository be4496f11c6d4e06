"""Builds both images with buildah on stand-in bases, and runs them under SageMaker's contracts.

Usage: python -m bench.images [--scratch FOLDER] [--keep] [--install] [--whole] [--only NAME]
The bases are Debian 12 with Python 3.11 and CPU PyTorch (bench/images/bases.py), so this shows the
Dockerfiles and what runs in them, and nothing of AWS's and NVIDIA's images or a GPU. RetinaFace's
weights are seeded ones of the same layout, with the hash of their own. Every layer and container
is in the scratch folder, which is removed at the end; --keep keeps it, and the next run takes the
bases from it. --whole runs all smoke tests in the images' stage `test`, which takes an hour.
Prints the table and writes reports/images-test.json; exits 1 when a target is missed.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from bench.images import bases, contents, serving, training
from bench.images.container import Image, read_config
from bench.images.scratch import WEIGHTS, CannotRunError, Scratch, check
from bench.report import REPORTS, Figure, finish
from images import engine as engines
from images.lock import pins
from images.recipes import RECIPES, ROOT, ImageError, Recipe

SCRATCH = Path.home() / ".cache" / "likeness" / "images-test"
"""On disk, and outside the repository, whose files tests and tools list."""

RUNS = {"training": training.figures, "serving": serving.figures}
BASES = {"training": bases.TRAINING, "serving": bases.SERVING}
TESTS = {
    "training": "tests/smoke/test_training_limits.py tests/smoke/test_exports.py",
    "serving": "tests/smoke/test_serving_reader.py tests/smoke/test_serve_start.py",
}
"""What is run of each image's tests without --whole."""

NEEDS_TORCHVISION = (
    "test_training_photos.py::test_retinafaces_own_network_finds_the_faces_of_its_weights"
)
"""There is no torchvision for CPU PyTorch, so the stand-in has none."""

WHOLE = {
    "training": f"tests/smoke --deselect tests/smoke/{NEEDS_TORCHVISION}",
    "serving": "tests/smoke",
}


def main() -> int:
    """Return 1 when a target was missed, 2 when this machine cannot run it."""
    options = parse()
    folder = Path(options.scratch).resolve()
    found: list[Figure] = []
    try:
        check(install=options.install)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.only:
            shutil.rmtree(folder / "runs" / name, ignore_errors=True)
            collect(RECIPES[name], folder, options, found)
    except (CannotRunError, ImageError) as error:
        print(f"images-test: {error}", file=sys.stderr)
        return 2
    finally:
        if not options.keep:
            remove(folder)
    return finish("images-test", found)


def collect(recipe: Recipe, folder: Path, options: argparse.Namespace, found: list[Figure]) -> None:
    """Add the figures of one image; what ends before its last figure is a miss of its own."""
    try:
        for figure in tried(recipe, folder, options):
            print(f"images-test: {figure.name}: {figure.value}", flush=True)
            found.append(figure)
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError):
        traceback.print_exc()
        found.append(Figure(f"{recipe.name}: tried to the end", 0, "", 1))


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="bench.images", description=__doc__)
    parser.add_argument("--scratch", default=str(SCRATCH))
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder as a cache")
    parser.add_argument("--install", action="store_true", help="install missing packages by apt")
    parser.add_argument("--whole", action="store_true", help="run all smoke tests in the images")
    parser.add_argument("--only", nargs="+", choices=sorted(RECIPES), default=list(RECIPES))
    return parser.parse_args()


def tried(recipe: Recipe, folder: Path, options: argparse.Namespace) -> Iterator[Figure]:
    """Build an image, run it, and yield what came out."""
    scratch = Scratch(folder)
    torch = pins((ROOT / "local/requirements-torch.txt").read_text())["torch"]
    bases.make_bases(scratch, torch)
    arguments = {"BASE_IMAGE": BASES[recipe.name], "NEEDS": bases.NEEDS}
    if recipe.name == "training":
        yield refused(scratch.engine, recipe, arguments)
        arguments |= weights(folder)
    else:
        arguments |= {"SERVING_USER": "likeness"}
    yield from built(scratch.engine, recipe, arguments)
    yield from tested(scratch.engine, recipe, arguments, WHOLE if options.whole else TESTS)
    yield from ran(scratch.engine, recipe, folder / "runs" / recipe.name)


def refused(engine: engines.Engine, recipe: Recipe, arguments: dict[str, str]) -> Figure:
    """Build for RetinaFace without its weights' hash, which must fail and say the command."""
    unpinned = {**arguments, "FACE_DETECTOR": "retinaface"}  # others need no weights of it
    command = engines.build_command(engine, engines.Build(recipe, unpinned))
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    explained = run.returncode != 0 and "| sha256sum" in run.stdout + run.stderr
    return Figure("training: weights without their whole hash are refused", int(explained), "", 1)


def weights(folder: Path) -> dict[str, str]:
    """Write seeded weights of RetinaFace's layout; return the build arguments that name them."""
    file = folder / "weights" / "new.zip"
    script = ROOT / "tests/smoke/retina_process.py"
    subprocess.run([sys.executable, script, "write", file], check=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    named = file.rename(file.with_name(f"weights-{digest[:9]}.zip"))
    return {"RETINAFACE_SHA256": digest, "RETINAFACE_URL": f"file://{WEIGHTS}/{named.name}"}


def built(engine: engines.Engine, recipe: Recipe, arguments: dict[str, str]) -> Iterator[Figure]:
    """Build the image and yield how long it took and how large it is."""
    begun = time.monotonic()
    engines.build(engine, engines.Build(recipe, arguments, [tag(recipe)]))
    yield Figure(f"{recipe.name}: built", 1, "", 1)
    yield Figure(f"{recipe.name}: seconds of the build", time.monotonic() - begun, "s")
    engines.copy_inventory(engine, tag(recipe), REPORTS / "inventory" / recipe.name)


def tested(
    engine: engines.Engine, recipe: Recipe, arguments: dict[str, str], tests: dict[str, str]
) -> Iterator[Figure]:
    """Build the stage `test`, which runs the smoke tests in the image as user nobody."""
    begun = time.monotonic()
    try:
        chosen = {**arguments, "TESTS": tests[recipe.name]}
        engines.build(engine, engines.Build(recipe, chosen, target="test"))
    except ImageError:
        passed = 0
    else:
        passed = 1
    yield Figure(f"{recipe.name}: the stage `test` passes", passed, "", 1)
    yield Figure(f"{recipe.name}: seconds of that stage", time.monotonic() - begun, "s")


def ran(engine: engines.Engine, recipe: Recipe, folder: Path) -> Iterator[Figure]:
    """Run the image as SageMaker does, and look at what it holds."""
    folder.mkdir(parents=True)
    with (
        engines.mounted(engine, tag(recipe)) as container,
        engines.mounted(engine, BASES[recipe.name]) as base,
    ):
        yield from contents.figures(recipe, container.root, base.root)
        image = Image(container.root, read_config(engine, tag(recipe)))
        yield from RUNS[recipe.name](image, folder)


def tag(recipe: Recipe) -> str:
    """Return the name of the image that is tried."""
    return f"localhost/likeness-{recipe.name}:tried"


def remove(folder: Path) -> None:
    """Remove the scratch folder, unless something of this machine is still mounted in it."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    inside = [line.split()[4] for line in mounts if line.split()[4].startswith(f"{folder}/")]
    if inside:
        print(f"images-test: {inside[0]} is still mounted, so {folder} stays", file=sys.stderr)
        return
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
