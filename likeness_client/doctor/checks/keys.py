"""KMS keys and roles: what is encrypted can be read by those who must."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from shlex import quote
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from contracts.shared.layout.bases import card_key
from contracts.shared.layout.models import ENDPOINT_PREFIX
from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

DECRYPT = "kms:Decrypt"

MENDS = {
    "Disabled": "aws kms enable-key --region {region} --key-id {key}",
    "PendingDeletion": "aws kms cancel-key-deletion --region {region} --key-id {key}"
    " && aws kms enable-key --region {region} --key-id {key}",
}
"""How a key becomes usable again, by its state."""

OTHERWISE = "aws kms describe-key --region {region} --key-id {key}"

ROLES = {"TrainingRole": "training/", "EndpointRole": ENDPOINT_PREFIX}
"""SageMaker's roles, and the prefix of the models bucket that each reads."""

LAUNCHERS = ("LaunchTrainingFunctionRole", "ReconcileFunctionRole")
"""Roles of the functions that create training jobs."""


class Condition(NamedTuple):
    """A condition key and its value, which policies may ask for."""

    name: str
    value: str
    kind: str
    """IAM's ContextKeyType."""

    def entry(self) -> dict[str, Any]:
        """Return it as IAM's simulation takes it."""
        return {
            "ContextKeyName": self.name,
            "ContextKeyValues": [self.value],
            "ContextKeyType": self.kind,
        }

    def option(self) -> str:
        """Return it as an option of the AWS CLI.

        >>> Condition("a:b", "c", "string").option()
        ' --context-entries ContextKeyName=a:b,ContextKeyValues=c,ContextKeyType=string'
        """
        fields = (
            f"ContextKeyName={self.name}",
            f"ContextKeyValues={self.value}",
            f"ContextKeyType={self.kind}",
        )
        return " --context-entries " + ",".join(fields)


def check_bases_key(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find a key of the bases' bucket that cannot be used."""
    bucket = deployment.value("BasesBucket")
    if bucket:
        yield from check_key_of(deployment, account, bucket)


def check_named_keys(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find keys that parameters name and that cannot be used."""
    for name, value in deployment.values.items():
        if "Kms" in name and value not in {"", "none"}:
            yield from check_key(deployment, account, value, name)


def check_stack_keys(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find keys of the stack's buckets, and its own keys, that cannot be used."""
    for _, bucket in deployment.of_type("AWS::S3::Bucket"):
        yield from check_key_of(deployment, account, bucket)
    for logical_id, key in deployment.of_type("AWS::KMS::Key"):
        yield from check_key(deployment, account, key, logical_id, for_roles=False)


def check_key_of(deployment: Deployment, account: Account, bucket: str) -> Iterator[Finding]:
    """Find a bucket's key that cannot be used."""
    key = key_of(account, bucket)
    if key is not None:
        yield from check_key(deployment, account, key, f"the bucket {bucket}")


def key_of(account: Account, bucket: str) -> str | None:
    """Return the KMS key of a bucket; None: it uses none, or there is no bucket."""
    try:
        answer = account.ask("s3", "get_bucket_encryption", Bucket=bucket)
    except ClientError as error:
        if code_in(error) in {"NoSuchBucket", "ServerSideEncryptionConfigurationNotFoundError"}:
            return None
        raise
    for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if default.get("SSEAlgorithm") in {"aws:kms", "aws:kms:dsse"}:
            key: str | None = default.get("KMSMasterKeyID")
            return key
    return None


def check_key(
    deployment: Deployment, account: Account, key: str, used_by: str, *, for_roles: bool = True
) -> Iterator[Finding]:
    """Yield why a key cannot be used, if it cannot; ``for_roles``: by SageMaker's roles."""
    home = key.split(":")[3] if key.startswith("arn:") else deployment.region
    if home != deployment.region:
        yield find(deployment, "key_other_region", key, used_by=used_by, found=home)
        return
    try:
        metadata = account.ask("kms", "describe_key", KeyId=key)["KeyMetadata"]
    except ClientError as error:
        if code_in(error) != "NotFoundException":
            raise
        yield find(deployment, "key_missing", key, used_by=used_by)
        return
    state = metadata["KeyState"]
    if state != "Enabled":
        mend = MENDS.get(state, OTHERWISE).format(region=quote(deployment.region), key=quote(key))
        yield find(deployment, "key_disabled", key, used_by=used_by, state=state, mend=mend)
    elif for_roles and metadata.get("KeyManager") == "CUSTOMER":
        yield from check_key_policy(deployment, account, key, used_by)


def check_key_policy(
    deployment: Deployment, account: Account, key: str, used_by: str
) -> Iterator[Finding]:
    """Find a key whose policy neither trusts the account's IAM policies nor names the roles."""
    text = account.ask("kms", "get_key_policy", KeyId=key, PolicyName="default")["Policy"]
    root = deployment.arn("iam", "root", regional=False)
    roles = [role_arn(deployment, name) for name in ROLES if deployment.resources.get(name)]
    for role in roles or [root]:
        trusted = {root, role, deployment.account_id, "*"}
        if not allows(json.loads(text), trusted, DECRYPT):
            yield find(deployment, "key_policy", key, used_by=used_by, role=role)


def allows(policy: dict[str, Any], trusted: set[str], action: str, *, kind: str = "AWS") -> bool:
    """Return whether a statement of a policy allows an action to one of these principals.

    ``kind`` is IAM's: ``AWS`` for accounts and roles, ``Service`` for services. Conditions are not
    looked at.
    """
    return any(
        statement["Effect"] == "Allow"
        and principals_of(statement, kind) & trusted
        and any(fnmatchcase(action, pattern) for pattern in listed(statement.get("Action", ())))
        for statement in listed(policy["Statement"])
    )


def principals_of(statement: dict[str, Any], kind: str) -> set[str]:
    """Return the principals of a kind that a statement names."""
    principal = statement.get("Principal", {})
    return {*listed(principal.get(kind, ()) if isinstance(principal, dict) else principal)}


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - one or several, as in IAM
    """Return one or several as a list."""
    return [value] if isinstance(value, (str, dict)) else list(value)


# ---- roles --------------------------------------------------------------------------------------


def role_arn(deployment: Deployment, logical_id: str) -> str:
    """Return the ARN of a role of the stack."""
    return deployment.arn("iam", f"role/{deployment.resources[logical_id]}", regional=False)


def check_roles(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Ask IAM whether SageMaker's roles may read the base, the models and what encrypts them."""
    bases = deployment.value("BasesBucket")
    card = card_key(deployment.value("BaseId"))
    models = deployment.resources.get("ModelsBucket", "")
    key = key_of(account, bases) if bases else None
    for name, prefix in ROLES.items():
        if not deployment.resources.get(name):
            continue
        wanted = [
            ("s3:GetObject", f"arn:{deployment.partition}:s3:::{bases}/{card}"),
            ("s3:GetObject", f"arn:{deployment.partition}:s3:::{models}/{prefix}x"),
        ]
        if key is not None and key.startswith("arn:") and ":key/" in key:
            wanted.append((DECRYPT, key))
        for action, resource in wanted:
            yield from check_role(deployment, account, name, action, resource)


def check_launchers(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Ask IAM whether the functions that start trainings may do so, on the stack's instances."""
    instances = deployment.value("TrainingInstanceType")
    trainer = deployment.resources.get("TrainingRole")
    for name in LAUNCHERS:
        if not deployment.resources.get(name) or not trainer:
            continue
        job = deployment.arn("sagemaker", "training-job/likeness-x")
        yield from check_role(
            deployment, account, name, "sagemaker:CreateTrainingJob", job,
            Condition("sagemaker:InstanceTypes", instances, "stringList"),
        )  # fmt: skip
        yield from check_role(
            deployment, account, name, "iam:PassRole", role_arn(deployment, "TrainingRole"),
            Condition("iam:PassedToService", "sagemaker.amazonaws.com", "string"),
        )  # fmt: skip


def check_role(  # noqa: PLR0913, PLR0917 - a question to IAM has these parts
    deployment: Deployment,
    account: Account,
    name: str,
    action: str,
    resource: str,
    known: Condition | None = None,
) -> Iterator[Finding]:
    """Find an action that a role is denied; AWS would know ``known`` of the call."""
    arn = role_arn(deployment, name)
    answer = account.ask(
        "iam",
        "simulate_principal_policy",
        PolicySourceArn=arn,
        ActionNames=[action],
        ResourceArns=[resource],
        ContextEntries=[] if known is None else [known.entry()],
    )
    for result in answer["EvaluationResults"]:
        if result["EvalDecision"] != "allowed":
            yield find(
                deployment, "role_denied", name, action=action, resource=resource, arn=arn,
                decision=result["EvalDecision"], context=known.option() if known else "",
            )  # fmt: skip
