"""Faults of an account, one at a time, and the code that the doctor must give each."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.shared.instances.image_check import LABEL
from contracts.shared.instances.quotas import refusal_sentence
from contracts.shared.layout.bases import classifier_prefix, safety_prefix
from contracts.shared.pictures.classifier import CHECKER_FILES
from tests.fakes.aws_account import (
    AGES_ID,
    BUCKET,
    KEY,
    NOW,
    REGISTRY,
    STACK,
    STRICT,
    UUID_LENGTH,
    FakeAws,
    Memory,
    card,
    digest,
    key_policy,
    logs_policy,
)

Break = Callable[[Memory], object]
TRAINING, WARM, SPOT, ENDPOINT = (
    "ml.g5.2xlarge for training job usage",
    "ml.g5.2xlarge for training warm pool usage",
    "ml.g5.2xlarge for spot training job usage",
    "ml.g5.xlarge for endpoint usage",
)
FOLDER = "bases/portraits-sdxl/"
WEIGHTS = FOLDER + "unet/diffusion_pytorch_model.safetensors"
AGES_WEIGHTS = classifier_prefix(AGES_ID) + "model.safetensors"
UPLOADS = f"{STACK}-uploadsbucket"
JOBS = f"{STACK}-JobsTable"
LAUNCHER = f"{STACK}-launch-training"
HTTP_API = f"{STACK}-HttpApi"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an account that is good otherwise."""

    name: str
    code: str
    """The code that the doctor must give it."""
    do: Break = lambda _memory: None
    given: dict[str, str] = field(default_factory=dict)
    """Parameters of the deployment that differ from the good ones."""
    without: str = ""
    """A parameter that is not given."""
    deployed: bool = True
    stack: str = STACK
    also: tuple[str, ...] = ()
    """Codes of what follows from the fault and is rightly reported beside it."""

    def account(self) -> FakeAws:
        """Return the account with this fault."""
        aws = FakeAws(deployed=self.deployed, **self.given)
        aws.memory.parameters.pop(self.without, None)
        self.do(aws.memory)
        return aws


def before(name: str, code: str, **more: object) -> Fault:
    """Return a fault that the doctor must find before there is a stack."""
    return Fault(name, code, deployed=False, **more)  # type: ignore[arg-type]


def strict(name: str, code: str, *, given: dict[str, str] | None = None, **more: object) -> Fault:
    """Return a fault of a deployment of the strict profile to come."""
    return before(name, code, given=STRICT | (given or {}), **more)


def put(**fields: object) -> Break:
    """Return a change of fields of the account."""
    return lambda memory: vars(memory).update(fields)


def quota(name: str, value: float | None) -> Break:
    """Return a change of one quota; None: the Region has none of this name."""

    def change(memory: Memory) -> None:
        memory.quotas.pop(name) if value is None else memory.quotas.update({name: value})

    return change


def write(key: str, body: bytes | None) -> Break:
    """Return a change of one object of the bases' bucket; None: it is deleted."""

    def change(memory: Memory) -> None:
        memory.objects.pop(key) if body is None else memory.objects.update({key: body})

    return change


def safety_checker(digest: str) -> Break:
    """Return a change that adds a safety checker whose files are said to have this hash."""
    files = {safety_prefix("sd") + name: b"{}" for name in CHECKER_FILES}
    sums = "".join(f"{digest}  {name}\n" for name in CHECKER_FILES)
    files[safety_prefix("sd") + "SHA256SUMS"] = sums.encode()
    return lambda memory: memory.objects.update(files)


def changed_card(**fields: object) -> Break:
    """Return a change of base.json."""
    return write(FOLDER + "base.json", json.dumps(card() | fields).encode())


def first(kind: str, memory: Memory) -> str:
    """Return the physical id of the stack's first resource of a type."""
    return next(name for type_, name in memory.resources.values() if type_ == kind)


def lifecycle(**selection: object) -> Break:
    """Return a lifecycle policy with one rule."""
    rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
    return lambda memory: memory.lifecycle.update({"likeness/training": [rule]})


def bases_key(state: str = "Enabled", principal: str | None = None, key: str = KEY) -> Break:
    """Return a bases' bucket that is encrypted with a customer's key."""
    root = "arn:aws:iam::123456789012:root"

    def change(memory: Memory) -> None:
        memory.buckets[BUCKET]["key"] = key
        memory.keys[KEY] = {"state": state, "policy": key_policy(principal or root)}

    return change


def queue(name: str) -> str:
    """Return the address of a queue of the stack."""
    return f"https://sqs.eu-central-1.amazonaws.com/123456789012/{STACK}-{name}"


def letters(name: str) -> Break:
    """Return a queue with three messages."""
    return lambda memory: memory.queues[queue(name)].update(ApproximateNumberOfMessages="3")


def mapping(logical_id: str) -> str:
    """Return the id of what wakes a function."""
    return f"{STACK}-{logical_id}".ljust(UUID_LENGTH, "-")


def drift(status: str, path: str | None = None) -> Break:
    """Return a resource that differs from the template."""
    found = {
        "StackId": STACK,
        "LogicalResourceId": "LaunchTrainingFunction",
        "ResourceType": "AWS::Lambda::Function",
        "StackResourceDriftStatus": status,
        "Timestamp": NOW,
    }
    if path is not None:
        difference = {"PropertyPath": path, "ExpectedValue": "512", "ActualValue": "128"}
        found["PropertyDifferences"] = [difference | {"DifferenceType": "NOT_EQUAL"}]
    return put(drifts=[found])


IN_OTHER_REGION = "123456789012.dkr.ecr.us-east-1.amazonaws.com/likeness/training@" + digest(1)

FAULTS = (
    # ---- parameters and names ----
    before("a misspelt parameter", "parameter_unknown", given={"TrainingQuotas": "1"}),
    before("no training image", "parameter_missing", without="TrainingImageUri"),
    before("a type without a price", "parameter_refused", given={"TrainingInstanceType": "ml.x"},
           also=("instance_type_not_offered",)),
    before("a warm pool of two hours", "parameter_refused", given={"KeepAliveSeconds": "7200"}),
    before("a quota that is no number", "parameter_refused", given={"TrainingQuota": "two"}),
    before("a quota that is not finite", "parameter_refused", given={"TrainingQuota": "nan"}),
    before("half a day", "parameter_refused", given={"PhotoRetentionDays": "1.5"}),
    before("a tenant without a share", "parameter_refused", given={"TenantWeights": "acme=0"}),
    before("two processes on one GPU", "parameters_contradict", given={"TrainerProcesses": "2"}),
    before("a base id with a slash", "parameter_refused", given={"BaseId": "a/b"},
           also=("base_missing",)),
    before("logs for 31 days", "parameter_refused", given={"LogRetentionDays": "31"}),
    before("a runtime of long ago", "runtime_unsupported", given={"LambdaRuntime": "python3.19"}),
    before("a name with capitals", "stack_name_capitals", stack="Likeness"),
    before("a name with an underscore", "stack_name_refused", stack="like_ness"),
    before("a name of 60 characters", "name_too_long", stack="l" * 60),
    before("growth of an endpoint that is left out", "parameters_contradict",
           given={"CreateEndpoint": "false", "EndpointMaxInstances": "3"}),
    before("CUDA 13 with an old driver", "parameters_contradict", given={"ServingImageCuda": "13"},
           also=("image_other_cuda",)),
    before("an idle time of an endpoint that stays", "setting_without_effect",
           given={"EndpointIdleMinutes": "30"}),
    before("a type whose price nobody knows", "price_unknown",
           given={"TrainingInstanceType": "ml.g5.xlarge"},
           do=lambda memory: memory.quotas.update(
               {name.replace("2xlarge", "xlarge"): 4 for name in (TRAINING, SPOT, WARM)})),
    before("a batch that cannot end", "batch_is_cut",
           given={"LargestBatch": "100", "MaxRuntimeSeconds": "86400"}),
    before("photos for two years", "photos_kept_long", given={"PhotoRetentionDays": "730"}),
    before("no consent", "consent_not_required", given={"RequireConsent": "false"}),
    before("no budget", "no_budget", given={"MonthlyBudgetUsd": "0"}),
    # ---- Region, account, quotas ----
    before("a Region without budgets", "region_lacks_type",
           do=put(missing_types={"AWS::Budgets::Budget"})),
    before("a Region without SageMaker endpoints", "region_lacks_type",
           do=put(missing_types={"AWS::SageMaker::Endpoint"})),
    before("a Region without the endpoint's type", "instance_type_not_offered",
           do=quota(ENDPOINT, None)),
    before("a new account's Lambda", "lambda_concurrency_low", do=put(concurrency=10)),
    before("public buckets allowed", "account_public_access_open", do=put(public_access=None)),
    before("no role for scaling", "service_role_missing", given={"EndpointMaxInstances": "2"},
           do=put(roles=set())),
    before("quota 0 for training", "quota_training_zero", do=quota(TRAINING, 0)),
    before("quota 1 for two jobs", "quota_training_low", do=quota(TRAINING, 1)),
    before("quota 0 for warm pools", "quota_warm_pool_zero", do=quota(WARM, 0)),
    before("quota 1 for two warm pools", "quota_warm_pool_low", do=quota(WARM, 1)),
    before("quota 0 for spot", "quota_spot_zero", given={"TrainingCapacity": "spot"},
           do=quota(SPOT, 0)),
    before("quota 1 for two spot jobs", "quota_spot_low", given={"TrainingCapacity": "spot"},
           do=quota(SPOT, 1)),
    before("quota 0 for a type of choice", "quota_choice_zero",
           given={"AllowedInstanceTypes": "ml.g5.2xlarge,ml.p5.4xlarge"},
           do=quota("ml.p5.4xlarge for training job usage", 0)),
    before("quota 0 for spot by request", "quota_spot_choice_zero", do=quota(SPOT, 0)),
    before("quota 0 for the endpoint", "quota_endpoint_zero", do=quota(ENDPOINT, 0)),
    before("quota 2 for three instances", "quota_endpoint_low",
           given={"EndpointMaxInstances": "3"}, do=quota(ENDPOINT, 2)),
    before("a quota that holds no update", "quota_endpoint_update", do=quota(ENDPOINT, 1)),
    before("one training instance of any type", "quota_total_low",
           do=quota("Number of instances across all training jobs", 1)),
    before("no instance for endpoints", "quota_total_low",
           do=quota("Number of instances across active endpoints", 0)),
    before("training jobs of an hour", "quota_runtime_low",
           do=quota("Longest run time for a training job", 3600)),
    # ---- images ----
    before("an image on Docker Hub", "image_uri_refused",
           given={"TrainingImageUri": "likeness/training:1"}),
    before("an image in another Region", "image_other_region",
           given={"TrainingImageUri": IN_OTHER_REGION}),
    before("an image by its tag", "image_by_tag",
           given={"TrainingImageUri": f"{REGISTRY}/likeness/training:v1"}),
    before("no repository", "image_repository_missing",
           do=lambda memory: memory.images.pop("likeness/training")),
    before("an image that was never pushed", "image_missing",
           given={"TrainingImageUri": f"{REGISTRY}/likeness/training@{digest(9)}"}),
    before("an archived image", "image_archived",
           do=lambda memory: memory.images["likeness/training"][digest(1)].update(
               imageStatus="ARCHIVED")),
    before("an image that expires by age", "image_expires",
           do=lifecycle(tagStatus="any", countType="sinceImagePushed", countUnit="days",
                        countNumber=14)),
    before("an image that expires by number", "image_expires",
           do=lifecycle(tagStatus="tagged", tagPrefixList=["v"], countType="imageCountMoreThan",
                        countNumber=1)),
    before("an image for arm64", "image_architecture", do=put(architecture="arm64")),
    before("an image for one model", "image_not_multi_model",
           do=lambda memory: memory.labels.update(
               {"com.amazonaws.sagemaker.capabilities.multi-models": "false"})),
    before("an image with Python 3.10", "image_python_old",
           do=lambda memory: memory.labels.update({LABEL: "python=3.10 cuda=12.9 driver=525"})),
    before("an image with CUDA 13", "image_other_cuda", also=("image_driver_old",),
           do=lambda memory: memory.labels.update({LABEL: "python=3.12 cuda=13.0 driver=580"})),
    before("an image for a newer driver", "image_driver_old", also=("image_other_cuda",),
           do=lambda memory: memory.labels.update({LABEL: "python=3.12 cuda=13.0 driver=580"})),
    before("an image without labels", "image_without_labels",
           do=lambda memory: memory.labels.pop(LABEL)),
    # ---- bases ----
    before("no bases' bucket", "bucket_missing", do=lambda memory: memory.buckets.pop(BUCKET)),
    before("a bases' bucket elsewhere", "bucket_other_region",
           do=lambda memory: memory.buckets[BUCKET].update(region="us-west-2")),
    before("no base.json", "base_missing", do=write(FOLDER + "base.json", None)),
    before("a base.json that is no card", "base_card_refused",
           do=write(FOLDER + "base.json", b'{"base_id": "portraits-sdxl"}')),
    before("a base.json of another base", "base_card_other", do=changed_card(base_id="other")),
    before("a base.json with another hash", "base_hash_wrong", do=changed_card(sha256="0" * 64)),
    before("a weights file less", "base_file_missing", do=write(WEIGHTS, None)),
    before("other weights", "base_file_changed", do=write(WEIGHTS, b"others")),
    before("weights in Glacier", "base_file_frozen",
           do=lambda memory: memory.storage_class.update({WEIGHTS: "DEEP_ARCHIVE"})),
    before("large weights without a checksum", "base_not_hashed",
           do=write(WEIGHTS, bytes(5 * 2**20))),
    before("no captioner", "captioner_missing", given={"CaptionerId": "blip"}),
    before("no safety checker", "safety_checker_missing", given={"SafetyCheckerId": "sd"}),
    before("no age estimate", "age_not_estimated", given={"AgeEstimatorId": "none"}),
    before("no content filter", "classifier_missing", given={"ContentFilterId": "gone"}),
    before("an age estimate without weights", "classifier_missing", do=write(AGES_WEIGHTS, None)),
    before("a content filter without the label", "classifier_unusable",
           given={"ContentFilterId": AGES_ID}),
    before("an age estimate of another kind", "classifier_unusable",
           do=write(classifier_prefix(AGES_ID) + "config.json", b'{"model_type": "swin"}')),
    before("other weights of the age estimate", "weights_changed",
           do=write(AGES_WEIGHTS, b"others")),
    before("an age estimate without hashes", "weights_not_compared",
           do=write(classifier_prefix(AGES_ID) + "SHA256SUMS", None)),
    before("large weights of the age estimate without a checksum", "weights_not_compared",
           do=write(AGES_WEIGHTS, bytes(5 * 2**20))),
    before("another safety checker", "weights_changed", given={"SafetyCheckerId": "sd"},
           do=safety_checker("0" * 64)),
    before("no list of names", "names_missing", given={"BlockedNamesId": "figures"}),
    # ---- keys ----
    before("a key that is switched off", "key_disabled", do=bases_key("Disabled")),
    before("a key that is being deleted", "key_disabled", do=bases_key("PendingDeletion")),
    before("a key that does not exist", "key_missing", do=bases_key(key=KEY + "2")),
    before("a key in another Region", "key_other_region",
           do=bases_key(key=KEY.replace("eu-central-1", "us-east-1"))),
    before("a key for somebody else", "key_policy",
           do=bases_key(principal="arn:aws:iam::999999999999:root")),
    # ---- the strict profile ----
    strict("no customer key", "parameter_missing", without="KmsKeyArn"),
    strict("an alias for a key", "parameter_refused",
           given={"KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:alias/likeness"},
           also=("key_missing",)),
    strict("no subnet", "parameter_refused", given={"SubnetIds": ""}),
    strict("a subnet that is gone", "subnet_missing", also=("subnets_in_one_zone",),
           do=lambda memory: memory.subnets.pop("subnet-2")),
    strict("subnets of two networks", "subnets_of_two_vpcs",
           do=lambda memory: memory.subnets["subnet-2"].update(VpcId="vpc-2")),
    strict("subnets in one zone", "subnets_in_one_zone",
           do=lambda memory: memory.subnets["subnet-2"].update(AvailabilityZone="eu-central-1a")),
    strict("a security group that is gone", "security_group_missing", do=put(groups={})),
    strict("a security group of another network", "security_group_elsewhere",
           do=put(groups={"sg-1": "vpc-9"})),
    strict("no way to Step Functions", "vpc_endpoint_missing",
           do=lambda memory: memory.vpc_endpoints.pop("states")),
    strict("no gateway to S3", "vpc_endpoint_missing",
           do=lambda memory: memory.vpc_endpoints.pop("s3")),
    strict("a VPC endpoint that was not accepted", "vpc_endpoint_missing",
           do=lambda memory: memory.vpc_endpoints["kms"].update(State="pendingAcceptance")),
    strict("a VPC endpoint that is not found by name", "vpc_endpoint_without_dns",
           do=lambda memory: memory.vpc_endpoints["logs"].update(PrivateDnsEnabled=False)),
    strict("a key that CloudWatch may not use", "key_closed_to_service",
           do=lambda memory: memory.keys[KEY]["policy"]["Statement"][1]["Principal"]["Service"]
           .remove("cloudwatch.amazonaws.com")),
    strict("no boundary", "boundary_missing", do=put(policies=set())),
    strict("no bucket of access logs", "access_logs_bucket_missing",
           do=lambda memory: memory.buckets.pop("access-logs")),
    strict("a bucket of access logs without a policy", "access_logs_refused",
           do=lambda memory: memory.buckets["access-logs"].pop("policy")),
    strict("a bucket of access logs for somebody else", "access_logs_refused",
           do=lambda memory: memory.buckets["access-logs"].update(
               policy=logs_policy("delivery.logs.amazonaws.com"))),
    strict("a new account's quota for reservations", "concurrency_not_reserved",
           do=put(concurrency=200)),
    # ---- the stack ----
    Fault("no stack", "stack_missing", put(status=None)),
    Fault("a first deployment that failed", "stack_dead",
          put(status="ROLLBACK_COMPLETE", status_reason="Resource creation cancelled")),
    Fault("an update that is stuck", "stack_stuck", put(status="UPDATE_ROLLBACK_FAILED")),
    Fault("an update that was undone", "stack_rolled_back", put(status="UPDATE_ROLLBACK_COMPLETE")),
    Fault("an update that goes on", "stack_busy", put(status="UPDATE_IN_PROGRESS")),
    before("a log group of an earlier stack", "name_taken",
           do=put(log_groups=[f"/aws/lambda/{LAUNCHER}"])),
    before("an endpoint of an earlier stack", "name_taken",
           do=put(endpoint={"EndpointName": f"{STACK}-endpoint"})),
    Fault("a function deleted by hand", "drift_deleted", drift("DELETED")),
    Fault("a function changed by hand", "drift_changed", drift("MODIFIED", "/MemorySize")),
    Fault("drift that cannot be read", "drift_unknown", put(drift_status="DETECTION_FAILED")),
    # ---- functions and events ----
    Fault("a function that is gone", "function_missing",
          lambda memory: memory.functions.pop(LAUNCHER)),
    Fault("a function that failed", "function_failed",
          lambda memory: memory.functions[LAUNCHER].update(
              State="Failed", StateReason="The layer is gone.")),
    Fault("a function that was not updated", "function_not_updated",
          lambda memory: memory.functions[LAUNCHER].update(
              LastUpdateStatus="Failed", LastUpdateStatusReason="The role is gone.")),
    Fault("a function on an old runtime", "function_runtime_old",
          lambda memory: memory.functions[LAUNCHER].update(Runtime="python3.9")),
    Fault("a function that is switched off", "function_stopped",
          lambda memory: memory.functions[LAUNCHER].update(reserved=0)),
    Fault("a stream that is switched off", "stream_stopped",
          lambda memory: memory.mappings["likeness-LaunchTrainingFunctionQueued"].update(
              State="Disabled")),
    Fault("a stream that cannot be read", "stream_failing",
          lambda memory: memory.mappings["likeness-LaunchTrainingFunctionQueued"].update(
              LastProcessingResult="PROBLEM: Function call failed")),
    Fault("a state machine that is gone", "machine_gone",
          lambda memory: memory.machines.popitem()),
    Fault("a bucket without events", "bucket_silent",
          lambda memory: memory.buckets[UPLOADS].update(events=False)),
    Fault("a rule that is switched off", "rule_disabled",
          lambda memory: next(iter(memory.rules.values())).update(State="DISABLED")),
    Fault("a rule that is gone", "rule_missing",
          lambda memory: memory.rules.pop(first("AWS::Events::Rule", memory))),
    Fault("a rule without a target", "rule_without_target",
          lambda memory: next(iter(memory.rules.values())).update(targets=0)),
    Fault("a message in the dead-letter queue", "dead_letters", letters("DeadLetterQueue")),
    Fault("messages that no webhook took", "webhook_dead_letters",
          letters("webhooks-dead-letters.fifo")),
    Fault("a webhooks' queue that is gone", "queue_missing",
          lambda memory: memory.queues.pop(queue("webhooks.fifo"))),
    Fault("a pictures' queue that is gone", "queue_missing",
          lambda memory: memory.queues.pop(queue("pictures"))),
    Fault("a pictures' queue that drops what fails", "queue_without_dead_letters",
          lambda memory: memory.queues[queue("pictures")].pop("RedrivePolicy")),
    Fault("orders of pictures that nobody draws", "stream_stopped",
          lambda memory: memory.mappings[mapping("DrawPictureFunctionQueued")].update(
              State="Disabled")),
    Fault("webhooks that nobody sends", "stream_failing",
          lambda memory: memory.mappings[mapping("DeliverWebhookFunctionQueued")].update(
              LastProcessingResult="PROBLEM: the function's role lacks sqs:ReceiveMessage")),
    # ---- the HTTP API, people, erasure and marks ----
    Fault("an API that is gone", "api_missing", lambda memory: memory.routes.clear()),
    Fault("a route that is gone", "api_route_missing",
          lambda memory: memory.routes[HTTP_API].pop("ANY /v1/{proxy+}")),
    Fault("a route that lets everybody in", "api_route_open",
          lambda memory: memory.routes[HTTP_API].update({"ANY /v1/{proxy+}": "NONE"})),
    Fault("an open route made by hand", "api_route_open",
          lambda memory: memory.routes[HTTP_API].update({"GET /v1/models": "NONE"})),
    Fault("an authorizer that is gone", "api_authorizer_missing", put(authorizers=[])),
    Fault("an authorizer of somebody else", "api_authorizer_missing",
          put(authorizers=["everybody"])),
    Fault("a user pool that is gone", "user_pool_missing", lambda memory: memory.pools.clear()),
    Fault("a user pool that is open", "user_pool_open",
          lambda memory: memory.pools[f"{STACK}-people"].update(
              AdminCreateUserConfig={"AllowAdminCreateUserOnly": False})),
    Fault("a user pool without its client", "user_pool_client_missing",
          lambda memory: memory.pool_clients.clear()),
    Fault("people who choose their tenant", "attribute_writable",
          lambda memory: memory.pool_clients[f"{STACK}-UserPoolClient"].update(
              WriteAttributes=["email", "custom:tenant"])),
    Fault("an erasure's machine that is gone", "machine_gone",
          lambda memory: memory.machines.pop(
              f"arn:aws:states:eu-central-1:123456789012:stateMachine:{STACK}-erase-subject")),
    Fault("a receipt's key that is being deleted", "key_disabled",
          lambda memory: memory.keys[f"{STACK}-ReceiptKey"].update(state="PendingDeletion")),
    Fault("a receipt's key that is gone", "key_missing",
          lambda memory: memory.keys.pop(f"{STACK}-ReceiptKey")),
    Fault("no secret of the marks", "marks_secret_missing", lambda memory: memory.secrets.clear()),
    Fault("a secret of the marks that is being deleted", "marks_secret_deleted",
          lambda memory: memory.secrets[f"{STACK}-MarksSecret"].update(DeletedDate=NOW)),
    before("a secret of the marks that nobody has made", "marks_secret_missing",
           given={"MarksSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:m"}),
    Fault("a subscription that nobody confirmed", "subscription_pending",
          lambda memory: next(iter(memory.topics.values()))[0].update(
              SubscriptionArn="PendingConfirmation")),
    Fault("no operator", "topic_without_subscriber",
          lambda memory: memory.topics[
              "arn:aws:sns:eu-central-1:123456789012:likeness-operations"].clear()),
    Fault("an alarm that is raised", "alarm_raised",
          lambda memory: memory.alarms["likeness-CrashesAlarm"].update(
              StateValue="ALARM", StateReason="Threshold Crossed")),
    Fault("an alarm that is muted", "alarm_silent",
          lambda memory: memory.alarms["likeness-CrashesAlarm"].update(ActionsEnabled=False)),
    # ---- buckets and tables ----
    Fault("a bucket that is gone", "bucket_gone", lambda memory: memory.buckets.pop(UPLOADS)),
    Fault("a bucket that may be public", "bucket_open",
          lambda memory: memory.buckets[UPLOADS].update(public=None)),
    Fault("a bucket without versions", "bucket_unversioned",
          lambda memory: memory.buckets[UPLOADS].update(versioning="Suspended")),
    Fault("photos that stay", "photos_do_not_expire",
          lambda memory: memory.buckets[UPLOADS].update(days=None)),
    Fault("photos that stay too long", "photos_do_not_expire",
          lambda memory: memory.buckets[UPLOADS].update(days=365)),
    Fault("a table that is gone", "table_not_active", lambda memory: memory.tables.pop(
        f"{STACK}-ModelsTable")),
    Fault("a table whose key is gone", "table_not_active",
          lambda memory: memory.tables[f"{STACK}-ModelsTable"].update(
              TableStatus="INACCESSIBLE_ENCRYPTION_CREDENTIALS")),
    Fault("a table without its stream", "table_without_stream",
          lambda memory: memory.tables[JOBS].pop("StreamSpecification")),
    Fault("a table that cannot be restored", "table_without_recovery",
          lambda memory: memory.recovery.update({JOBS: "DISABLED"})),
    Fault("a role under a boundary", "role_denied",
          lambda memory: memory.denied_role_actions.add("s3:GetObject")),
    Fault("an organisation that forbids the launcher to train", "role_denied",
          lambda memory: memory.denied_role_actions.add("sagemaker:CreateTrainingJob")),
    Fault("a launcher that may not pass the trainer's role", "role_denied",
          lambda memory: memory.denied_role_actions.add("iam:PassRole")),
    Fault("a bucket's key that is switched off", "key_disabled",
          lambda memory: (bases_key("Disabled")(memory), memory.buckets[BUCKET].pop("key"),
                          memory.buckets[UPLOADS].update(key=KEY))),
    # ---- endpoint and training ----
    Fault("an endpoint that failed", "endpoint_failed",
          lambda memory: (memory.endpoint or {}).update(
              EndpointStatus="Failed", FailureReason="The container did not pass the ping.")),
    Fault("an endpoint that is gone", "endpoint_missing", put(endpoint=None)),
    Fault("an endpoint that is updated", "endpoint_busy",
          lambda memory: (memory.endpoint or {}).update(EndpointStatus="Updating")),
    Fault("an endpoint of another configuration", "endpoint_other_config",
          lambda memory: (memory.endpoint or {}).update(EndpointConfigName="by-hand")),
    Fault("an endpoint of another image", "endpoint_other_image",
          lambda memory: memory.model["PrimaryContainer"].update(Image="another")),
    Fault("an endpoint on another type", "endpoint_other_instance",
          lambda memory: memory.config["ProductionVariants"][0].update(
              InstanceType="ml.g4dn.xlarge")),
    Fault("a growing endpoint on another type", "endpoint_type_held",
          lambda memory: memory.config["ProductionVariants"][0].update(
              InstanceType="ml.g4dn.xlarge"), given={"EndpointMaxInstances": "2"}),
    Fault("logs of trainings without an end", "logs_kept_for_ever",
          put(log_groups=["/aws/sagemaker/TrainingJobs"], ending_log_groups=[])),
    Fault("an endpoint of SageMaker's default driver", "endpoint_other_ami",
          lambda memory: memory.config["ProductionVariants"][0].pop("InferenceAmiVersion")),
    Fault("a tag that was moved", "endpoint_image_moved",
          lambda memory: (memory.endpoint or {})["ProductionVariants"][0]["DeployedImages"][0]
          .update(ResolvedImage=f"{REGISTRY}/likeness/serving@{digest(8)}"),
          given={"ServingImageUri": f"{REGISTRY}/likeness/serving:v1"}, also=("image_by_tag",)),
    Fault("jobs that SageMaker refuses", "training_refused",
          put(rows=[{"refusal": {"S": refusal_sentence(TRAINING, 2)}}])),
)  # fmt: skip
