"""Builds, pushes and locks the images.

    python3 -m images build [training] [serving]     also: make images
    python3 -m images push --registry HOST [--prefix likeness] [--parameters /likeness/images]
    python3 -m images tag training
    python3 -m images lock [--check]

Settings come from the environment, which `make images NAME=value` fills: TRAINING_BASE and
SERVING_BASE (by digest), FACE_DETECTOR, RETINAFACE_SHA256, RETINAFACE_URL, TORCH_INDEX_URL,
SERVING_USER, TRAINING_NEEDS, SERVING_NEEDS, TESTS, and ENGINE (docker, podman or buildah).
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from images import engine as engines
from images import lock
from images.recipes import RECIPES, ROOT, ImageError, Recipe, build_arguments, commit, content_tag
from images.registry import Registry, registry_of

REPORTS = ROOT / "reports"
MAY_BE_EMPTY = {"FACE_DETECTOR"}
"""Settings whose empty value says something; of others it is the same as none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 if an image could not be built or pushed, or a lock is old."""
    options = parser().parse_args(arguments)
    settings = {name: value for name, value in os.environ.items() if value or name in MAY_BE_EMPTY}
    try:
        return int(options.run(options, settings) or 0)
    except ImageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    main_parser = argparse.ArgumentParser(
        prog="images", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = main_parser.add_subparsers(required=True)
    for run in (build, push, tag, locks):
        command = commands.add_parser(run.__name__.removesuffix("s"), description=run.__doc__)
        command.set_defaults(run=run)
        if run is locks:
            command.add_argument(
                "--check", action="store_true", help="write nothing; 1 if one is old"
            )
            continue
        command.add_argument("names", nargs="*", default=[], metavar="training|serving")
        if run is not tag:
            command.add_argument("--test", action="store_true", help="run the stage `test` first")
        if run is push:
            command.add_argument("--registry", required=True, help="<account>.dkr.ecr.<region>...")
            command.add_argument(
                "--prefix", default="likeness", help="repositories: PREFIX-training"
            )
            command.add_argument("--parameters", default="", help="SSM path for the pushed URIs")
    return main_parser


def build(options: argparse.Namespace, settings: Mapping[str, str]) -> None:
    """Build the images under their local names, tagged by content and commit."""
    engine = engines.find_engine(settings.get("ENGINE", ""))
    for recipe in chosen(options.names):
        wanted = build_of(recipe, f"likeness-{recipe.name}", settings)
        build_one(engine, wanted, test=options.test)
        print(f"{recipe.name}: {' '.join(wanted.tags)}")


def push(options: argparse.Namespace, settings: Mapping[str, str]) -> None:
    """Build what ECR does not have yet, push it, and print each image's URI by digest."""
    engine = engines.find_engine(settings.get("ENGINE", ""))
    registry = Registry(options.registry)
    registry.log_in(engine)
    pushed = {}
    for recipe in chosen(options.names):
        uri = push_one(engine, registry, recipe, options, settings)
        pushed[recipe.name] = uri
        print(f"{recipe.name}: {uri}", flush=True)
        if options.parameters:
            registry.put_parameter(f"{options.parameters}/{recipe.name}", uri)
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "images.json").write_text(json.dumps(pushed, indent=1) + "\n")


def push_one(
    engine: engines.Engine,
    registry: Registry,
    recipe: Recipe,
    options: argparse.Namespace,
    settings: Mapping[str, str],
) -> str:
    """Return the URI, by digest, of the image with this content; build and push it if needed."""
    repository = f"{options.prefix}-{recipe.name}"
    wanted = build_of(recipe, f"{registry.host}/{repository}", settings)
    content = wanted.tags[0].rpartition(":")[2]
    digest = registry.digest(repository, content)
    if digest is None:
        base = registry_of(wanted.arguments["BASE_IMAGE"])
        if base is not None and base != registry:
            base.log_in(engine)
        build_one(engine, wanted, test=options.test)
        for uri in wanted.tags:
            engine.run("push", uri)
        digest = registry.digest(repository, content)
    return f"{registry.host}/{repository}@{digest}"


def tag(options: argparse.Namespace, settings: Mapping[str, str]) -> None:
    """Print the tag of each image's content."""
    for recipe in chosen(options.names):
        print(f"{recipe.name}: {content_tag(recipe, build_arguments(recipe, settings))}")


def locks(options: argparse.Namespace, _settings: Mapping[str, str]) -> int:
    """Write the requirement files with hashes, or compare them with their sources."""
    if not options.check:
        lock.write()
        return 0
    for problem in lock.problems():
        print(f"images: {problem}", file=sys.stderr)
    return int(bool(lock.problems()))


def build_one(engine: engines.Engine, wanted: engines.Build, *, test: bool) -> None:
    """Build an image, tested if that is wanted, and copy its inventory to reports/."""
    if test:
        engines.build(engine, replace(wanted, tags=(), target="test"))
    engines.build(engine, wanted)
    folder = REPORTS / "inventory" / wanted.recipe.name
    engines.copy_inventory(engine, wanted.tags[0], folder)


def build_of(recipe: Recipe, name: str, settings: Mapping[str, str]) -> engines.Build:
    """Return what to build under a name, tagged by content, and by commit when the tree is one."""
    arguments = build_arguments(recipe, settings)
    built = commit(settings)
    tags = [
        f"{name}:{content_tag(recipe, arguments)}",
        *([f"{name}:g-{built[:12]}"] if built else []),
    ]
    labels = {"org.opencontainers.image.title": f"likeness-{recipe.name}"}
    labels |= {"org.opencontainers.image.revision": built} if built else {}
    return engines.Build(recipe, arguments, tags, labels)


def chosen(names: Sequence[str]) -> list[Recipe]:
    """Return the named recipes; without names, all.

    Raises:
        ImageError: there is no image of this name.
    """
    unknown = sorted(set(names) - RECIPES.keys())
    if unknown:
        raise ImageError(f"There is no image {unknown[0]!r}; there are {' and '.join(RECIPES)}.")
    return [recipe for name, recipe in RECIPES.items() if not names or name in names]


if __name__ == "__main__":
    sys.exit(main())
