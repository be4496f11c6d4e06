"""Write the tables of docs/hosting.md from contracts/shared/instances/accelerators.py.

Usage: python docs/hosting.py [--check]
Each table stands between two marker comments; --check only says whether it is up to date.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from contracts.shared.instances.accelerators import (
    DEFAULT_AMIS,
    INFERENCE_AMIS,
    INSTANCES,
    TRITON_IMAGES,
    amis_for,
    endpoint_types,
    is_supported,
    min_driver,
    training_types,
    version_text,
)
from domain.pricing.prices import USD_PER_HOUR

PAGE = Path(__file__).with_name("hosting.md")


def images() -> Iterator[tuple[str, ...]]:
    """Yield the table of Triton images."""
    yield (
        "Triton image",
        "Python",
        "CUDA",
        "driver",
        "`ServingImageCuda`",
        "`InferenceAmiVersion`",
    )
    for name, image in TRITON_IMAGES.items():
        if is_supported(image):
            amis = " ".join(f"`{ami}`" for ami in amis_for(image.cuda))
            needs = (str(min_driver(image.cuda)), f"`{image.cuda[0]}`", amis)
        else:
            needs = ("-", "-", "none: its Python is too old for diffusers")
        yield (name, version_text(image.python), version_text(image.cuda), *needs)


def amis() -> Iterator[tuple[str, ...]]:
    """Yield the table of inference AMIs."""
    yield ("`InferenceAmiVersion`", "driver", "its CUDA")
    default = next(iter(DEFAULT_AMIS.values()))
    yield ("not set (SageMaker's default)", str(default.driver), version_text(default.cuda))
    for name, ami in INFERENCE_AMIS.items():
        yield (f"`{name}`", str(ami.driver), version_text(ami.cuda))


def instances() -> Iterator[tuple[str, ...]]:
    """Yield the table of instance types."""
    sizes = ("GPUs", "GPU GiB", "host GiB")
    yield ("instance type", "GPU", *sizes, "bfloat16", "endpoint", "training", "USD an hour")
    for name, one in INSTANCES.items():
        uses = (name in endpoint_types(), name in training_types())
        price = f"{USD_PER_HOUR[name]:g}" if name in USD_PER_HOUR else ""
        yield (
            name,
            one.gpu.name,
            str(one.gpus),
            str(one.gpu.memory_gib),
            str(one.memory_gib),
            *("yes" if yes else "" for yes in (one.gpu.has_bfloat16, *uses)),
            price if name in training_types() else "",
        )


TABLES = {"images": images, "amis": amis, "instances": instances}


def markdown(rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; the first row is its head."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    rule = re.sub(r"[^|]+", "---", head)
    return "\n".join((head, rule, *body))


def renew(text: str) -> str:
    """Return the page with its tables.

    Raises:
        ValueError: the place of a table is missing.
    """
    for name, rows in TABLES.items():
        begin, end = f"<!-- {name}: docs/hosting.py -->", f"<!-- /{name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"no place for the table: {begin} ... {end}")
        text = pattern.sub(f"{begin}\n{markdown(rows())}\n{end}", text)
    return text


def main() -> int:
    """Write the tables, or with --check only compare them; return the exit status."""
    text = PAGE.read_text()
    wanted = renew(text)
    if "--check" in sys.argv[1:]:
        return int(text != wanted)
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
