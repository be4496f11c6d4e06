"""What the base did, one line of CloudWatch's embedded metric format for each batch.

SageMaker sends the container's output to CloudWatch Logs, which makes metrics of these lines. The
stack is their ``service``, as in the functions' own metrics; the template says its name.
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
    "BatchSeconds": "Seconds",
    "ActivationMilliseconds": "Milliseconds",
    "AnswerHits": "Count",
    "AdapterHits": "Count",
    "AdapterMisses": "Count",
    "AdaptersResident": "Count",
    "AdapterBytes": "Bytes",
}


def emit(values: dict[str, float]) -> None:
    """Write the line. The names are those of UNITS; no user, model or prompt is in it."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["service"]],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    service = os.environ.get("LIKENESS_SERVICE", "likeness")
    sys.stdout.write(json.dumps({"_aws": about, "service": service, **values}) + "\n")
    sys.stdout.flush()
