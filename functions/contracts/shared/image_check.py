"""Check an image while it is built: are its Python, CUDA and driver those that its labels say?

Both Dockerfiles run ``python -m contracts.shared.image_check``. The labels are what ``likeness
doctor`` and people read before anything is deployed; the table of accelerators says what they mean.
"""

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from contracts.shared.accelerators import (
    MIN_PYTHON,
    TRITON_IMAGES,
    Version,
    amis_for,
    is_supported,
    min_driver,
    version_text,
)
from contracts.shared.gpu_check import image_cuda

WITHOUT = "none"
"""How the label of an image without CUDA says so."""


class Labels(NamedTuple):
    """What the image says of itself: ``com.likeness.python``, ``.cuda`` and ``.driver``."""

    python: str
    cuda: str
    driver: str


class Contents(NamedTuple):
    """What was found in the image."""

    python: Version
    cuda: Version | None
    """Newest CUDA version; None: without CUDA."""
    triton: str = ""
    """NVIDIA's number of the Triton release, such as 25.04; empty where the image has none."""


def find_faults(labels: Labels, found: Contents) -> Iterator[str]:
    """Yield what is wrong with an image, and what to do about each."""
    if version_text(found.python) != labels.python:
        yield f"Python is {version_text(found.python)}: build with LIKENESS_PYTHON set to that"
    if found.python < MIN_PYTHON:
        yield f"Python is older than {version_text(MIN_PYTHON)}: take a newer BASE_IMAGE"
    wanted = labels_of(found)
    if wanted.cuda != labels.cuda:
        yield f"CUDA is {wanted.cuda}: build with LIKENESS_CUDA set to that"
    if wanted.driver != labels.driver:
        yield f"the driver must be {wanted.driver}: build with LIKENESS_DRIVER set to that"
    if found.triton:
        yield from triton_faults(found.triton)


def triton_faults(release: str) -> Iterator[str]:
    """Yield what is wrong with a Triton release."""
    image = TRITON_IMAGES.get(release)
    if image is None:
        yield f"Triton {release} is not in TRITON_IMAGES (contracts/shared/accelerators.py): add it"
    elif not is_supported(image):
        yield f"Triton {release} has Python {version_text(image.python)}: take a newer BASE_IMAGE"


def labels_of(found: Contents) -> Labels:
    """Return the labels that an image should have.

    >>> labels_of(Contents((3, 12), (12, 9)))
    Labels(python='3.12', cuda='12.9', driver='525')
    """
    if found.cuda is None:
        return Labels(version_text(found.python), WITHOUT, WITHOUT)
    driver = str(min_driver(found.cuda))
    return Labels(version_text(found.python), version_text(found.cuda), driver)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check this image; return 1 and say why when a label is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("python", "cuda", "driver"):
        parser.add_argument(f"--{name}", required=True, help=f"the label com.likeness.{name}")
    parser.add_argument("--base-cuda", default="", help="CUDA_VERSION of NVIDIA's base image")
    parser.add_argument("--triton", default="", help="NVIDIA_TRITON_SERVER_VERSION of the base")
    given = parser.parse_args(arguments)
    torch_cuda = importlib.import_module("torch").version.cuda
    found = Contents(sys.version_info[:2], image_cuda(torch_cuda, given.base_cuda), given.triton)
    faults = list(find_faults(Labels(given.python, given.cuda, given.driver), found))
    for fault in faults:
        sys.stderr.write(f"image_check: {fault}\n")
    if not faults and found.cuda is not None:
        sys.stdout.write(f"image_check: InferenceAmiVersion {' or '.join(amis_for(found.cuda))}\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
