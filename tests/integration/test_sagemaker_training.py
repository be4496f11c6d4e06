"""Training jobs on the laptop, through boto3 and from inside the container."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.cloud.server import ACCOUNT, REGION
from local.sagemaker import host
from local.sagemaker.container import folders
from local.sagemaker.container.supervise import NOT_ISOLATED
from local.sagemaker.training import jobs
from tests.cloud import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.integration.sagemaker_kit import SageMakerKit

LONG = {"seconds": "3000"}
"""Behaviour of a job that a test stops."""


def channel(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def seen_by(kit: SageMakerKit, job: str) -> dict[str, Any]:
    """Return the environment and files that the container recorded in its model."""
    answer: dict[str, Any] = json.loads(
        kit.archive(f"output/{job}/output/model.tar.gz")["seen.json"]
    )
    return answer


def statuses(job: dict[str, Any]) -> list[str]:
    return [transition["Status"] for transition in job["SecondaryStatusTransitions"]]


def test_a_job_runs_under_the_container_contract(kit: SageMakerKit) -> None:
    kit.put("data/a.txt", "a")
    kit.put("data/deep/b.txt", "b")
    job = kit.train(
        InputDataConfig=[channel("plan", f"s3://{kit.bucket}/data/")],
        Environment={"WISHED": "yes"},
    )
    assert job["TrainingJobStatus"] == "Completed"
    seen = seen_by(kit, job["TrainingJobName"])
    assert seen["argv"] == ["train"]
    assert seen["inputs"] == [
        "input/config/hyperparameters.json",
        "input/config/inputdataconfig.json",
        "input/config/resourceconfig.json",
        "input/data/plan/a.txt",
        "input/data/plan/deep/b.txt",
    ]
    environment = seen["environment"]
    assert environment["TRAINING_JOB_NAME"] == job["TrainingJobName"]
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert environment["WISHED"] == "yes"
    assert not {"GATEWAY_PORT", "AUTH", "VIRTUAL_ENV"} & environment.keys()


def test_a_job_passes_through_sagemakers_statuses(kit: SageMakerKit) -> None:
    metrics = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    request = kit.request()
    request["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    kit.sagemaker.create_training_job(**request)
    job = kit.ended(request["TrainingJobName"])
    assert statuses(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in transition for transition in job["SecondaryStatusTransitions"])
    assert job["TrainingEndTime"] >= job["TrainingStartTime"] >= job["CreationTime"]
    assert job["BillableTimeInSeconds"] >= 1
    assert job["FinalMetricDataList"][0]["Value"] == 0.25
    name = job["TrainingJobName"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith(f"/{name}/output/model.tar.gz")
    assert kit.archive(f"output/{name}/output/output.tar.gz") == {"report.txt": b"report"}


def test_output_goes_to_cloudwatch_and_to_a_file(kit: SageMakerKit) -> None:
    job = kit.train()["TrainingJobName"]
    lines = ["step=1 loss=0.5", "step=2 loss=0.25"]
    assert kit.log_lines("/aws/sagemaker/TrainingJobs", f"{job}/algo-1-") == lines
    file = kit.work / "logs/training" / f"{job}-{kit.cloud.port}.log"
    assert file.read_text().splitlines() == lines


def test_the_folder_of_a_job_goes_with_it(kit: SageMakerKit) -> None:
    job = kit.train()["TrainingJobName"]
    folder = kit.work / "work" / str(kit.cloud.port) / "training"
    eventually(lambda: folder.exists() and not (folder / job).exists())


def test_a_manifest_names_the_objects_of_a_channel(kit: SageMakerKit) -> None:
    kit.put("accepted/job-1/000.png", "photo")
    kit.put("accepted/job-1/001.png", "another")
    manifest = [{"prefix": f"s3://{kit.bucket}/accepted/"}, "job-1/000.png"]
    uri = kit.put("photos.manifest", json.dumps(manifest))
    job = kit.train(InputDataConfig=[channel("photos", uri, "ManifestFile")])
    photos = [f for f in seen_by(kit, job["TrainingJobName"])["inputs"] if "/photos/" in f]
    assert photos == ["input/data/photos/job-1/000.png"]


def test_a_manifest_cannot_lead_out_of_its_channel(kit: SageMakerKit) -> None:
    kit.put("accepted/../escaped", "x")
    uri = kit.put(
        "bad.manifest", json.dumps([{"prefix": f"s3://{kit.bucket}/accepted/"}, "../escaped"])
    )
    job = kit.train(InputDataConfig=[channel("photos", uri, "ManifestFile")])
    assert "leads outside of its channel" in job["FailureReason"]


def test_checkpoints_reach_s3_while_the_job_runs_and_come_back_in_the_next(
    kit: SageMakerKit,
) -> None:
    uri = f"s3://{kit.bucket}/plan/checkpoints"
    job = kit.start(behaviour=LONG, CheckpointConfig={"S3Uri": uri})
    eventually(lambda: "plan/checkpoints/job-1/result.json" in kit.keys("plan/"))
    assert kit.describe(job)["SecondaryStatus"] == "Training"
    assert kit.get("plan/checkpoints/state.txt") == b"fresh"
    kit.sagemaker.stop_training_job(TrainingJobName=job)
    kit.ended(job)
    kit.train(CheckpointConfig={"S3Uri": uri})
    assert kit.get("plan/checkpoints/state.txt") == b"resumed"


def test_event_files_reach_s3_while_the_job_runs_and_do_not_come_back(kit: SageMakerKit) -> None:
    output = {"S3OutputPath": f"s3://{kit.bucket}/plan/tensorboard"}
    job = kit.start(behaviour=LONG, TensorBoardOutputConfig=output)
    eventually(lambda: kit.keys("plan/tensorboard/") == ["plan/tensorboard/events"])
    assert kit.describe(job)["SecondaryStatus"] == "Training"
    kit.sagemaker.stop_training_job(TrainingJobName=job)
    kit.ended(job)
    kit.put("plan/tensorboard/older", "x")
    again = kit.train(TensorBoardOutputConfig=output)["TrainingJobName"]
    assert not any("tensorboard" in name for name in seen_by(kit, again)["inputs"])


def of_instances(kit: SageMakerKit, count: int, **changes: Any) -> dict[str, Any]:
    request = kit.request(**changes)
    request["ResourceConfig"]["InstanceCount"] = count
    kit.sagemaker.create_training_job(**request)
    return kit.ended(request["TrainingJobName"])


def test_a_job_of_several_instances_runs_on_each_of_them(kit: SageMakerKit) -> None:
    job = of_instances(kit, 3)
    name, names = job["TrainingJobName"], ["algo-1", "algo-2", "algo-3"]
    assert job["TrainingJobStatus"] == "Completed"
    model = kit.archive(f"output/{name}/output/model.tar.gz")
    seen = {one: json.loads(model[f"{one}.json"]) for one in names}
    assert [config["current_host"] for config in seen.values()] == names
    assert all(config["hosts"] == names for config in seen.values())
    assert {f"{name}/checkpoints/{one}.txt" for one in names} <= set(kit.keys(f"{name}/"))
    for one in names:
        lines = kit.log_lines("/aws/sagemaker/TrainingJobs", f"{name}/{one}-")
        assert lines == ["step=1 loss=0.5", "step=2 loss=0.25"]


def test_the_failure_of_one_instance_stops_the_others_and_fails_the_job(kit: SageMakerKit) -> None:
    job = of_instances(kit, 2, behaviour={"fails_on": "algo-2", **LONG})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: , exit code: 9"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ({"failure": "x" * 2000}, "AlgorithmError: " + "x" * 994 + ", exit code: 1"),
        ({"status": "7"}, "AlgorithmError: , exit code: 7"),
    ],
)
def test_a_failing_job_says_why(kit: SageMakerKit, behaviour: dict[str, str], reason: str) -> None:
    job = kit.train(behaviour=behaviour)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == reason
    assert kit.keys(f"output/{job['TrainingJobName']}/output/model") == []


def test_a_stopped_job_may_save_its_work(kit: SageMakerKit) -> None:
    kit.use_settings(stop_grace=PATIENCE_SECONDS)
    job = kit.start(behaviour=LONG | {"save_on_sigterm": "yes"})
    eventually(lambda: kit.keys(f"{job}/checkpoints/job-1/"))
    kit.sagemaker.stop_training_job(TrainingJobName=job)
    ended = kit.ended(job)
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert statuses(ended)[-3:] == ["Stopping", "Uploading", "Stopped"]
    assert kit.get(f"{job}/checkpoints/saved.txt") == b"saved"
    assert "seen.json" in kit.archive(f"output/{job}/output/model.tar.gz")
    with pytest.raises(ClientError, match="is in status Stopped"):
        kit.sagemaker.stop_training_job(TrainingJobName=job)


def test_a_job_that_takes_too_long_is_stopped_and_then_killed(kit: SageMakerKit) -> None:
    limit = {"MaxRuntimeInSeconds": 1}
    behaviour = LONG | {"ignore_sigterm": "yes"}
    job = kit.train(behaviour=behaviour, StoppingCondition=limit)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "FailureReason" not in job


def test_a_spot_job_starts_again_from_its_checkpoints(kit: SageMakerKit) -> None:
    limits = {"MaxRuntimeInSeconds": 3000, "MaxWaitTimeInSeconds": 3600}
    behaviour = LONG | {"until_resumed": "yes"}
    job = kit.start(behaviour=behaviour, EnableManagedSpotTraining=True, StoppingCondition=limits)
    eventually(lambda: kit.keys(f"{job}/checkpoints/state"))
    with host.scope(ACCOUNT, REGION):
        jobs.interrupt(job)
    ended = kit.ended(job)
    assert ended["TrainingJobStatus"] == "Completed"
    assert statuses(ended).count("Training") == 2
    assert "Interrupted" in statuses(ended)
    assert kit.get(f"{job}/checkpoints/state.txt") == b"resumed"


def test_a_role_without_permission_fails_the_job_by_name(kit: SageMakerKit) -> None:
    kit.put("secret/a.txt", "a")
    job = kit.train(
        RoleArn=kit.make_role(),
        InputDataConfig=[channel("plan", f"s3://{kit.bucket}/secret/")],
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:AccessDenied (403)")


def test_a_job_without_image_fails(kit: SageMakerKit) -> None:
    image = {"TrainingImage": "nobody/knows:1", "TrainingInputMode": "File"}
    reason = kit.train(AlgorithmSpecification=image)["FailureReason"]
    assert reason.startswith("ClientError: Cannot pull the training image nobody/knows:1")


@pytest.mark.parametrize(
    ("place", "kind"), [("no.manifest", "ManifestFile"), ("nothing/", "S3Prefix")]
)
def test_a_job_without_its_data_is_not_created(kit: SageMakerKit, place: str, kind: str) -> None:
    empty = channel("plan", f"s3://{kit.bucket}/{place}", kind)
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL"):
        kit.start("without-data", InputDataConfig=[empty])
    with pytest.raises(ClientError, match="not found"):
        kit.describe("without-data")


def test_a_file_that_the_manifest_names_in_vain_fails_the_job(kit: SageMakerKit) -> None:
    kit.put("list.manifest", json.dumps([{"prefix": f"s3://{kit.bucket}/"}, "gone.png"]))
    named = channel("photos", f"s3://{kit.bucket}/list.manifest", "ManifestFile")
    reason = kit.train(InputDataConfig=[named])["FailureReason"]
    assert reason.startswith("ClientError: Data download failed:NoSuchKey (404)")


def test_every_status_is_published(kit: SageMakerKit) -> None:
    queue, receive = _subscribed(kit, ["aws.sagemaker"], "SageMaker Training Job State Change")
    kit.use_settings(event_copies=2)
    job = kit.train()
    events = eventually(lambda: (found := receive()) and len(found) >= 10 and found)
    details = [event["detail"] for event in events]
    assert [d["SecondaryStatus"] for d in details[::2]] == statuses(job)
    last = details[-1]
    assert last["TrainingJobStatus"] == "Completed"
    assert last["TrainingJobName"] == job["TrainingJobName"]
    assert last["TrainingEndTime"] == int(job["TrainingEndTime"].timestamp() * 1000)
    assert events[0]["resources"] == [job["TrainingJobArn"]]
    assert queue


def test_checkpoints_make_s3_events(kit: SageMakerKit) -> None:
    kit.s3.put_bucket_notification_configuration(
        Bucket=kit.bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    _, receive = _subscribed(kit, ["aws.s3"], "Object Created")
    job = kit.train()["TrainingJobName"]
    key = f"{job}/checkpoints/job-1/result.json"
    events = eventually(lambda: [e for e in receive() if e["detail"]["object"]["key"] == key])
    assert len(events) == 1


def _subscribed(kit: SageMakerKit, sources: list[str], kind: str) -> tuple[str, Any]:
    """Return a queue for these events, and a function that returns all events so far in order."""
    name = f"events-{time.monotonic_ns()}"
    sqs, rules = kit.cloud.client("sqs"), kit.cloud.client("events")
    queue: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document})
    rules.put_rule(Name=name, EventPattern=json.dumps({"source": sources, "detail-type": [kind]}))
    rules.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    seen: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        seen.extend(json.loads(message["Body"]) for message in found)
        for message in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return seen

    return queue, receive


@pytest.mark.parametrize("isolated", [True, False])
def test_an_isolated_job_reaches_no_network_but_its_own(kit: SageMakerKit, isolated: bool) -> None:
    behaviour = {"connect": kit.cloud.endpoint_url.removeprefix("http://")}
    job = kit.train(behaviour=behaviour, EnableNetworkIsolation=isolated)
    output = folders.log("training", job["TrainingJobName"]).read_text()
    if isolated and NOT_ISOLATED.strip() in output:
        pytest.skip("this kernel lets no user make a network namespace, and the job's log says so")
    assert job["TrainingJobStatus"] == ("Failed" if isolated else "Completed")


@pytest.mark.parametrize("isolated", [True, False])
def test_a_job_has_its_role_s_credentials_unless_it_is_isolated(
    kit: SageMakerKit, isolated: bool
) -> None:
    job = kit.train(EnableNetworkIsolation=isolated)
    seen = seen_by(kit, job["TrainingJobName"])["environment"]
    if isolated:
        assert not [name for name in seen if "CREDENTIALS" in name or "ACCESS_KEY" in name]
        return
    session = boto3.client(
        "sts",
        endpoint_url=seen["AWS_ENDPOINT_URL"],
        region_name=seen["AWS_REGION"],
        aws_access_key_id=seen["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=seen["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=seen["AWS_SESSION_TOKEN"],
    )
    assert f"/{kit.role.rsplit('/', 1)[-1]}/" in session.get_caller_identity()["Arn"]


def test_a_job_s_metrics_are_in_cloudwatch(kit: SageMakerKit) -> None:
    request = kit.request()
    metrics = [{"Name": "train:loss", "Regex": "loss=([0-9.]+)"}]
    request["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    kit.sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    assert kit.ended(name)["FinalMetricDataList"][0]["Value"] == 0.25
    now = datetime.now(UTC)
    found = kit.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="train:loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=["Minimum", "Maximum", "SampleCount"],
    )["Datapoints"]
    assert [(each["Minimum"], each["Maximum"]) for each in found] == [(0.25, 0.5)]
    assert sum(each["SampleCount"] for each in found) == 2
