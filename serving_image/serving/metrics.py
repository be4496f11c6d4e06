"""What the base did, one line of CloudWatch's embedded metric format for each batch.

SageMaker sends the container's output to CloudWatch Logs, which makes metrics of these lines.
"""

import json
import sys
import time

NAMESPACE = "Likeness"
UNITS = {
    "Requests": "Count",
    "Pictures": "Count",
    "Refused": "Count",
    "BatchSeconds": "Seconds",
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
        "Dimensions": [["Component"]],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    sys.stdout.write(json.dumps({"_aws": about, "Component": "base", **values}) + "\n")
    sys.stdout.flush()
