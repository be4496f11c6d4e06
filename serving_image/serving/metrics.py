"""Metrics: one line of CloudWatch's embedded metric format for each request.

SageMaker sends the container's output to CloudWatch Logs, which turns these lines into metrics.
The dimension ``service`` is the stack's name, as in the functions' metrics; the template sets it.
"""

import json
import os
import sys
import time

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
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["service"]],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    service = os.environ.get("LIKENESS_SERVICE", "likeness")
    sys.stdout.write(json.dumps({"_aws": about, "service": service, **values}) + "\n")
    sys.stdout.flush()
