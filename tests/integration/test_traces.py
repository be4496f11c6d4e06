"""domain.ports.traces: the fake and the embedded X-Ray behave alike."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import botocore.exceptions
import pytest

from aws.traces import XRayTraces, parts_of
from domain.ports.traces import Segment, Traces
from local.cloud.server import Cloud
from tests.fakes.traces import MemoryTraces
from tests.unit.aws.test_traces import SEGMENT

Names = Callable[[str], list[str]]
"""The names of the segments in a trace, by its header."""


@pytest.fixture(params=["memory", "embedded"])
def place(request: pytest.FixtureRequest) -> tuple[Traces, Names]:
    if request.param == "memory":
        fake = MemoryTraces()

        def kept(header: str) -> list[str]:
            return [one.name for one in fake.segments.values() if one.trace_header == header]

        return fake, kept
    xray = request.getfixturevalue("cloud").client("xray")

    def found(header: str) -> list[str]:
        return [document["name"] for document in documents(xray, header)]

    return XRayTraces(xray), found


def documents(xray: Any, header: str) -> list[dict[str, Any]]:
    traces = xray.batch_get_traces(TraceIds=[parts_of(header)["Root"]])["Traces"]
    return [json.loads(one["Document"]) for trace in traces for one in trace["Segments"]]


def in_a_trace() -> Segment:
    root = f"1-5759e988-{uuid.uuid4().hex[:24]}"
    return replace(SEGMENT, trace_header=f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1")


def test_a_trace_holds_what_was_put_into_it(place: tuple[Traces, Names]) -> None:
    traces, names = place
    segment = in_a_trace()
    assert traces.put([segment, replace(segment, key="other", name="start of an instance")])
    assert sorted(names(segment.trace_header)) == ["start of an instance", "training job"]


def test_the_same_work_is_in_a_trace_once(place: tuple[Traces, Names]) -> None:
    traces, names = place
    segment = in_a_trace()
    assert all(traces.put([segment]) for _ in range(2))
    assert names(segment.trace_header) == ["training job"]


def test_a_segment_without_a_name_is_named_as_refused(cloud: Cloud) -> None:
    text = json.dumps({"trace_id": "1-5759e988-0", "id": "1", "start_time": 1.0})
    answer = cloud.client("xray").put_trace_segments(TraceSegmentDocuments=[text])
    assert answer["UnprocessedTraceSegments"][0]["Message"] == "name"


def test_what_the_laptop_s_x_ray_has_not_is_refused(cloud: Cloud) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidRequestException"):
        cloud.client("xray").get_service_graph(StartTime=0, EndTime=1)
