"""Check the machine that a request chooses against what the stack's operator allows."""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.run import RunOptions


class RunLimits(NamedTuple):
    """What a request may choose in ``run``."""

    instance_types: tuple[str, ...]
    """Allowed instance types, the stack's own first."""
    max_run: int
    """Largest runtime in seconds."""
    volume_size: int
    """Largest storage volume in GB."""
    spot: bool
    """Whether spot instances are allowed."""


def run_problems(run: RunOptions | None, limits: RunLimits) -> tuple[RequestProblem, ...]:
    """Return a problem for each choice that the stack does not allow; it names what is allowed."""
    return () if run is None else tuple(_problems(run, limits))


def _problems(run: RunOptions, limits: RunLimits) -> Iterator[RequestProblem]:
    if run.instance_type not in {None, *limits.instance_types}:
        allowed = ", ".join(limits.instance_types)
        yield RequestProblem(field="run.instance_type", message=f"This stack allows {allowed}.")
    if run.use_spot_instances and not limits.spot:
        message = "This stack allows no spot instances: write false, or leave the field out."
        yield RequestProblem(field="run.use_spot_instances", message=message)
    if (run.max_run or 0) > limits.max_run:
        message = f"This stack allows at most {limits.max_run} seconds."
        yield RequestProblem(field="run.max_run", message=message)
    if (run.volume_size or 0) > limits.volume_size:
        message = f"This stack allows at most {limits.volume_size} GB."
        yield RequestProblem(field="run.volume_size", message=message)
