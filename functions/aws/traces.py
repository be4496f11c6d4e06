"""AWS X-Ray: implements domain.ports.traces.Traces."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws.clients import client
from domain.ports.traces import Segment

MAX_SEGMENTS = 50
"""Documents in one PutTraceSegments request."""


class XRayTraces:
    """See the Protocol for what each method promises."""

    def __init__(self, xray: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._xray = xray

    @classmethod
    def from_env(cls) -> "XRayTraces":
        """Use this region's X-Ray."""
        return cls(client("xray"))

    def put(self, segments: Sequence[Segment]) -> bool:
        """Store segments; False when X-Ray did not take all of them, which stops nothing."""
        documents = [json.dumps(document_of(segment)) for segment in segments if sampled(segment)]
        try:
            answers = [
                self._xray.put_trace_segments(
                    TraceSegmentDocuments=documents[start : start + MAX_SEGMENTS]
                )
                for start in range(0, len(documents), MAX_SEGMENTS)
            ]
        except (BotoCoreError, ClientError):
            return False
        return not any(answer.get("UnprocessedTraceSegments") for answer in answers)


def sampled(segment: Segment) -> bool:
    """Return whether X-Ray records this trace; of an unsampled one it holds nothing.

    A header without a decision (``Sampled=?``, or none) counts as sampled, as Lambda counts it.
    """
    return parts_of(segment.trace_header).get("Sampled") != "0"


def parts_of(trace_header: str) -> dict[str, str]:
    """Return the parts of a trace header.

    >>> parts_of("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    {'Root': '1-5759e988-bd862e3fe1be46a994272793', 'Parent': '53995c3f42cd8ad8', 'Sampled': '1'}
    """
    pairs = (part.partition("=") for part in trace_header.split(";") if "=" in part)
    return {name.strip(): value for name, _, value in pairs}


def document_of(segment: Segment) -> dict[str, Any]:
    """Return X-Ray's segment document (X-Ray's guide, "segment documents")."""
    header = parts_of(segment.trace_header)
    document = {
        "trace_id": header["Root"],
        "id": hashlib.sha256(f"{header['Root']} {segment.key}".encode()).hexdigest()[:16],
        "name": segment.name,
        "start_time": segment.started_at.timestamp(),
        "end_time": segment.ended_at.timestamp(),
        "fault": segment.fault,
        "annotations": dict(segment.annotations),
    }
    parent = header.get("Parent")
    return document if parent is None else {**document, "parent_id": parent}
