"""Check an image while it is built: are its Python, CUDA and driver those that its label says?

Both Dockerfiles run ``python -m contracts.shared.instances.image_check "$NEEDS"``, where NEEDS
becomes the label ``com.likeness.needs``. ``likeness doctor`` and people read the label before
anything is deployed; docs/hosting.md says which InferenceAmiVersion fits it.
"""

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from contracts.shared.instances.accelerators import (
    MIN_PYTHON,
    TRITON_IMAGES,
    Version,
    amis_for,
    is_supported,
    min_driver,
    version_text,
)
from contracts.shared.instances.gpu_check import image_cuda

LABEL = "com.likeness.needs"


class Contents(NamedTuple):
    """What was found in the image."""

    python: Version
    cuda: Version | None
    """Newest CUDA version; None: without CUDA."""
    triton: str = ""
    """NVIDIA's number of the Triton release, such as 25.04; empty where the image has none."""


def needs_of(found: Contents) -> str:
    """Return the label that an image should have.

    >>> needs_of(Contents((3, 12), (12, 9))), needs_of(Contents((3, 11), None))
    ('python=3.12 cuda=12.9 driver=525', 'python=3.11 cuda=none driver=none')
    """
    python = f"python={version_text(found.python)}"
    if found.cuda is None:
        return f"{python} cuda=none driver=none"
    return f"{python} cuda={version_text(found.cuda)} driver={min_driver(found.cuda)}"


def read_needs(label: str) -> dict[str, str]:
    """Return the parts of a label.

    >>> read_needs("python=3.12 cuda=12.9 driver=525")["cuda"]
    '12.9'

    Raises:
        ValueError: the label has another form.
    """
    return dict(part.split("=", 1) for part in label.split())


def find_faults(label: str, found: Contents) -> Iterator[str]:
    """Yield what is wrong with an image, and what to do about each."""
    if found.python < MIN_PYTHON:
        oldest = version_text(MIN_PYTHON)
        yield f"Python {version_text(found.python)} is older than {oldest}: take a newer BASE_IMAGE"
    if label != needs_of(found):
        yield f'the label is "{label}": build with --build-arg NEEDS="{needs_of(found)}"'
    if found.triton:
        yield from triton_faults(found.triton)


def triton_faults(release: str) -> Iterator[str]:
    """Yield what is wrong with a Triton release."""
    image = TRITON_IMAGES.get(release)
    if image is None:
        yield f"Triton {release} is not in TRITON_IMAGES (accelerators.py): add it"
    elif not is_supported(image):
        yield f"Triton {release} has Python {version_text(image.python)}: take a newer BASE_IMAGE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check this image; return 1 and say why when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("needs", help=f"the label {LABEL}")
    parser.add_argument("--base-cuda", default="", help="CUDA_VERSION of NVIDIA's base image")
    parser.add_argument("--triton", default="", help="NVIDIA_TRITON_SERVER_VERSION of the base")
    given = parser.parse_args(arguments)
    torch_cuda = importlib.import_module("torch").version.cuda
    cuda = image_cuda(torch_cuda, given.base_cuda)
    found = Contents(sys.version_info[:2], cuda, given.triton)
    faults = list(find_faults(given.needs, found))
    for fault in faults:
        sys.stderr.write(f"image_check: {fault}\n")
    if not faults and cuda is not None:
        sys.stdout.write(f"image_check: InferenceAmiVersion {' or '.join(amis_for(cuda))}\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
