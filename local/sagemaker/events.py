"""Events on the default bus; like SageMaker, it can send an event more than once."""

import copy

from local.cloud.typing_aliases import Json
from local.sagemaker import host, settings, store

_TIMES = {
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "StartTime",
    "EndTime",
    "Timestamp",
}


def training_job_changed(document: Json) -> None:
    """Publish a change of a job's status or secondary status."""
    detail = in_milliseconds(copy.deepcopy(document))
    detail["Tags"] = dict(store.tags().get(document["TrainingJobArn"], {}))
    for _ in range(settings.current().event_copies):
        host.publish("SageMaker Training Job State Change", detail, [document["TrainingJobArn"]])


def endpoint_changed(document: Json) -> None:
    """Publish a change of an endpoint's status, which events write in capitals."""
    detail = in_milliseconds(copy.deepcopy(document))
    detail["EndpointStatus"] = _capitals(document["EndpointStatus"])
    host.publish("SageMaker Endpoint State Change", detail, [document["EndpointArn"]])


def in_milliseconds(value: Json) -> Json:
    """Return a document with its times in milliseconds, as in events."""
    if isinstance(value, dict):
        return {
            key: int(held * 1000) if key in _TIMES else in_milliseconds(held)
            for key, held in value.items()
        }
    return [in_milliseconds(held) for held in value] if isinstance(value, list) else value


def _capitals(status: str) -> str:
    return {"InService": "IN_SERVICE", "OutOfService": "OUT_OF_SERVICE"}.get(status, status.upper())
