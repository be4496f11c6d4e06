"""The floating-point type that the resident base computes in.

float16 is fast on every GPU, but its largest number is 65,504: some bases and adapters overflow it,
and the picture becomes black. bfloat16 has float32's range; GPUs have it from compute capability
8.0 (A10G, L4; not T4).
"""

import torch

from contracts.base import BaseCard

DTYPE = "LIKENESS_DTYPE"
"""Environment variable: float16, bfloat16 or float32; absent or ``auto``: chosen here."""

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


class PrecisionError(Exception):
    """The operator's type cannot be used; the message says why."""


def choose_dtype(
    card: BaseCard, device: torch.device, asked: str | None, half: torch.dtype = torch.float16
) -> torch.dtype:
    """Return the type: the operator's, otherwise the base's, otherwise the device's.

    Args:
        card: the base's.
        device: it draws there.
        asked: LIKENESS_DTYPE.
        half: the type of the base's kind on a GPU.

    Raises:
        PrecisionError: ``asked`` is no type, or the device does not have it.
    """
    if asked and asked != "auto":
        return operators_dtype(asked, device)
    if card.inference.torch_dtype is not None:
        half = DTYPES[card.inference.torch_dtype]
    elif device.type == "cpu":
        return torch.float32
    return half if has_dtype(half, device) else wider_dtype(device)


def operators_dtype(asked: str, device: torch.device) -> torch.dtype:
    """Return the type that the operator asks for.

    Raises:
        PrecisionError: it is no type, or the device does not have it.
    """
    if asked not in DTYPES:
        message = f"{DTYPE} must be auto, {', '.join(DTYPES)}"
        raise PrecisionError(message)
    if not has_dtype(DTYPES[asked], device):
        message = f"{DTYPE}: this device has no {asked}; use float16 or float32"
        raise PrecisionError(message)
    return DTYPES[asked]


def wider_dtype(device: torch.device) -> torch.dtype:
    """Return the type for a base that overflows float16: bfloat16 where the device has it."""
    return torch.bfloat16 if has_dtype(torch.bfloat16, device) else torch.float32


def has_dtype(dtype: torch.dtype, device: torch.device) -> bool:
    """Return whether the device computes in a type at speed."""
    if dtype is not torch.bfloat16:
        return True
    return device.type == "cuda" and bool(torch.cuda.get_device_capability(device) >= (8, 0))
