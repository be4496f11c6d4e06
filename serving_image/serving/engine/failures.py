"""What goes wrong in a pass: shortages of memory, and the log of everything else."""

import gc
import re
import sys
import traceback

import torch

from serving.picture_error import PictureError

MEMORY_ERRORS = (torch.OutOfMemoryError, MemoryError)
ALLOCATOR_MESSAGES = re.compile(
    "can't allocate memory|CUBLAS_STATUS_ALLOC_FAILED|could not create a primitive$"
)
"""Texts of a RuntimeError that also mean out of memory: on the CPU, in cuBLAS, and in oneDNN, whose
"primitive descriptor" is another error."""


def free_device() -> None:
    """Free what nothing refers to, and give the device's memory back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_shortage(error: Exception) -> bool:
    """Return whether an error means that memory ran out."""
    if isinstance(error, MEMORY_ERRORS):
        return True
    return isinstance(error, RuntimeError) and bool(ALLOCATOR_MESSAGES.search(str(error)))


def out_of_memory_error() -> PictureError:
    """Return the error that Triton answers with 507, so that SageMaker unloads other models."""
    return PictureError("memory_pressure", "out of memory")


def log(line: str) -> None:
    """Write one line to the container's log; no prompt and no user is in it."""
    sys.stderr.write(f"engine: {line}\n")
    sys.stderr.flush()


def log_failure(error: Exception, job_ids: set[str]) -> None:
    """Log an error's type, its traceback and the job ids of the adapters.

    The error's text is left out, as it could repeat a prompt.
    """
    jobs = ",".join(sorted(job_ids)) or "none"
    frames = "".join(traceback.format_tb(error.__traceback__)).splitlines()
    lines = (type(error).__name__, *frames)
    sys.stderr.writelines(f"{line} job_id={jobs}\n" for line in lines)
