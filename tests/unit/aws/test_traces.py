"""The documents that X-Ray gets."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import botocore.exceptions
import pytest

from aws.traces import MAX_SEGMENTS, XRayTraces, document_of
from domain.ports.traces import Segment
from tests.unit.training_kit import NOON

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
SEGMENT = Segment(
    trace_header=f"Root={ROOT};Parent={PARENT};Sampled=1",
    name="training job",
    key="likeness-1 training job",
    started_at=NOON,
    ended_at=NOON + timedelta(minutes=5),
    fault=False,
    annotations={"job_id": "0" * 32, "billable_seconds": 300},
)


class Service:
    """boto3's X-Ray client, as far as it is used; it remembers, and may refuse or fail."""

    def __init__(self, *, refuses: bool = False, fails: bool = False) -> None:
        self.documents: list[dict[str, Any]] = []
        self._refuses, self._fails = refuses, fails

    def put_trace_segments(self, *, TraceSegmentDocuments: list[str]) -> dict[str, Any]:  # noqa: N803
        if self._fails:
            raise botocore.exceptions.EndpointConnectionError(endpoint_url="x")
        assert 0 < len(TraceSegmentDocuments) <= MAX_SEGMENTS
        self.documents += map(json.loads, TraceSegmentDocuments)
        return {"UnprocessedTraceSegments": [{"Id": "x"}] if self._refuses else []}


def test_a_segment_hangs_below_the_function_that_asked_for_the_work() -> None:
    document = document_of(SEGMENT)
    assert (document["trace_id"], document["parent_id"]) == (ROOT, PARENT)
    assert len(document["id"]) == 16
    assert document["end_time"] - document["start_time"] == 300


def test_the_same_work_has_the_same_id_and_other_work_another() -> None:
    other = replace(SEGMENT, key="likeness-2 training job")
    assert document_of(SEGMENT)["id"] == document_of(SEGMENT)["id"] != document_of(other)["id"]


def test_a_trace_that_is_not_recorded_gets_nothing() -> None:
    service = Service(refuses=True)
    unsampled = replace(SEGMENT, trace_header=f"Root={ROOT};Parent={PARENT};Sampled=0")
    assert XRayTraces(service).put([unsampled])
    assert service.documents == []


def test_many_segments_go_in_several_requests() -> None:
    service = Service()
    segments = [replace(SEGMENT, key=str(number)) for number in range(MAX_SEGMENTS + 1)]
    assert XRayTraces(service).put(segments)
    assert len(service.documents) == MAX_SEGMENTS + 1


@pytest.mark.parametrize("service", [Service(refuses=True), Service(fails=True)])
def test_a_refusal_or_an_outage_is_told(service: Service) -> None:
    assert not XRayTraces(service).put([SEGMENT])
