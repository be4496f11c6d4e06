"""Whether an instance's GPU can be used: found before a base is loaded, and said in words.

The endpoint's server and the trainer ask when they start. An instance whose type has a GPU and that
shows none would otherwise work on its CPU, at the GPU's price. NVIDIA's driver is asked through its
own library, so nothing large is imported.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path

from contracts.shared.instances.accelerators import (
    Version,
    has_gpu,
    min_driver,
    parse_version,
    version_text,
)

DRIVER_LIBRARY = "libcuda.so.1"
DRIVER_FILE = Path("/proc/driver/nvidia/version")

ALLOW_CPU = "LIKENESS_ALLOW_CPU"
"""Environment variable: with 1, an instance type with a GPU may run on the CPU. Only the laptop,
whose instances have no GPU, sets it (docs/differences.md)."""


class NoGpuError(Exception):
    """The instance type has a GPU that this process cannot use; the message says why."""


@dataclass(frozen=True)
class FoundGpus:
    """What NVIDIA's driver says."""

    count: int = 0

    cuda: Version | None = None
    """Newest CUDA version that the driver runs; None: the container has no driver library."""

    driver: str = "none"
    """Version of the driver in the kernel."""


def check_gpu(
    instance_type: str, cuda: Version | None, found: FoundGpus, *, allow_cpu: bool
) -> str:
    """Return a line for the log about the device.

    Args:
        instance_type: SageMaker's name; empty outside SageMaker, where no GPU is demanded.
        cuda: newest CUDA version that the image was built for; None: without CUDA.
        found: what the driver says.
        allow_cpu: whether ALLOW_CPU is set.

    Raises:
        NoGpuError: the instance type has a GPU, and none can be used.
    """
    reason = why_no_gpu(cuda, found) if has_gpu(instance_type) else None
    if reason is None:
        return f"instance={instance_type or 'unknown'} gpus={found.count} driver={found.driver}"
    if allow_cpu:
        return f"{instance_type} runs on the CPU, because {ALLOW_CPU} is 1: {reason}"
    message = f"the GPU of {instance_type} cannot be used: {reason}"
    raise NoGpuError(message)


def why_no_gpu(cuda: Version | None, found: FoundGpus) -> str | None:
    """Return why no GPU can be used; None where one can.

    >>> print(why_no_gpu((12, 6), FoundGpus(1, (11, 4), "470.256.02")))
    driver 470.256.02 runs CUDA 11.4 at most, and the image's CUDA 12.6 needs driver 525 or newer
    >>> why_no_gpu((12, 6), FoundGpus(1, (12, 4), "550.163.01")) is None
    True
    """
    if cuda is None:
        return "the image's PyTorch was built without CUDA"
    needs = f"the image's CUDA {version_text(cuda)} needs driver {min_driver(cuda)}"
    if found.cuda is None:
        return f"no driver library is there (driver: {found.driver}), and {needs} or newer"
    if found.cuda[0] < cuda[0]:
        most = f"driver {found.driver} runs CUDA {version_text(found.cuda)} at most"
        return f"{most}, and {needs} or newer"
    return None if found.count else f"driver {found.driver} shows no GPU"


def find_gpus(library: str = DRIVER_LIBRARY, driver_file: Path = DRIVER_FILE) -> FoundGpus:
    """Ask NVIDIA's driver; without a driver, no GPU is found."""
    driver = kernel_driver(driver_file)
    try:
        nvidia = ctypes.CDLL(library)
    except OSError:
        return FoundGpus(driver=driver)
    version, count = ctypes.c_int(), ctypes.c_int()
    if nvidia.cuDriverGetVersion(ctypes.byref(version)):
        return FoundGpus(driver=driver)
    if nvidia.cuInit(0) or nvidia.cuDeviceGetCount(ctypes.byref(count)):
        count.value = 0
    return FoundGpus(count.value, (version.value // 1000, version.value % 1000 // 10), driver)


def kernel_driver(file: Path) -> str:
    """Return the version in the kernel's file about NVIDIA's driver; "none" without that file."""
    if not file.is_file():
        return "none"
    words = file.read_text().partition("\n")[0].split()
    return next((word for word in words if word[:1].isdigit()), "unknown")


def image_cuda(torch_cuda: str | None, base_cuda: str | None) -> Version | None:
    """Return the newest CUDA version in an image; None where its PyTorch has none.

    Args:
        torch_cuda: ``torch.version.cuda``.
        base_cuda: the variable CUDA_VERSION, which NVIDIA's images set; None: no such image.

    >>> image_cuda("12.6", "13.0.1.012"), image_cuda("12.6", None)
    ((13, 0), (12, 6))
    """
    if torch_cuda is None:
        return None
    return max(parse_version(torch_cuda), parse_version(base_cuda or "0"))
