"""domain.ports.traces.Traces in memory."""

from collections.abc import Sequence

from domain.ports.traces import Segment


class MemoryTraces:
    """Traces by their header's text; the same key in one trace replaces an earlier segment."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.segments: dict[tuple[str, str], Segment] = {}
        self._refuses = refuses

    def put(self, segments: Sequence[Segment]) -> bool:
        if not self._refuses:
            self.segments |= {(one.trace_header, one.key): one for one in segments}
        return not self._refuses
