"""DescribeTrainingJob's document of a job, and its changes of status."""

from local.cloud.typing_aliases import Json
from local.sagemaker import events, store
from local.sagemaker.training import artifacts

ALIVE = ("InProgress", "Stopping")

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The spot instance was reclaimed; the job restarts when there is capacity",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}
"""Status message by secondary status."""

FINAL = {
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
}
"""Final TrainingJobStatus by last secondary status."""


def new_document(request: Json, arn: str) -> Json:
    """Return the document of a job that starts."""
    moment = store.now()
    document = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "TrainingJobArn": arn,
        "TrainingJobStatus": "InProgress",
        "CreationTime": moment,
        "LastModifiedTime": moment,
        "SecondaryStatusTransitions": [],
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": request.get(
            "EnableInterContainerTrafficEncryption", False
        ),
        "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
    }
    document["ModelArtifacts"] = {"S3ModelArtifacts": artifacts.model_uri(document)}
    if request["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
        document["WarmPoolStatus"] = {"Status": "InUse"}
    append_transition(document, "Starting")
    return document


def append_transition(document: Json, secondary: str) -> None:
    """Append a secondary status, and end the one before."""
    moment = store.now()
    transitions = document["SecondaryStatusTransitions"]
    if transitions:
        transitions[-1].setdefault("EndTime", moment)
    transitions.append(
        {"Status": secondary, "StartTime": moment, "StatusMessage": MESSAGES[secondary]}
    )
    document["SecondaryStatus"] = secondary
    document["LastModifiedTime"] = moment


def advance(document: Json, secondary: str) -> None:
    """Set the secondary status of a running job, and publish it."""
    with store.lock:
        if secondary == "Stopping":
            document["TrainingJobStatus"] = "Stopping"
        append_transition(document, secondary)
    events.training_job_changed(document)


def end(document: Json, secondary: str, reason: str | None, seconds: float) -> None:
    """Set the final status; `seconds` is the billed time. The caller holds the lock."""
    append_transition(document, secondary)
    moment = store.now()
    document["SecondaryStatusTransitions"][-1]["EndTime"] = moment
    document["TrainingJobStatus"] = FINAL[secondary]
    document.setdefault("TrainingStartTime", document["CreationTime"])
    document["TrainingEndTime"] = moment
    document["TrainingTimeInSeconds"] = whole_seconds(moment - document["TrainingStartTime"])
    document["BillableTimeInSeconds"] = whole_seconds(seconds)
    if reason is not None:
        document["FailureReason"] = reason


def whole_seconds(seconds: float) -> int:
    """Return a billed time in whole seconds, at least one.

    >>> whole_seconds(0.2), whole_seconds(2.1)
    (1, 3)
    """
    return max(1, -int(-seconds // 1))
