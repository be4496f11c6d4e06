"""What the rules need of AWS X-Ray: work that no function did, in the trace of its execution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Segment:
    """A piece of work with a beginning and an end, as X-Ray draws it."""

    trace_header: str
    """``Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0 or 1>``: where the work belongs."""

    name: str
    """What is drawn, such as ``training job``; at most 200 characters."""

    key: str
    """Names the work: the same key in the same trace replaces an earlier segment."""

    started_at: datetime

    ended_at: datetime

    fault: bool
    """Whether the work failed."""

    annotations: Mapping[str, str | int]
    """Opaque ids and figures, by which traces are found; nothing personal."""


class Traces(Protocol):
    """Adds segments to traces."""

    def put(self, segments: Sequence[Segment]) -> bool:
        """Store segments; False when X-Ray did not take all of them, which stops nothing."""
        ...
