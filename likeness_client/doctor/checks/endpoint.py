"""The endpoint: its state, and whether it runs what the stack says."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from contracts.shared.instances.accelerators import DEFAULT_AMIS, INFERENCE_AMIS, family_of, has_gpu
from likeness_client.doctor.account import Account
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.checks.images import find_existing, images_of
from likeness_client.doctor.checks.stack import is_not_found
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

CONFIG, MODEL = "ServingEndpointConfig", "ServingModel"
TRAINING_LOGS, ENDPOINT_LOGS = "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints/"
BROKEN = {"Failed", "OutOfService", "UpdateRollbackFailed"}


def name_of(deployment: Deployment) -> str:
    """Return the endpoint's name, which is the stack's own choice."""
    return f"{deployment.stack}-endpoint"


def look(account: Account, operation: str, **name: str) -> dict[str, Any] | None:
    """Return SageMaker's description; None: there is no such thing."""
    try:
        return account.ask("sagemaker", operation, **name)
    except ClientError as error:
        if not is_not_found(error):
            raise
        return None


def check_endpoint(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find an endpoint that is missing, broken or being changed, or that runs something else."""
    if not deployment.holds("HasEndpoint"):
        return
    name, expected = name_of(deployment), last_part(deployment.resources.get(CONFIG, ""))
    found = look(account, "describe_endpoint", EndpointName=name)
    if found is None:
        if deployment.holds("EndpointStays"):
            yield find(deployment, "endpoint_missing", name, config=expected)
        return
    status = found["EndpointStatus"]
    if status in BROKEN:
        reason = found.get("FailureReason", "")
        yield find(deployment, "endpoint_failed", name, quote=reason, status=status)
    elif status != "InService":
        yield find(deployment, "endpoint_busy", name, status=status)
    running = found.get("EndpointConfigName", expected)
    if expected and running != expected:
        yield find(deployment, "endpoint_other_config", name, found=running, expected=expected)
    yield from check_pulled_image(deployment, account, found)


def last_part(physical_id: str) -> str:
    """Return the name in a physical id: SageMaker's resources go by their ARN.

    >>> last_part("arn:aws:sagemaker:eu-west-1:1:endpoint-config/c"), last_part("c")
    ('c', 'c')
    """
    return physical_id.rpartition("/")[2]


def check_pulled_image(
    deployment: Deployment, account: Account, endpoint: dict[str, Any]
) -> Iterator[Finding]:
    """Find an endpoint that pulled an image which its tag does not name any more."""
    pulled = {
        image["SpecifiedImage"]: image["ResolvedImage"]
        for variant in endpoint.get("ProductionVariants", [])
        for image in variant.get("DeployedImages", [])
        if "SpecifiedImage" in image and "ResolvedImage" in image
    }
    for image in images_of(deployment):
        resolved = pulled.get(image.uri)
        if resolved is None or image.digest is not None:
            continue
        detail = find_existing(account, image)
        if detail is not None and not resolved.endswith(detail["imageDigest"]):
            yield find(deployment, "endpoint_image_moved", name_of(deployment), found=resolved)


def check_model(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a model or a configuration that is not what the parameters say."""
    if not deployment.holds("HasEndpoint") or not deployment.resources.get(MODEL):
        return
    name, wanted = name_of(deployment), deployment.value("ServingImageUri")
    model = look(account, "describe_model", ModelName=last_part(deployment.resources[MODEL]))
    image = (model or {}).get("PrimaryContainer", {}).get("Image", wanted)
    if image != wanted:
        shown = (model or {})["ModelName"]
        yield find(
            deployment, "endpoint_other_image", name, model=shown, found=image, expected=wanted
        )
    config = look(
        account,
        "describe_endpoint_config",
        EndpointConfigName=last_part(deployment.resources.get(CONFIG, "")),
    )
    for variant in (config or {}).get("ProductionVariants", []):
        expected = deployment.value("EndpointInstanceType")
        if variant.get("InstanceType", expected) != expected:
            found = variant["InstanceType"]
            code = "endpoint_type_held" if grows(deployment) else "endpoint_other_instance"
            yield find(deployment, code, name, found=found, expected=expected)
        yield from check_ami(deployment, variant)


def grows(deployment: Deployment) -> bool:
    """Return whether Application Auto Scaling knows the deployed endpoint."""
    return bool(deployment.resources.get("EndpointScalingTarget"))


def check_logs(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find log groups that SageMaker has made and that keep their lines for ever."""
    days = deployment.value("LogRetentionDays")
    for name in (TRAINING_LOGS, f"{ENDPOINT_LOGS}{name_of(deployment)}"):
        groups = account.ask_all(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name
        )
        for group in groups:
            if group["logGroupName"] == name and "retentionInDays" not in group:
                yield find(deployment, "logs_kept_for_ever", name, days=days)


def check_ami(deployment: Deployment, variant: dict[str, Any]) -> Iterator[Finding]:
    """Find an endpoint that starts with another driver than the parameters say."""
    expected, found = deployment.value("InferenceAmiVersion"), variant.get("InferenceAmiVersion")
    instance_type = variant.get("InstanceType", "")
    if not expected or found == expected or not has_gpu(instance_type):
        return
    default = DEFAULT_AMIS.get(family_of(instance_type))
    ami = default if found is None else INFERENCE_AMIS.get(found)
    yield find(
        deployment,
        "endpoint_other_ami",
        name_of(deployment),
        found=found or "SageMaker's default AMI",
        driver=ami.driver if ami is not None else "unknown",
        expected=expected,
    )
