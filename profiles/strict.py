"""template.strict.json: template.yaml with customer keys, a closed network and boundaries.

Usage: PYTHONPATH=. python profiles/strict.py    writes the file, which git ignores

The stack is the same, so a stack may change from one template to the other. What is added:

- a customer managed key on buckets, tables, topics, queues, secrets, log groups and the functions'
  variables, and the right to use it, for the roles alone;
- functions, training jobs and the endpoint run in subnets of the operator's choice, which reach AWS
  through VPC endpoints; docs/strict.md lists them;
- every role has a permissions boundary;
- every function has reserved concurrency, takes no more messages at once than that, and has a
  dead-letter queue;
- the buckets log who reads them.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from local.template import LOOP, ROOT, load

FILE = ROOT / "template.strict.json"
Json = dict[str, Any]

KEY = {"Ref": "KmsKeyArn"}
NETWORK = {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}
SAGEMAKER_NETWORK = {
    "Subnets": {"Ref": "SubnetIds"},
    "SecurityGroupIds": {"Ref": "SecurityGroupIds"},
}
BOUNDARY = {"Ref": "PermissionsBoundaryArn"}
CONCURRENCY = {"Ref": "ReservedConcurrency"}
QUEUE = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}

PARAMETERS: Json = {
    "KmsKeyArn": {
        "Type": "String",
        "MaxLength": 200,
        "AllowedPattern": "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        "ConstraintDescription": "the ARN of a key; policies do not know its aliases",
        "Description": "The customer managed key of the stack's data (docs/strict.md)",
    },
    "SubnetIds": {
        "Type": "List<AWS::EC2::Subnet::Id>",
        "Description": "Private subnets with the VPC endpoints of docs/strict.md",
    },
    "SecurityGroupIds": {
        "Type": "List<AWS::EC2::SecurityGroup::Id>",
        "Description": "Security groups that let the subnets' VPC endpoints be called (port 443)",
    },
    "PermissionsBoundaryArn": {
        "Type": "String",
        "MaxLength": 700,
        "AllowedPattern": "^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$",
        "ConstraintDescription": "the ARN of a policy",
        "Description": "The policy that bounds every role of the stack",
    },
    "AccessLogsBucket": {
        "Type": "String",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "Description": "An existing bucket that takes the S3 access logs of the stack's buckets",
    },
    "ReservedConcurrency": {
        "Type": "Number",
        "Default": 10,
        "MinValue": 2,
        "MaxValue": 1000,
        "Description": (
            "Executions at once that are reserved for, and allowed to, each function; all of them"
            " together must leave 100 of the account's quota unreserved"
        ),
    },
}

KEY_STATEMENT: Json = {
    "Sid": "StackKey",
    "Effect": "Allow",
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": KEY,
}


def main() -> int:
    """Write the file."""
    FILE.write_text(json.dumps(strict(load()), indent=1) + "\n")
    sys.stdout.write(
        f"{FILE.name}: deploy it with `sam build -t {FILE.name}` and --config-env strict\n"
    )
    return 0


def strict(template: Json) -> Json:
    """Return the template, as ``local.template.load`` reads it, with the profile's changes."""
    changes = {
        "AWS::S3::Bucket": bucket,
        "AWS::DynamoDB::Table": table,
        "AWS::SNS::Topic": topic,
        "AWS::SQS::Queue": queue,
        "AWS::SecretsManager::Secret": secret,
        "AWS::Logs::LogGroup": log_group,
        "AWS::Serverless::Function": function,
        "AWS::Serverless::StateMachine": state_machine,
        "AWS::IAM::Role": role,
        "AWS::SageMaker::Model": model,
    }
    for name, resource in resources_of(template):
        change = changes.get(resource["Type"])
        if change is not None:
            change(resource["Properties"], name)
    template["Description"] = (
        "Likeness, strict profile: profiles/strict.py makes it of template.yaml"
    )
    template["Parameters"] |= PARAMETERS
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups.append({"Label": {"default": "The strict profile"}, "Parameters": list(PARAMETERS)})
    return template


def resources_of(template: Json) -> Iterator[tuple[str, Json]]:
    """Yield each resource with its logical id, those in loops too."""
    for name, resource in template["Resources"].items():
        if name.startswith(LOOP):
            yield from resource[2].items()
        else:
            yield name, resource


def bucket(properties: Json, name: str) -> None:
    """A customer key, with one data key for a bucket and hour; access logs."""
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    rule = {"ServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}
    properties["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [rule]}
    prefix = {"Fn::Sub": f"${{AWS::StackName}}/{name}/"}
    properties["LoggingConfiguration"] = {
        "DestinationBucketName": {"Ref": "AccessLogsBucket"},
        "LogFilePrefix": prefix,
    }


def table(properties: Json, _name: str) -> None:
    """A customer key."""
    properties["SSESpecification"] = {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }


def topic(properties: Json, _name: str) -> None:
    """A customer key, whose policy lets CloudWatch and AWS Budgets write to the topics."""
    properties["KmsMasterKeyId"] = KEY


def queue(properties: Json, _name: str) -> None:
    """A customer key, whose policy lets EventBridge write."""
    properties.pop("SqsManagedSseEnabled", None)
    properties["KmsMasterKeyId"] = KEY


def secret(properties: Json, _name: str) -> None:
    """A customer key, which the endpoint's role may use."""
    properties["KmsKeyId"] = KEY


def log_group(properties: Json, _name: str) -> None:
    """A customer key, whose policy lets CloudWatch Logs use it."""
    properties["KmsKeyId"] = KEY


def function(properties: Json, _name: str) -> None:
    """Network, key, boundary, concurrency, and a queue for what Lambda gives up."""
    properties |= {
        "VpcConfig": NETWORK,
        "KmsKeyArn": KEY,
        "PermissionsBoundary": BOUNDARY,
        "ReservedConcurrentExecutions": CONCURRENCY,
        "DeadLetterQueue": {"Type": "SQS", "TargetArn": QUEUE},
    }
    properties.setdefault("Policies", []).append(
        {"Version": "2012-10-17", "Statement": [KEY_STATEMENT]}
    )
    for event in properties.get("Events", {}).values():
        if event["Type"] == "SQS":  # a message that is throttled loses one of its tries
            event["Properties"]["ScalingConfig"] = {"MaximumConcurrency": CONCURRENCY}
    variables = properties["Environment"]["Variables"]
    if "TRAINING_SUBNET_IDS" in variables:
        variables |= {
            "TRAINING_SUBNET_IDS": {"Fn::Join": [",", {"Ref": "SubnetIds"}]},
            "TRAINING_SECURITY_GROUP_IDS": {"Fn::Join": [",", {"Ref": "SecurityGroupIds"}]},
            "TRAINING_OUTPUT_KMS_KEY": KEY,
        }


def state_machine(properties: Json, _name: str) -> None:
    """A boundary."""
    properties["PermissionsBoundary"] = BOUNDARY


def role(properties: Json, _name: str) -> None:
    """A boundary, and the right to use the key."""
    properties["PermissionsBoundary"] = BOUNDARY
    document = {"Version": "2012-10-17", "Statement": [KEY_STATEMENT, *NETWORK_INTERFACES]}
    properties["Policies"].append({"PolicyName": "strict", "PolicyDocument": document})


def model(properties: Json, _name: str) -> None:
    """The endpoint's network."""
    properties["VpcConfig"] = SAGEMAKER_NETWORK


NETWORK_INTERFACES: list[Json] = [
    {
        "Sid": "NetworkOfTheContainer",
        "Effect": "Allow",
        "Action": [
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        "Resource": "*",
    }
]
"""What SageMaker asks of a role whose containers run in a VPC (its guide, "Give SageMaker access to
resources in your Amazon VPC"); EC2's Describe actions have no resource."""


if __name__ == "__main__":
    sys.exit(main())
