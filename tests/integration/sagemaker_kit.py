"""The laptop's SageMaker for tests: short times, and two programs in place of images."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.cloud.server import ACCOUNT, REGION
from local.sagemaker import host, store
from local.sagemaker.container.images import python_program
from local.sagemaker.settings import Settings, configure
from tests.cloud import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud.server import Cloud

FAKES = Path(__file__).parents[1] / "fakes"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
TRAINER = f"{REGISTRY}/fake-trainer:1"
SERVER = f"{REGISTRY}/fake-server:1"
TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "sagemaker.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def tar_gz(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def client_of(cloud: Cloud, service: str, key: str, secret: str, **options: Any) -> Any:
    """Return a client that does not retry."""
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, **options),
    )


def forget_training(cloud: Cloud) -> None:
    """Stop every training job, then delete all jobs and warm pools.

    The server lives for the whole session, so that one test would see another's names, quota and
    warm pools.
    """
    sagemaker = cloud.client("sagemaker")

    def running(status: str) -> list[str]:
        listed = sagemaker.list_training_jobs(StatusEquals=status, MaxResults=100)
        return [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]]

    for name in running("InProgress"):
        with suppress(ClientError):  # it has ended meanwhile
            sagemaker.stop_training_job(TrainingJobName=name)
    eventually(lambda: not (running("InProgress") or running("Stopping")))
    with host.scope(ACCOUNT, REGION), store.lock:
        store.jobs().clear()
        store.pools().clear()


def restore_defaults() -> None:
    """Use the product's own settings again."""
    configure(Settings())


class SageMakerKit:
    """A bucket, a role with the permissions of a job, and clients."""

    def __init__(self, cloud: Cloud, work: Path) -> None:
        self.cloud = cloud
        self.work = work
        self.s3 = cloud.client("s3")
        self.sagemaker = cloud.client("sagemaker")
        self.runtime = client_of(cloud, "sagemaker-runtime", *cloud.access_key())
        self.logs = cloud.client("logs")
        self.bucket = f"sagemaker-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=self.bucket)
        objects, bucket = f"arn:aws:s3:::{self.bucket}/*", f"arn:aws:s3:::{self.bucket}"
        self.role = self.make_role(
            allow(["s3:GetObject", "s3:PutObject"], objects),
            allow("s3:ListBucket", bucket),
            allow("logs:*", "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/*"),
        )

    def use_settings(self, **changes: Any) -> None:
        """Use short times, and the changes of this test."""
        quick = Settings(
            images={
                "fake-trainer": python_program(FAKES / "container_trainer.py", "train"),
                "fake-server": python_program(FAKES / "container_server.py"),
            },
            instance_quota=8,
            stop_grace=0.5,
            invocation_limit=PATIENCE_SECONDS,
            sync_every=0.1,
            work=self.work / "work",
            logs=self.work / "logs",
        )
        configure(replace(quick, **changes))

    def make_role(self, *statements: dict[str, Any]) -> str:
        iam, name = self.cloud.client("iam"), f"sagemaker-{uuid.uuid4().hex[:8]}"
        answer = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(TRUST))
        if statements:
            document = policy(*statements)
            iam.put_role_policy(RoleName=name, PolicyName="tests", PolicyDocument=document)
        return str(answer["Role"]["Arn"])

    def put(self, key: str, body: bytes | str) -> str:
        content = body.encode() if isinstance(body, str) else body
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def archive(self, key: str) -> dict[str, bytes]:
        with tarfile.open(fileobj=io.BytesIO(self.get(key)), mode="r:gz") as tar:
            files = [(m.name, tar.extractfile(m)) for m in tar.getmembers() if m.isfile()]
            return {name: file.read() for name, file in files if file is not None}

    def log_lines(self, group: str, stream: str) -> list[str]:
        pages = self.logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, logStreamNamePrefix=stream
        )  # one page has 50 streams, and other tests leave theirs
        names = [one["logStreamName"] for page in pages for one in page["logStreams"]]
        return [
            event["message"]
            for name in names
            for event in self.logs.get_log_events(logGroupName=group, logStreamName=name)["events"]
        ]

    # ---- training --------------------------------------------------------------------------

    def request(self, name: str | None = None, **changes: Any) -> dict[str, Any]:
        """Return a CreateTrainingJob request; `behaviour` goes to the program."""
        name = name or f"job-{uuid.uuid4().hex[:8]}"
        behaviour = changes.pop("behaviour", {})
        keep = changes.pop("keep", 0)
        resources = {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
        return {
            "TrainingJobName": name,
            "RoleArn": self.role,
            "HyperParameters": behaviour,
            "AlgorithmSpecification": {"TrainingImage": TRAINER, "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/output"},
            "CheckpointConfig": {"S3Uri": f"s3://{self.bucket}/{name}/checkpoints/"},
            "ResourceConfig": resources | ({"KeepAlivePeriodInSeconds": keep} if keep else {}),
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            **changes,
        }

    def start(self, name: str | None = None, **changes: Any) -> str:
        request = self.request(name, **changes)
        self.sagemaker.create_training_job(**request)
        return str(request["TrainingJobName"])

    def describe(self, job: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=job)
        return answer

    def ended(self, job: str) -> dict[str, Any]:
        alive = ("InProgress", "Stopping")
        eventually(lambda: self.describe(job)["TrainingJobStatus"] not in alive)
        return self.describe(job)

    def train(self, name: str | None = None, **changes: Any) -> dict[str, Any]:
        return self.ended(self.start(name, **changes))

    def in_status(self, job: str, secondary: str) -> None:
        eventually(lambda: self.describe(job)["SecondaryStatus"] == secondary)

    # ---- serving ---------------------------------------------------------------------------

    def model(self, name: str, instances: int = 1, **environment: str) -> str:
        """Return the name of a model and of its endpoint's configuration."""
        container = {
            "Image": SERVER,
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{self.bucket}/models/",
            "Environment": environment,
        }
        self.sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=self.role
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InitialInstanceCount": instances,
            "InstanceType": "ml.g5.xlarge",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    def endpoint(self, instances: int = 1, **environment: str) -> str:
        """Return an endpoint in service."""
        name = f"endpoint-{uuid.uuid4().hex[:8]}"
        self.model(name, instances, **environment)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert self.wait_for_endpoint(name)["EndpointStatus"] == "InService"
        return name

    def wait_for_endpoint(self, endpoint: str) -> dict[str, Any]:
        busy = ("Creating", "Updating")
        look: Callable[[], Any] = lambda: self.sagemaker.describe_endpoint(EndpointName=endpoint)  # noqa: E731
        eventually(lambda: look()["EndpointStatus"] not in busy)
        answer: dict[str, Any] = look()
        return answer

    def package(self, target: str, **behaviour: Any) -> str:
        self.put(f"models/{target}", tar_gz({"behaviour.json": json.dumps(behaviour)}))
        return target

    def invoke(self, endpoint: str, target: str, text: str = "hello") -> dict[str, Any]:
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, TargetModel=target, ContentType="text/plain", Body=text.encode()
        )
        return {"headers": answer, **json.loads(answer["Body"].read())}
