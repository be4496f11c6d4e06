"""Memory that is not needed for now goes back to the system, and comes again when it is touched.

Frozen weights lie in the base's files, which are mapped: the system may forget such pages, for it
can read them again. Text encoders are needed before and after a training, not during it.
"""

import ctypes
import mmap
from collections.abc import Iterable

from torch import Tensor, nn

PAGE_OUT = 21
"""MADV_PAGEOUT, Linux 5.4: only a hint, so no content is ever lost."""


def release_pages(tensors: Iterable[Tensor]) -> None:
    """Have the system take back the pages of tensors on the CPU, where it can read them again."""
    advise = getattr(ctypes.CDLL(None), "madvise", None)
    for tensor in tensors:
        if advise is None or tensor.device.type != "cpu":
            continue
        first = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        size = tensor.data_ptr() + tensor.nbytes - first
        if size >= mmap.PAGESIZE:
            advise(ctypes.c_void_p(first), ctypes.c_size_t(size), PAGE_OUT)


def offload(networks: Iterable[nn.Module]) -> None:
    """Take networks out of the memory in which a base is trained."""
    for network in networks:
        weights = list(network.parameters())
        if any(weight.device.type != "cpu" for weight in weights):
            network.to("cpu")
        else:
            release_pages(weights)
