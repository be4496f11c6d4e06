"""An AWS account in memory: real boto3 clients, and answers that botocore's own models allow.

Nothing goes over a network. botocore checks every request, ``shaped`` every answer. A test changes
the account as a person or AWS would (``account.quotas[...] = 0``), or denies a call.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from boto3.session import Session
from botocore import xform_name
from botocore.model import OperationModel, Shape

from contracts.base import hash_of_files
from contracts.shared.instances.image_check import LABEL
from contracts.shared.layout.bases import classifier_prefix
from likeness_client.doctor.account import Account, action_of
from likeness_client.doctor.checks.strict import GATEWAYS, INTERFACES, WRITERS
from likeness_client.doctor.template import shipped
from tests.fakes.tiny_vit import AGES, tiny_vit

Answer = dict[str, Any]
REGION, ACCOUNT, STACK, BUCKET = "eu-central-1", "123456789012", "likeness", "company-bases"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
MACHINES = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine"
NOW = datetime.now(UTC)
BASE_FILES = {"model_index.json": b"{}", "unet/diffusion_pytorch_model.safetensors": b"weights"}
AGES_ID = "ages"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d0e-1"


class RefusedError(Exception):
    """AWS answers with an error."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


def digest(index: int) -> str:
    """Return an image's digest."""
    return "sha256:" + f"{index:x}" * 64


def parameters() -> dict[str, str]:
    """Return the parameters of a good deployment."""
    return {
        "TrainingImageUri": f"{REGISTRY}/likeness/training@{digest(1)}",
        "ServingImageUri": f"{REGISTRY}/likeness/serving@{digest(2)}",
        "BasesBucket": BUCKET,
        "TrainingQuota": "2",
        "ConsentTextVersion": "2026-01",
        "MonthlyBudgetUsd": "500",
        "AgeEstimatorId": AGES_ID,
    }


def instance_quotas() -> dict[str, float]:
    """Return quotas that are enough for it, by their names."""
    return {
        "ml.g5.2xlarge for training job usage": 4,
        "ml.g5.2xlarge for spot training job usage": 4,
        "ml.g5.2xlarge for training warm pool usage": 4,
        "ml.g5.xlarge for endpoint usage": 4,
        "Longest run time for a training job": 432000,
        "Number of instances across all training jobs": 4,
        "Number of instances across active endpoints": 4,
    }


def card() -> Answer:
    """Return a base.json that fits BASE_FILES."""
    files = {path: sha256(body).hexdigest() for path, body in BASE_FILES.items()}
    defaults = {
        "learning_rate": 1e-4,
        "train_batch_size": 1,
        "rank": 16,
        "steps_per_photo": 100,
        "min_train_steps": 400,
        "max_train_steps": 2000,
    }
    return {
        "base_id": "portraits-sdxl",
        "family": "sdxl",
        "revision": "1",
        "sha256": hash_of_files(files),
        "files": files,
        "prediction_type": "epsilon",
        "resolution": 1024,
        "training": defaults,
        "inference": {"num_inference_steps": 30, "guidance_scale": 7, "scheduler": "DPM"},
        "gate": {"min_effect": 0.01},
    }


STRICT = {
    "KmsKeyArn": KEY,
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "AccessLogsBucket": "access-logs",
    "ReservedConcurrency": "5",
}
"""The parameters of a good deployment of the strict profile."""


def good_subnets() -> dict[str, dict[str, str]]:
    """Return two subnets of one network."""
    return {
        f"subnet-{number}": {"VpcId": "vpc-1", "AvailabilityZone": f"{REGION}{zone}"}
        for number, zone in ((1, "a"), (2, "b"))
    }


def good_vpc_endpoints() -> dict[str, Answer]:
    """Return every VPC endpoint that docs/strict.md asks for."""
    return {
        name: {
            "VpcEndpointId": f"vpce-{name}",
            "VpcId": "vpc-1",
            "ServiceName": f"com.amazonaws.{REGION}.{name}",
            "State": "available",
            "PrivateDnsEnabled": name in INTERFACES,
        }
        for name in (*GATEWAYS, *INTERFACES)
    }


def strict_key() -> Answer:
    """Return the policy of docs/strict.md."""
    services = [f"logs.{REGION}.amazonaws.com", *WRITERS]
    policy = key_policy(f"arn:aws:iam::{ACCOUNT}:root")
    may = {
        "Effect": "Allow",
        "Principal": {"Service": services},
        "Action": ["kms:GenerateDataKey*"],
    }
    return {**policy, "Statement": [*policy["Statement"], may]}


def logs_policy(service: str = "logging.s3.amazonaws.com") -> str:
    """Return the policy of a bucket that a service may write to."""
    may = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "s3:PutObject"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**may, "Resource": "*"}]})


def blocked() -> dict[str, bool]:
    """Return S3's Block Public Access, all of it on."""
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return dict.fromkeys(names, True)


def good_images() -> dict[str, dict[str, Answer]]:
    """Return two repositories with one image each."""
    return {
        name: {
            digest(index): {
                "imageDigest": digest(index),
                "imageTags": ["v1"],
                "imagePushedAt": NOW - timedelta(days=3),
            }
        }
        for index, name in ((1, "likeness/training"), (2, "likeness/serving"))
    }


def good_labels() -> dict[str, str]:
    """Return what the images say of themselves."""
    return {
        "com.amazonaws.sagemaker.capabilities.multi-models": "true",
        LABEL: "python=3.12 cuda=12.9 driver=525",
    }


def good_objects() -> dict[str, bytes]:
    """Return a base's folder, and that of an age estimate."""
    folder = "bases/portraits-sdxl/"
    files = {folder + path: body for path, body in BASE_FILES.items()}
    ages = classifier_prefix(AGES_ID)
    classifier = tiny_vit(AGES)
    files |= {ages + name: body for name, body in classifier.items()}
    files[ages + "SHA256SUMS"] = sums_of(classifier)
    return {**files, folder + "base.json": json.dumps(card()).encode()}


def sums_of(files: dict[str, bytes]) -> bytes:
    """Return what sha256sum writes of a folder."""
    return "".join(f"{sha256(body).hexdigest()}  {name}\n" for name, body in files.items()).encode()


@dataclass
class Memory:
    """What the account holds; every field may be changed."""

    parameters: dict[str, str] = field(default_factory=parameters)
    status: str | None = "CREATE_COMPLETE"
    """The stack's status; None: there is no stack."""
    status_reason: str = ""
    quotas: dict[str, float] = field(default_factory=instance_quotas)
    requested: list[Answer] = field(default_factory=list)
    missing_types: set[str] = field(default_factory=set)
    concurrency: int = 1000
    public_access: dict[str, bool] | None = field(default_factory=blocked)
    roles: set[str] = field(
        default_factory=lambda: {"AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"}
    )
    images: dict[str, dict[str, Answer]] = field(default_factory=good_images)
    """Descriptions by digest, by repository."""
    architecture: str = "amd64"
    labels: dict[str, str] = field(default_factory=good_labels)
    """Labels of the images' configuration."""
    lifecycle: dict[str, list[Answer]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=good_objects)
    storage_class: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    buckets: dict[str, Answer] = field(default_factory=dict)
    keys: dict[str, Answer] = field(default_factory=dict)
    functions: dict[str, Answer] = field(default_factory=dict)
    mappings: dict[str, Answer] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Answer] = field(default_factory=dict)
    queues: dict[str, Answer] = field(default_factory=dict)
    """Attributes of the queues, by address."""
    routes: dict[str, dict[str, str]] = field(default_factory=dict)
    """The kind of authorization of each route, by API."""
    authorizers: list[str] = field(default_factory=list)
    """Functions that the API asks who is calling."""
    pools: dict[str, Answer] = field(default_factory=dict)
    pool_clients: dict[str, Answer] = field(default_factory=dict)
    secrets: dict[str, Answer] = field(default_factory=dict)
    topics: dict[str, list[Answer]] = field(default_factory=dict)
    alarms: dict[str, Answer] = field(default_factory=dict)
    tables: dict[str, Answer] = field(default_factory=dict)
    recovery: dict[str, str] = field(default_factory=dict)
    rows: list[Answer] = field(default_factory=list)
    endpoint: Answer | None = None
    config: Answer = field(default_factory=dict)
    model: Answer = field(default_factory=dict)
    subnets: dict[str, dict[str, str]] = field(default_factory=good_subnets)
    """VpcId and AvailabilityZone, by id."""
    groups: dict[str, str] = field(default_factory=lambda: {"sg-1": "vpc-1"})
    """The network of each security group."""
    vpc_endpoints: dict[str, Answer] = field(default_factory=good_vpc_endpoints)
    """By the end of the service's name."""
    policies: set[str] = field(default_factory=lambda: {STRICT["PermissionsBoundaryArn"]})
    denied_role_actions: set[str] = field(default_factory=set)
    log_groups: list[str] = field(default_factory=list)
    """Groups that keep their lines for ever."""
    ending_log_groups: list[str] = field(default_factory=lambda: ["/aws/sagemaker/TrainingJobs"])
    """Groups that somebody has given an end."""
    drifts: list[Answer] = field(default_factory=list)
    drift_status: str = "DETECTION_COMPLETE"
    resources: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Type and physical id of the stack's resources, by logical id."""
    denied: set[str] = field(default_factory=set)
    """IAM's names of calls that are refused."""


class FakeAws:
    """The account's services; ``account()`` is what the doctor asks."""

    def __init__(self, *, deployed: bool = True, **changed: str) -> None:
        self.memory = Memory()
        self.memory.parameters |= changed
        self.memory.buckets[BUCKET] = {"region": REGION}
        if "KmsKeyArn" in changed:
            self.memory.buckets[STRICT["AccessLogsBucket"]] = {"policy": logs_policy()}
            self.memory.keys[KEY] = {"state": "Enabled", "policy": strict_key()}
        if deployed:
            deploy(self.memory)
        else:
            self.memory.status = None
        self.called: set[str] = set()

    def account(self) -> Account:
        """Return the account as the doctor gets it."""
        return Account(REGION, self, self.fetch, lambda _seconds: None)

    def client(self, service: str, **_settings: Any) -> Any:
        """Return a client of boto3 whose answers come from this account."""
        return Client(self, shared_client(service))

    def fetch(self, url: str) -> bytes:
        """Return an image's configuration."""
        assert url.startswith("https://layers.example.com/likeness/")
        labels = {"Labels": self.memory.labels}
        document = {"architecture": self.memory.architecture, "config": labels}
        return json.dumps(document).encode()

    def answer(self, model: OperationModel, asked: Answer) -> tuple[Any, Answer]:
        """Return a response and its content, as botocore would have parsed it."""
        service, operation = model.service_model.service_name, xform_name(model.name)
        action = action_of(service, operation)
        self.called.add(action)
        try:
            check_allowed(self.memory, action)
            content = HANDLERS[service, operation](self.memory, asked)
        except RefusedError as error:
            return SimpleNamespace(status_code=error.status, raw=None), {
                "Error": {"Code": error.code, "Message": error.message},
                "ResponseMetadata": {"HTTPStatusCode": error.status},
            }
        shaped(content, model.output_shape)
        return SimpleNamespace(status_code=200, raw=None), {**content, "ResponseMetadata": {}}


def check_allowed(memory: Memory, action: str) -> None:
    """Refuse a call that this account denies."""
    if action in memory.denied:
        raise RefusedError("AccessDeniedException", f"not authorized: {action}", 403)


class Client:
    """A client of boto3 that all accounts share: making one takes longer than all its calls."""

    asked: FakeAws
    """The account that is being asked."""

    def __init__(self, aws: FakeAws, client: Any) -> None:
        self._aws, self._client = aws, client

    def __getattr__(self, name: str) -> Any:
        Client.asked = self._aws
        return getattr(self._client, name)


@cache
def shared_client(service: str) -> Any:
    """Return a client that asks ``Client.asked`` in place of a network."""
    session = Session("id", "secret", region_name=REGION)
    session.events.register("provide-client-params", keep_arguments)
    session.events.register("before-call", ask_memory)
    return session.client(service)


def keep_arguments(params: Answer, context: Answer, **_: Any) -> None:
    """Keep the arguments before botocore makes a request of them."""
    context["arguments"] = dict(params)


def ask_memory(model: OperationModel, context: Answer, **_: Any) -> tuple[Any, Answer]:
    """Answer in place of a network."""
    return Client.asked.answer(model, context["arguments"])


def shaped(value: Any, shape: Shape | None) -> None:
    """Check that an answer has only fields that AWS's has."""
    if shape is None:
        return
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{shape.name} has no {unknown}"
        for name, inner in value.items():
            shaped(inner, shape.members[name])
    elif shape.type_name == "list":
        for inner in value:
            shaped(inner, shape.member)


HANDLERS: dict[tuple[str, str], Callable[[Memory, Answer], Answer]] = {}


def answers(service: str) -> Callable[[Callable[[Memory, Answer], Answer]], Any]:
    """Make a function the service's answer to the operation of its name."""

    def keep(handler: Callable[[Memory, Answer], Answer]) -> Any:
        operation = handler.__name__.removeprefix(f"{service.replace('-', '_')}_")
        HANDLERS[service, operation] = handler
        return handler

    return keep


# ---- a deployed stack ---------------------------------------------------------------------------


def deploy(memory: Memory) -> None:
    """Make the stack's resources as CloudFormation would."""
    values = shipped().values(memory.parameters) | {"AWS::Region": REGION}
    for logical_id, resource in shipped().active(values):
        memory.resources[logical_id] = (resource["Type"], physical_id(logical_id, resource))
    for logical_id, (type_, name) in memory.resources.items():
        for maker in MAKERS.get(type_, ()):
            maker(memory, logical_id, name)


UUID_LENGTH = 36
"""Lambda takes no shorter name for a mapping."""


def physical_id(logical_id: str, resource: Any) -> str:
    """Return what CloudFormation calls a resource."""
    name: str = resource.get("Name", "${AWS::StackName}-" + logical_id)
    name = name.replace("${AWS::StackName}", STACK)
    arns = {
        "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}",
        "AWS::StepFunctions::StateMachine": f"{MACHINES}:{name}",
        "AWS::SQS::Queue": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}",
        "AWS::S3::Bucket": name.lower(),
        "AWS::Lambda::EventSourceMapping": name.ljust(UUID_LENGTH, "-"),
    }
    return arns.get(resource["Type"], name)


def make_bucket(memory: Memory, logical_id: str, name: str) -> None:
    """Make a bucket as the template says."""
    memory.buckets[name] = {
        "region": REGION,
        "events": True,
        "public": blocked(),
        "versioning": "Enabled" if logical_id == "UploadsBucket" else None,
        "days": 30 if logical_id == "UploadsBucket" else None,
    }


def make_function(memory: Memory, _id: str, name: str) -> None:
    """Make a function."""
    memory.functions[name] = {
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Runtime": "python3.13",
        "reserved": None,
    }


def make_endpoint(memory: Memory, _id: str, name: str) -> None:
    """Make the endpoint with its variant."""
    memory.endpoint = {
        "EndpointName": name,
        "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name}",
        "EndpointStatus": "InService",
        "EndpointConfigName": f"{STACK}-ServingEndpointConfig",
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "DeployedImages": [
                    {
                        "SpecifiedImage": memory.parameters["ServingImageUri"],
                        "ResolvedImage": f"{REGISTRY}/likeness/serving@{digest(2)}",
                    }
                ],
            }
        ],
    }


def make_model(memory: Memory, _id: str, name: str) -> None:
    """Make the endpoint's model."""
    memory.model = {
        "ModelName": name,
        "PrimaryContainer": {"Image": memory.parameters["ServingImageUri"]},
    }


def make_config(memory: Memory, _id: str, name: str) -> None:
    """Make the endpoint's configuration."""
    values = shipped().values(memory.parameters)
    memory.config = {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": memory.model.get("ModelName", ""),
                "InstanceType": values["EndpointInstanceType"],
                "InferenceAmiVersion": values["InferenceAmiVersion"],
            }
        ],
    }


def make_topic(memory: Memory, logical_id: str, arn: str) -> None:
    """Make a topic with a subscriber."""
    subscription = {
        "SubscriptionArn": f"{arn}:1",
        "Protocol": "email",
        "Endpoint": "operators@example.com",
    }
    memory.topics[arn] = [] if logical_id == "StatusTopic" else [subscription]


def make_alarm(memory: Memory, logical_id: str, name: str) -> None:
    """Make an alarm that is quiet."""
    memory.alarms[name] = {
        "AlarmName": name,
        "AlarmDescription": f"{logical_id} is raised; docs/runbooks/crashes.md",
        "StateValue": "OK",
        "StateReason": "",
        "ActionsEnabled": True,
    }


def make_api(memory: Memory, _id: str, name: str) -> None:
    """Make the API with the template's routes."""
    values = shipped().values(memory.parameters) | {"AWS::Region": REGION}
    memory.routes[name] = {
        resource["Route"]: resource["Authorization"]
        for _, resource in shipped().active(values)
        if "Route" in resource
    }
    memory.authorizers.append(f"{STACK}-authorize")


def make_queue(memory: Memory, logical_id: str, url: str) -> None:
    """Make a queue; those of work give up what fails."""
    memory.queues[url] = {"ApproximateNumberOfMessages": "0"}
    if "DeadLetter" not in logical_id:
        memory.queues[url]["RedrivePolicy"] = '{"maxReceiveCount": 4}'


def make_pool(memory: Memory, _id: str, name: str) -> None:
    """Make a user pool for people whom operators invite."""
    memory.pools[name] = {"Id": name, "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}}


def make_pool_client(memory: Memory, _id: str, name: str) -> None:
    """Make the pages' client of the user pool."""
    memory.pool_clients[name] = {"ClientId": name, "WriteAttributes": ["email"]}


def make_table(memory: Memory, logical_id: str, name: str) -> None:
    """Make a table as the template says."""
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    memory.tables[name] = {"TableName": name, "TableStatus": "ACTIVE"}
    if logical_id == "JobsTable":
        memory.tables[name]["StreamSpecification"] = stream
    memory.recovery[name] = "ENABLED"


MAKERS: dict[str, tuple[Callable[[Memory, str, str], None], ...]] = {
    "AWS::S3::Bucket": (make_bucket,),
    "AWS::Lambda::Function": (make_function,),
    "AWS::Lambda::EventSourceMapping": (
        lambda memory, _id, name: memory.mappings.update(
            {name: {"UUID": name, "State": "Enabled", "LastProcessingResult": "OK"}}
        ),
    ),
    "AWS::StepFunctions::StateMachine": (
        lambda memory, _id, arn: memory.machines.update({arn: "ACTIVE"}),
    ),
    "AWS::Events::Rule": (
        lambda memory, _id, name: memory.rules.update({name: {"State": "ENABLED", "targets": 1}}),
    ),
    "AWS::SNS::Topic": (make_topic,),
    "AWS::CloudWatch::Alarm": (make_alarm,),
    "AWS::DynamoDB::Table": (make_table,),
    "AWS::ApiGatewayV2::Api": (make_api,),
    "AWS::Cognito::UserPool": (make_pool,),
    "AWS::Cognito::UserPoolClient": (make_pool_client,),
    "AWS::SQS::Queue": (make_queue,),
    "AWS::KMS::Key": (
        lambda memory, _id, name: memory.keys.update({name: {"state": "Enabled", "policy": {}}}),
    ),
    "AWS::SecretsManager::Secret": (
        lambda memory, _id, name: memory.secrets.update({name: {"Name": name}}),
    ),
    "AWS::SageMaker::Endpoint": (make_endpoint,),
    "AWS::SageMaker::Model": (make_model,),
    "AWS::SageMaker::EndpointConfig": (make_config,),
}


# ---- answers ------------------------------------------------------------------------------------


@answers("sts")
def sts_get_caller_identity(_memory: Memory, _asked: Answer) -> Answer:
    return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/operator", "UserId": "U"}


@answers("cloudformation")
def cloudformation_describe_stacks(memory: Memory, asked: Answer) -> Answer:
    if memory.status is None:
        raise RefusedError("ValidationError", f"Stack with id {asked['StackName']} does not exist")
    stack = {
        "StackName": asked["StackName"],
        "CreationTime": NOW,
        "StackStatus": memory.status,
        "StackStatusReason": memory.status_reason,
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in memory.parameters.items()
        ],
    }
    return {"Stacks": [stack]}


@answers("cloudformation")
def cloudformation_list_stack_resources(memory: Memory, _asked: Answer) -> Answer:
    return {
        "StackResourceSummaries": [
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": name,
                "ResourceType": type_,
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": NOW,
            }
            for logical_id, (type_, name) in memory.resources.items()
        ]
    }


@answers("cloudformation")
def cloudformation_describe_type(memory: Memory, asked: Answer) -> Answer:
    if asked["TypeName"] in memory.missing_types:
        raise RefusedError("TypeNotFoundException", f"{asked['TypeName']} cannot be found", 404)
    return {"TypeName": asked["TypeName"], "Type": "RESOURCE"}


@answers("cloudformation")
def cloudformation_detect_stack_drift(_memory: Memory, _asked: Answer) -> Answer:
    return {"StackDriftDetectionId": "detection-1"}


@answers("cloudformation")
def cloudformation_describe_stack_drift_detection_status(memory: Memory, _asked: Answer) -> Answer:
    return {
        "StackId": STACK,
        "StackDriftDetectionId": "detection-1",
        "DetectionStatus": memory.drift_status,
        "DetectionStatusReason": "Failed to detect drift on resource [Budget]",
        "Timestamp": NOW,
    }


@answers("cloudformation")
def cloudformation_describe_stack_resource_drifts(memory: Memory, _asked: Answer) -> Answer:
    return {"StackResourceDrifts": memory.drifts}


@answers("service-quotas")
def service_quotas_list_aws_default_service_quotas(memory: Memory, _asked: Answer) -> Answer:
    return {"Quotas": [one | {"Value": 0.0} for one in quotas(memory)]}


@answers("service-quotas")
def service_quotas_list_service_quotas(memory: Memory, _asked: Answer) -> Answer:
    return {"Quotas": list(quotas(memory))}


def quotas(memory: Memory) -> Iterator[Answer]:
    for index, (name, value) in enumerate(sorted(memory.quotas.items())):
        yield {
            "QuotaName": name,
            "QuotaCode": f"L-{index:08X}",
            "Value": float(value),
            "Description": f"{name}.",
        }


@answers("service-quotas")
def service_quotas_list_requested_service_quota_change_history_by_quota(
    memory: Memory, _asked: Answer
) -> Answer:
    return {"RequestedQuotas": memory.requested}


@answers("lambda")
def lambda_get_account_settings(memory: Memory, _asked: Answer) -> Answer:
    limit = {"UnreservedConcurrentExecutions": memory.concurrency}
    return {"AccountLimit": limit}


@answers("lambda")
def lambda_get_function_configuration(memory: Memory, asked: Answer) -> Answer:
    found = entry(memory.functions, asked["FunctionName"], "ResourceNotFoundException")
    return {name: value for name, value in found.items() if name != "reserved"}


@answers("lambda")
def lambda_get_function_concurrency(memory: Memory, asked: Answer) -> Answer:
    found = entry(memory.functions, asked["FunctionName"], "ResourceNotFoundException")
    reserved = found["reserved"]
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


@answers("lambda")
def lambda_get_event_source_mapping(memory: Memory, asked: Answer) -> Answer:
    return entry(memory.mappings, asked["UUID"], "ResourceNotFoundException")


@answers("s3control")
def s3control_get_public_access_block(memory: Memory, _asked: Answer) -> Answer:
    if memory.public_access is None:
        raise RefusedError("NoSuchPublicAccessBlockConfiguration", "", 404)
    return {"PublicAccessBlockConfiguration": memory.public_access}


@answers("iam")
def iam_get_role(memory: Memory, asked: Answer) -> Answer:
    if asked["RoleName"] not in memory.roles:
        raise RefusedError("NoSuchEntity", "", 404)
    return {"Role": {"RoleName": asked["RoleName"]}}


@answers("iam")
def iam_simulate_principal_policy(memory: Memory, asked: Answer) -> Answer:
    decisions = [
        {
            "EvalActionName": action,
            "EvalResourceName": asked["ResourceArns"][0],
            "EvalDecision": ("explicitDeny" if action in memory.denied_role_actions else "allowed"),
        }
        for action in asked["ActionNames"]
    ]
    return {"EvaluationResults": decisions}


@answers("ecr")
def ecr_describe_images(memory: Memory, asked: Answer) -> Answer:
    repository = asked["repositoryName"]
    if repository not in memory.images:
        raise RefusedError("RepositoryNotFoundException", "")
    found = list(memory.images[repository].values())
    for wanted in asked.get("imageIds", []):
        found = [one for one in found if is_image(one, wanted)]
        if not found:
            raise RefusedError("ImageNotFoundException", "")
    return {"imageDetails": found}


def is_image(image: Answer, wanted: Answer) -> bool:
    if "imageDigest" in wanted:
        return bool(image["imageDigest"] == wanted["imageDigest"])
    return wanted["imageTag"] in image.get("imageTags", [])


@answers("ecr")
def ecr_get_lifecycle_policy(memory: Memory, asked: Answer) -> Answer:
    rules = memory.lifecycle.get(asked["repositoryName"])
    if rules is None:
        raise RefusedError("LifecyclePolicyNotFoundException", "")
    return {"lifecyclePolicyText": json.dumps({"rules": rules})}


@answers("ecr")
def ecr_batch_get_image(_memory: Memory, asked: Answer) -> Answer:
    (wanted,) = asked["imageIds"]
    if wanted.get("imageDigest", "").endswith("f"):
        manifest: Answer = {"config": {"digest": digest(3)}}
    else:
        manifest = {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {"digest": digest(14), "platform": {"architecture": "arm64"}},
                {"digest": digest(15), "platform": {"architecture": "amd64"}},
            ],
        }
    return {"images": [{"imageManifest": json.dumps(manifest)}]}


@answers("ecr")
def ecr_get_download_url_for_layer(_memory: Memory, asked: Answer) -> Answer:
    return {"downloadUrl": f"https://layers.example.com/{asked['repositoryName']}"}


@answers("s3")
def s3_get_bucket_location(memory: Memory, asked: Answer) -> Answer:
    return {"LocationConstraint": bucket(memory, asked)["region"]}


def bucket(memory: Memory, asked: Answer) -> Answer:
    return entry(memory.buckets, asked["Bucket"], "NoSuchBucket")


def entry(rows: dict[str, Answer], name: str, code: str) -> Answer:
    if name not in rows:
        raise RefusedError(code, f"{name} does not exist", 404)
    return rows[name]


@answers("s3")
def s3_get_object(memory: Memory, asked: Answer) -> Answer:
    bucket(memory, asked)
    if asked["Key"] not in memory.objects:
        raise RefusedError("NoSuchKey", "", 404)
    return {"Body": io.BytesIO(memory.objects[asked["Key"]])}


@answers("s3")
def s3_head_object(memory: Memory, asked: Answer) -> Answer:
    bucket(memory, asked)
    if asked["Key"] not in memory.objects:
        raise RefusedError("404", "", 404)
    kept = memory.checksums.get(asked["Key"])
    return {} if kept is None else {"ChecksumSHA256": kept, "ChecksumType": "FULL_OBJECT"}


@answers("s3")
def s3_list_objects_v2(memory: Memory, asked: Answer) -> Answer:
    bucket(memory, asked)
    return {
        "Contents": [
            {
                "Key": key,
                "Size": len(body),
                "StorageClass": memory.storage_class.get(key, "STANDARD"),
            }
            for key, body in sorted(memory.objects.items())
            if key.startswith(asked["Prefix"])
        ]
    }


@answers("s3")
def s3_get_bucket_encryption(memory: Memory, asked: Answer) -> Answer:
    key = bucket(memory, asked).get("key")
    default = (
        {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
    )
    rule = {"ApplyServerSideEncryptionByDefault": default}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


@answers("s3")
def s3_get_bucket_notification_configuration(memory: Memory, asked: Answer) -> Answer:
    return {"EventBridgeConfiguration": {}} if bucket(memory, asked)["events"] else {}


@answers("s3")
def s3_get_public_access_block(memory: Memory, asked: Answer) -> Answer:
    block = bucket(memory, asked)["public"]
    if block is None:
        raise RefusedError("NoSuchPublicAccessBlockConfiguration", "", 404)
    return {"PublicAccessBlockConfiguration": block}


@answers("s3")
def s3_get_bucket_versioning(memory: Memory, asked: Answer) -> Answer:
    status = bucket(memory, asked)["versioning"]
    return {} if status is None else {"Status": status}


@answers("s3")
def s3_get_bucket_lifecycle_configuration(memory: Memory, asked: Answer) -> Answer:
    days = bucket(memory, asked)["days"]
    if days is None:
        raise RefusedError("NoSuchLifecycleConfiguration", "", 404)
    rule = {"ID": "PhotosExpire", "Status": "Enabled", "Expiration": {"Days": days}}
    return {"Rules": [rule]}


@answers("kms")
def kms_describe_key(memory: Memory, asked: Answer) -> Answer:
    found = entry(memory.keys, asked["KeyId"], "NotFoundException")
    metadata = {"KeyId": asked["KeyId"], "KeyState": found["state"], "KeyManager": "CUSTOMER"}
    return {"KeyMetadata": metadata}


@answers("kms")
def kms_get_key_policy(memory: Memory, asked: Answer) -> Answer:
    return {"Policy": json.dumps(entry(memory.keys, asked["KeyId"], "NotFoundException")["policy"])}


def key_policy(principal: str, action: str = "kms:*") -> Answer:
    """Return a key's policy with one statement."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]}


@answers("ec2")
def ec2_describe_subnets(memory: Memory, asked: Answer) -> Answer:
    (name,) = asked["SubnetIds"]
    return {"Subnets": [entry(memory.subnets, name, "InvalidSubnetID.NotFound")]}


@answers("ec2")
def ec2_describe_security_groups(memory: Memory, asked: Answer) -> Answer:
    (name,) = asked["GroupIds"]
    if name not in memory.groups:
        raise RefusedError("InvalidGroup.NotFound")
    return {"SecurityGroups": [{"GroupId": name, "VpcId": memory.groups[name]}]}


@answers("ec2")
def ec2_describe_vpc_endpoints(memory: Memory, asked: Answer) -> Answer:
    (vpc,) = asked["Filters"][0]["Values"]
    return {"VpcEndpoints": [one for one in memory.vpc_endpoints.values() if one["VpcId"] == vpc]}


@answers("iam")
def iam_get_policy(memory: Memory, asked: Answer) -> Answer:
    if asked["PolicyArn"] not in memory.policies:
        raise RefusedError("NoSuchEntity", "", 404)
    return {"Policy": {"Arn": asked["PolicyArn"]}}


@answers("s3")
def s3_get_bucket_policy(memory: Memory, asked: Answer) -> Answer:
    found = bucket(memory, asked)
    if "policy" not in found:
        raise RefusedError("NoSuchBucketPolicy", "", 404)
    return {"Policy": found["policy"]}


@answers("logs")
def logs_describe_log_groups(memory: Memory, asked: Answer) -> Answer:
    prefix = asked["logGroupNamePrefix"]
    groups: list[Answer] = [{"logGroupName": name} for name in memory.log_groups]
    ending: list[Answer] = [
        {"logGroupName": n, "retentionInDays": 30} for n in memory.ending_log_groups
    ]
    return {"logGroups": [g for g in groups + ending if g["logGroupName"].startswith(prefix)]}


@answers("stepfunctions")
def stepfunctions_describe_state_machine(memory: Memory, asked: Answer) -> Answer:
    arn = asked["stateMachineArn"]
    if arn not in memory.machines:
        raise RefusedError("StateMachineDoesNotExist", "")
    return {"stateMachineArn": arn, "status": memory.machines[arn]}


@answers("events")
def events_describe_rule(memory: Memory, asked: Answer) -> Answer:
    found = entry(memory.rules, asked["Name"], "ResourceNotFoundException")
    return {"Name": asked["Name"], "State": found["State"]}


@answers("events")
def events_list_targets_by_rule(memory: Memory, asked: Answer) -> Answer:
    found = entry(memory.rules, asked["Rule"], "ResourceNotFoundException")
    return {"Targets": [{"Id": str(n), "Arn": "arn"} for n in range(found["targets"])]}


@answers("sqs")
def sqs_get_queue_attributes(memory: Memory, asked: Answer) -> Answer:
    found = entry(memory.queues, asked["QueueUrl"], "AWS.SimpleQueueService.NonExistentQueue")
    wanted = {name: found[name] for name in asked["AttributeNames"] if name in found}
    return {"Attributes": wanted} if wanted else {}


@answers("apigatewayv2")
def apigatewayv2_get_routes(memory: Memory, asked: Answer) -> Answer:
    found = entry(memory.routes, asked["ApiId"], "NotFoundException")
    return {"Items": [{"RouteKey": key, "AuthorizationType": kind} for key, kind in found.items()]}


@answers("apigatewayv2")
def apigatewayv2_get_authorizers(memory: Memory, asked: Answer) -> Answer:
    entry(memory.routes, asked["ApiId"], "NotFoundException")
    functions = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    path = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions"
    return {
        "Items": [
            {"Name": "callers", "AuthorizerUri": f"{path}/{functions}:{name}/invocations"}
            for name in memory.authorizers
        ]
    }


@answers("cognito-idp")
def cognito_idp_describe_user_pool(memory: Memory, asked: Answer) -> Answer:
    return {"UserPool": entry(memory.pools, asked["UserPoolId"], "ResourceNotFoundException")}


@answers("cognito-idp")
def cognito_idp_describe_user_pool_client(memory: Memory, asked: Answer) -> Answer:
    entry(memory.pools, asked["UserPoolId"], "ResourceNotFoundException")
    found = entry(memory.pool_clients, asked["ClientId"], "ResourceNotFoundException")
    return {"UserPoolClient": found}


@answers("secretsmanager")
def secretsmanager_describe_secret(memory: Memory, asked: Answer) -> Answer:
    return entry(memory.secrets, asked["SecretId"], "ResourceNotFoundException")


@answers("sns")
def sns_list_subscriptions_by_topic(memory: Memory, asked: Answer) -> Answer:
    return {"Subscriptions": memory.topics[asked["TopicArn"]]}


@answers("cloudwatch")
def cloudwatch_describe_alarms(memory: Memory, asked: Answer) -> Answer:
    return {"MetricAlarms": [memory.alarms[name] for name in asked["AlarmNames"]]}


@answers("dynamodb")
def dynamodb_describe_table(memory: Memory, asked: Answer) -> Answer:
    return {"Table": entry(memory.tables, asked["TableName"], "ResourceNotFoundException")}


@answers("dynamodb")
def dynamodb_describe_continuous_backups(memory: Memory, asked: Answer) -> Answer:
    entry(memory.tables, asked["TableName"], "TableNotFoundException")
    recovery = {"PointInTimeRecoveryStatus": memory.recovery[asked["TableName"]]}
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }
    }


@answers("dynamodb")
def dynamodb_query(memory: Memory, asked: Answer) -> Answer:
    entry(memory.tables, asked["TableName"], "ResourceNotFoundException")
    return {"Items": memory.rows}


@answers("sagemaker")
def sagemaker_describe_endpoint(memory: Memory, _asked: Answer) -> Answer:
    if memory.endpoint is None:
        raise RefusedError("ValidationException", 'Could not find endpoint "likeness-endpoint".')
    return memory.endpoint


@answers("sagemaker")
def sagemaker_describe_endpoint_config(memory: Memory, _asked: Answer) -> Answer:
    return memory.config


@answers("sagemaker")
def sagemaker_describe_model(memory: Memory, _asked: Answer) -> Answer:
    return memory.model
