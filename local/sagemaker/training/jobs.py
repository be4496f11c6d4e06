"""The API of training jobs."""

import copy

from local.cloud.typing_aliases import Json
from local.sagemaker import host, settings, store
from local.sagemaker.api import listing, tagging
from local.sagemaker.api.errors import NotFoundError, ServiceError
from local.sagemaker.s3 import parse_uri
from local.sagemaker.training import documents, warm_pools
from local.sagemaker.training.instance import CONTAINER_ROOT
from local.sagemaker.training.run import TrainingRun

_runs: dict[str, TrainingRun] = {}
"""Running jobs by ARN."""


def create(request: Json) -> Json:
    """CreateTrainingJob: check the request and start the job on a new thread."""
    check_rules(request)
    name, arn = request["TrainingJobName"], host.arn("training-job", request["TrainingJobName"])
    if not host.may_assume(request["RoleArn"], arn):
        raise ServiceError(
            "ValidationException",
            f"Could not assume role {request['RoleArn']}. Please ensure that the role exists and "
            "allows principal 'sagemaker.amazonaws.com' to assume the role.",
        )
    check_data(request)
    with store.lock:
        if name in store.jobs():
            raise ServiceError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and Region, and a "
                f"training job with this name already exists ({arn})",
            )
        check_quota(request["ResourceConfig"])
        cache = warm_pools.claim(request)
        document = store.jobs()[name] = documents.new_document(request, arn)
        tagging.put(arn, request.get("Tags", []))
        run = _runs[arn] = TrainingRun(document, cache)
    host.in_background(f"training-{name}", lambda: _run_job(run))
    return {"TrainingJobArn": arn}


def _run_job(run: TrainingRun) -> None:
    try:
        run.run()
    finally:
        _runs.pop(run.document["TrainingJobArn"], None)


def check_rules(request: Json) -> None:
    """Refuse requests that the service model allows but the service does not."""
    resources, stopping = request.get("ResourceConfig"), request.get("StoppingCondition")
    image = request.get("AlgorithmSpecification", {}).get("TrainingImage")
    if resources is None or stopping is None or not resources.get("InstanceType"):
        _refuse("ResourceConfig with an InstanceType and StoppingCondition are required.")
    if resources.get("InstanceCount", 0) < 1 or resources.get("VolumeSizeInGB", 0) < 1:
        _refuse("InstanceCount and VolumeSizeInGB must be at least 1.")
    if not image:
        _refuse("AlgorithmSpecification must have a TrainingImage.")
    for mirror in ("CheckpointConfig", "TensorBoardOutputConfig"):
        if not request.get(mirror, {}).get("LocalPath", CONTAINER_ROOT).startswith(CONTAINER_ROOT):
            _refuse(f"On the laptop {mirror}'s LocalPath must begin with {CONTAINER_ROOT}.")
    check_channels(request)
    check_spot(request, resources, stopping)


def check_channels(request: Json) -> None:
    """Refuse input modes that the laptop does not support."""
    default = request["AlgorithmSpecification"]["TrainingInputMode"]
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource", {})
        plain = (
            source.get("S3DataType") in {"S3Prefix", "ManifestFile"}
            and source.get("S3DataDistributionType", "FullyReplicated") == "FullyReplicated"
            and channel.get("CompressionType", "None") == "None"
            and channel.get("RecordWrapperType", "None") == "None"
            and channel.get("InputMode", default) == "File"
        )
        if not plain:
            _refuse(
                f"On the laptop channel {channel['ChannelName']} must be an S3Prefix or a "
                "ManifestFile, FullyReplicated, in File mode and not compressed."
            )


def check_data(request: Json) -> None:
    """Refuse a channel without objects: SageMaker looks before it starts an instance."""
    for channel in request.get("InputDataConfig", []):
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        place = parse_uri(uri)
        if not host.has_objects(place.bucket, place.key):
            _refuse(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please '
                f"ensure that the bucket exists in the selected region ({host.region()}), that "
                "objects exist under that S3 prefix, and that the role "
                f'"{request["RoleArn"]}" has "s3:ListBucket" permissions on bucket '
                f'"{place.bucket}".'
            )


def check_spot(request: Json, resources: Json, stopping: Json) -> None:
    """Refuse settings that spot instances do not support."""
    max_wait = stopping.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if max_wait is not None:
            _refuse("MaxWaitTimeInSeconds needs EnableManagedSpotTraining.")
        return
    if max_wait is None or max_wait < stopping.get("MaxRuntimeInSeconds", 86_400):
        _refuse(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds when EnableManagedSpotTraining is set to true"
        )
    if resources.get("KeepAlivePeriodInSeconds"):
        _refuse("KeepAlivePeriodInSeconds is not supported with EnableManagedSpotTraining.")


def check_quota(resources: Json) -> None:
    """Refuse when the quota of this instance type is used up. The caller holds the lock."""
    kind, wanted = resources["InstanceType"], resources["InstanceCount"]
    used = sum(
        job["ResourceConfig"]["InstanceCount"]
        for job in store.jobs().values()
        if job["TrainingJobStatus"] in documents.ALIVE
        and job["ResourceConfig"].get("InstanceType") == kind
    )
    quota = settings.current().instance_quota
    if used + wanted > quota:
        raise ServiceError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for training job usage' is {quota} "
            f"Instances, with current utilization of {used} Instances and a request delta of "
            f"{wanted} Instances. Please use AWS Service Quotas to request an increase for this "
            "quota. If AWS Service Quotas is not available, contact AWS support to request an "
            "increase for this quota.",
        )


def _refuse(message: str) -> None:
    raise ServiceError("ValidationException", message)


def describe(request: Json) -> Json:
    """DescribeTrainingJob."""
    with store.lock:
        warm_pools.expire()
        return copy.deepcopy(_find(request))


def stop(request: Json) -> Json:
    """StopTrainingJob."""
    document = _find(request)
    run = _runs.get(document["TrainingJobArn"])
    if run is None or document["TrainingJobStatus"] not in documents.ALIVE:
        raise ServiceError(
            "ValidationException",
            "The request was rejected because the training job is in status "
            f"{document['TrainingJobStatus']}.",
        )
    run.stop()
    return {}


def delete(request: Json) -> Json:
    """DeleteTrainingJob; its name can be used again."""
    with store.lock:
        warm_pools.expire()
        try:
            document = _find(request)
        except NotFoundError as error:
            raise ServiceError("ResourceNotFound", error.message) from error
        pool = document.get("WarmPoolStatus", {}).get("Status")
        if document["TrainingJobStatus"] in documents.ALIVE or pool == "Available":
            message = "The training job is not in a terminal state or keeps a warm pool."
            raise ServiceError("ResourceInUse", message)
        store.jobs().pop(document["TrainingJobName"])
        store.tags().pop(document["TrainingJobArn"], None)
    return {}


def update(request: Json) -> Json:
    """UpdateTrainingJob, for the keep-alive period only."""
    with store.lock:
        document = _find(request)
        seconds = request.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds")
        if seconds is None:
            _refuse("On the laptop only ResourceConfig can be updated.")
        warm_pools.extend(document, seconds)
        return {"TrainingJobArn": document["TrainingJobArn"]}


def list_jobs(request: Json) -> Json:
    """ListTrainingJobs."""
    with store.lock:
        warm_pools.expire()
        found = [job for job in store.jobs().values() if _wanted(job, request)]
    page, token = listing.page(found, request, name="TrainingJobName", status="TrainingJobStatus")
    fields = (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "TrainingJobStatus",
        "SecondaryStatus",
        "WarmPoolStatus",
    )
    summaries = [{field: job[field] for field in fields if field in job} for job in page]
    return {"TrainingJobSummaries": summaries, **token}


def _wanted(job: Json, request: Json) -> bool:
    status = request.get("StatusEquals", job["TrainingJobStatus"])
    pool = job.get("WarmPoolStatus", {}).get("Status")
    return bool(
        status == job["TrainingJobStatus"] and request.get("WarmPoolStatusEquals", pool) == pool
    )


def _find(request: Json) -> Json:
    document = store.jobs().get(request["TrainingJobName"])
    if document is None:
        raise NotFoundError
    return document


def interrupt(name: str) -> None:
    """Interrupt the spot instance of a job; for tests."""
    _runs[_find({"TrainingJobName": name})["TrainingJobArn"]].interrupt()


def recover() -> None:
    """After a restart, mark the jobs that were running as failed."""
    with store.lock:
        for _, job in store.jobs().all_items():
            if job["TrainingJobStatus"] in documents.ALIVE:
                reason = "InternalServerError: We encountered an internal error."
                documents.end(job, "Failed", reason, 0)


def abandon_all() -> None:
    """Kill every container, because the server stops or is reset."""
    for run in list(_runs.values()):
        run.abandon()
    _runs.clear()
