"""The device of the resident base: the server starts on a GPU instance only with its GPU."""

import os
import runpy
from importlib.util import find_spec
from pathlib import Path

from contracts.shared.instances.accelerators import Version, amis_for, has_gpu, version_text
from contracts.shared.instances.gpu_check import (
    ALLOW_CPU,
    NoGpuError,
    check_gpu,
    find_gpus,
    image_cuda,
)

INSTANCE_TYPE = "LIKENESS_INSTANCE_TYPE"
"""Environment variable with the instance type; the template sets it, SageMaker does not."""


IMAGE_CUDA = "LIKENESS_IMAGE_CUDA"
"""Environment variable with the template's ServingImageCuda, by which it chose the driver."""


def check_device() -> str:
    """Return a line for the log about the device.

    Raises:
        NoGpuError: the instance type has a GPU, and it cannot be used; or the template believes in
            another CUDA. The message says what to do.
    """
    cuda = image_cuda(torch_cuda(), os.environ.get("CUDA_VERSION"))
    instance_type = os.environ.get(INSTANCE_TYPE, "")
    if cuda is not None and not cpu_allowed():
        check_template(cuda, os.environ.get(IMAGE_CUDA))
    try:
        return check_gpu(instance_type, cuda, find_gpus(), allow_cpu=cpu_allowed())
    except NoGpuError as error:
        message = f"{error}. {what_to_do(cuda)}; see docs/hosting.md"
        raise NoGpuError(message) from None


def check_template(cuda: Version, believed: str | None) -> None:
    """Compare the image's CUDA with the template's.

    Raises:
        NoGpuError: they differ.
    """
    if believed is not None and believed != str(cuda[0]):
        message = (
            f"the image has CUDA {version_text(cuda)}, but the template's ServingImageCuda is "
            f"{believed}: set it to {cuda[0]}"
        )
        raise NoGpuError(message)


def refuse_cpu(instance_type: str) -> None:
    """Raise where Triton gives the base no GPU, although the instance type has one.

    Triton asks CUDA by itself, so it may see no GPU where ``check_device`` found one.

    Raises:
        NoGpuError: the instance type has a GPU, and the CPU is not allowed.
    """
    if has_gpu(instance_type) and not cpu_allowed():
        message = (
            f"Triton sees no GPU on {instance_type}; see InferenceAmiVersion in docs/hosting.md"
        )
        raise NoGpuError(message)


def cpu_allowed() -> bool:
    """Return whether an instance type with a GPU may use its CPU."""
    return os.environ.get(ALLOW_CPU) == "1"


def torch_cuda() -> str | None:
    """Return ``torch.version.cuda`` without importing torch, which takes seconds."""
    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return None
    version: str | None = runpy.run_path(str(Path(torch.origin).with_name("version.py")))["cuda"]
    return version


def what_to_do(cuda: Version | None) -> str:
    """Return what an operator can do about a GPU that an image cannot use."""
    if cuda is None:
        return "Build the serving image with a TORCH_INDEX_URL of a build with CUDA"
    return f"Set the template's InferenceAmiVersion to {' or '.join(amis_for(cuda))}"
