"""What a test does with the laptop's SageMaker: short waits, two programs in place of images."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.sagemaker.container.images import python_program
from local.sagemaker.settings import Settings, configure, current
from tests.cloud import eventually

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


class SageMakerKit:
    """A bucket, a role that may do what it must, and clients."""

    def __init__(self, cloud: Cloud, work: Path) -> None:
        self.cloud = cloud
        self.work = work
        self.stock = current()
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

    def settle(self, **changes: Any) -> None:
        """Set short waits, and what this test wants different."""
        quick = Settings(
            images={
                "fake-trainer": python_program(FAKES / "container_trainer.py", "train"),
                "fake-server": python_program(FAKES / "container_server.py"),
            },
            instance_quota=8,
            stop_grace=0.5,
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
        streams = self.logs.describe_log_streams(logGroupName=group)["logStreams"]
        names = [s["logStreamName"] for s in streams if s["logStreamName"].startswith(stream)]
        return [
            event["message"]
            for name in names
            for event in self.logs.get_log_events(logGroupName=group, logStreamName=name)["events"]
        ]

    # ---- training --------------------------------------------------------------------------

    def request(self, name: str | None = None, **changes: Any) -> dict[str, Any]:
        """Return a CreateTrainingJob request; `wishes` are for the program."""
        name = name or f"job-{uuid.uuid4().hex[:8]}"
        fields = changes.pop("wishes", {})
        keep = changes.pop("keep", 0)
        resources = {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
        return {
            "TrainingJobName": name,
            "RoleArn": self.role,
            "HyperParameters": fields,
            "AlgorithmSpecification": {"TrainingImage": TRAINER, "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/output"},
            "CheckpointConfig": {"S3Uri": f"s3://{self.bucket}/{name}/checkpoints/"},
            "ResourceConfig": resources | ({"KeepAlivePeriodInSeconds": keep} if keep else {}),
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
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
        eventually(lambda: self.describe(job)["TrainingJobStatus"] not in alive, 20)
        return self.describe(job)

    def train(self, name: str | None = None, **changes: Any) -> dict[str, Any]:
        return self.ended(self.start(name, **changes))

    def in_status(self, job: str, secondary: str) -> None:
        eventually(lambda: self.describe(job)["SecondaryStatus"] == secondary, 20)

    # ---- serving ---------------------------------------------------------------------------

    def model(self, name: str, **environment: str) -> str:
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
            "InitialInstanceCount": 1,
            "InstanceType": "ml.g5.xlarge",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    def endpoint(self, **environment: str) -> str:
        """Return an endpoint in service."""
        name = f"endpoint-{uuid.uuid4().hex[:8]}"
        self.model(name, **environment)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert self.at_rest(name)["EndpointStatus"] == "InService"
        return name

    def at_rest(self, endpoint: str) -> dict[str, Any]:
        busy = ("Creating", "Updating")
        look: Callable[[], Any] = lambda: self.sagemaker.describe_endpoint(EndpointName=endpoint)  # noqa: E731
        eventually(lambda: look()["EndpointStatus"] not in busy, 20)
        answer: dict[str, Any] = look()
        return answer

    def package(self, target: str, **fields: Any) -> str:
        self.put(f"models/{target}", tar_gz({"wishes.json": json.dumps(fields)}))
        return target

    def invoke(self, endpoint: str, target: str, said: str = "hello") -> dict[str, Any]:
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, TargetModel=target, ContentType="text/plain", Body=said.encode()
        )
        return {"headers": answer, **json.loads(answer["Body"].read())}
