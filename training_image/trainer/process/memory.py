"""Giving memory back to the system while networks are not needed.

Frozen weights are mapped from the base's files, so the system may drop their pages and read them
again. Text encoders are needed before and after the steps, but not during them.
"""

import ctypes
import mmap
from collections.abc import Iterable

from torch import Tensor, nn

PAGE_OUT = 21
"""MADV_PAGEOUT, Linux 5.4: a hint that never loses data."""


def release_pages(tensors: Iterable[Tensor]) -> None:
    """Tell the system that it may take back the pages of tensors on the CPU."""
    advise = getattr(ctypes.CDLL(None), "madvise", None)
    for tensor in tensors:
        if advise is None or tensor.device.type != "cpu":
            continue
        first = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        size = tensor.data_ptr() + tensor.nbytes - first
        if size >= mmap.PAGESIZE:
            advise(ctypes.c_void_p(first), ctypes.c_size_t(size), PAGE_OUT)


def offload(networks: Iterable[nn.Module]) -> None:
    """Move networks to the CPU, or release their pages if they are there already."""
    for network in networks:
        weights = list(network.parameters())
        if any(weight.device.type != "cpu" for weight in weights):
            network.to("cpu")
        else:
            release_pages(weights)
