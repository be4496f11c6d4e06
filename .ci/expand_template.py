"""Print template.yaml as plain CloudFormation, offline: cfn-lint then sees what SAM makes of it.

Usage: python .ci/expand_template.py template.yaml > expanded.json
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

POLICY = "arn:aws:iam::aws:policy/"
SERVICE_ROLE = POLICY + "service-role/"
MANAGED_POLICIES = {
    "AWSLambdaBasicExecutionRole": SERVICE_ROLE + "AWSLambdaBasicExecutionRole",
    "AWSLambdaDynamoDBExecutionRole": SERVICE_ROLE + "AWSLambdaDynamoDBExecutionRole",
    "AWSXrayWriteOnlyAccess": POLICY + "AWSXrayWriteOnlyAccess",
    "AWSXRayDaemonWriteAccess": POLICY + "AWSXRayDaemonWriteAccess",
}


def localise(template: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Replace what only ``sam package`` can resolve: code by a key, the definition by its text."""
    template["Globals"]["Function"].pop("CodeUri", None)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://artifacts-bucket/key"
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = "s3://artifacts-bucket/key"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            definition = folder / properties.pop("DefinitionUri")
            properties["Definition"] = json.loads(definition.read_text())
    return template


def main() -> None:
    """Expand the template named on the command line."""
    path = Path(sys.argv[1])
    template = localise(yaml_parse(path.read_text()), path.parent)
    session = boto3.session.Session(region_name="us-east-1")
    translator = Translator(MANAGED_POLICIES, Parser(), boto_session=session)
    json.dump(translator.translate(template, parameter_values={}), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
