"""Metrics: one line of CloudWatch's embedded metric format for each request.

SageMaker sends the container's output to CloudWatch Logs, which turns these lines into metrics.
The dimension ``service`` is the stack's name, as in the functions' metrics; the template sets it.
An engine that is one of several on its instance writes its place among them as ``device`` too.
"""

import json
import os
import sys
import time

from serving.devices import DEVICE_NUMBER

NAMESPACE = "Likeness"
UNITS = {
    "Requests": "Count",
    "Pictures": "Count",
    "Refused": "Count",
    "RequestSeconds": "Seconds",
    "WaitSeconds": "Seconds",
    "ActivationMilliseconds": "Milliseconds",
    "Overflows": "Count",
    "DegeneratePictures": "Count",
    "Dropped": "Count",
    "WastedSteps": "Count",
    "MemoryShortages": "Count",
    "RequestsInBase": "Count",
    "AnswerHits": "Count",
    "AdapterHits": "Count",
    "AdapterMisses": "Count",
    "AdaptersResident": "Count",
    "AdapterBytes": "Bytes",
    "Unwatermarked": "Count",
    "UnsafePictures": "Count",
    "OverruledPictures": "Count",
    "ContentScore": "None",
}


def emit(values: dict[str, float]) -> None:
    """Write one line. ``values`` has names of UNITS; no user, model or prompt is in it."""
    device = os.environ.get(DEVICE_NUMBER)
    own = {} if device is None else {"device": device}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["service"], *([["service", "device"]] if own else [])],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    service = os.environ.get("LIKENESS_SERVICE", "likeness")
    line = {"_aws": about, "service": service, **own, **values}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
