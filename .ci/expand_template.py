"""Write template.yaml as plain CloudFormation, offline: what SAM makes of it once loops are gone.

Usage: PYTHONPATH=. python .ci/expand_template.py > expanded.json    for cfn-lint
       PYTHONPATH=. python .ci/expand_template.py --strict > expanded.json    of the strict profile
       PYTHONPATH=. python .ci/expand_template.py --golden           writes GOLDEN
       PYTHONPATH=. python .ci/expand_template.py --check            compares GOLDEN

GOLDEN shows a change of template.yaml, or of SAM, as a change of resources and properties. --check
prints the lines that differ, and fails where there are any.
"""

import difflib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local.template import ROOT, expand, folded, load, read
from profiles.strict import strict

GOLDEN = ROOT / "tests" / "contract" / "golden" / "expanded_template.json"
WIDTH = 140
MAX_TEXT = 1000
"""GOLDEN has the hash of a longer text: it stands in a file of its own, which shows its changes."""
POLICY_ATTRIBUTES = {"DeletionPolicy", "UpdateReplacePolicy"}
SECTIONS = ("Conditions", "Outputs", "Parameters", "Resources", "Rules")

MANAGED_POLICIES = {
    "AWSLambdaBasicExecutionRole": "service-role/AWSLambdaBasicExecutionRole",
    "AWSLambdaDynamoDBExecutionRole": "service-role/AWSLambdaDynamoDBExecutionRole",
    "AWSXrayWriteOnlyAccess": "AWSXrayWriteOnlyAccess",
    "AWSXRayDaemonWriteAccess": "AWSXRayDaemonWriteAccess",
}
"""Path of each of AWS's own policies, by the name that SAM calls it."""


def expanded(region: str = "us-east-1", template: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a template as CloudFormation gets it from its last transform in a Region.

    Args:
        region: where it is deployed.
        template: with loops and includes written out; without one, template.yaml.
    """
    os.environ["AWS_DEFAULT_REGION"] = region  # SAM reads the partition from it
    session = boto3.session.Session("none", "none", region_name=region)
    policies = f"arn:{session.get_partition_for_region(region)}:iam::aws:policy/"
    managed = {name: policies + path for name, path in MANAGED_POLICIES.items()}
    translator = Translator(managed, Parser(), boto_session=session)
    translated: dict[str, Any] = translator.translate(
        localised(template or read()), parameter_values={}
    )
    return translated


def looked_into(node: Any) -> Iterator[str]:
    """Yield the names of the mappings that a part of a template looks into."""
    if isinstance(node, dict):
        if "Fn::FindInMap" in node:
            yield node["Fn::FindInMap"][0]
        node = list(node.values())
    for inner in node if isinstance(node, list) else ():
        yield from looked_into(inner)


def localised(template: dict[str, Any]) -> dict[str, Any]:
    """Replace what only ``sam package`` can resolve: code by a key, the definition by its text."""
    template.pop("Transform")
    mappings = template.pop("Mappings", {})  # loops have looked into theirs, and are written out
    left = {name: mappings[name] for name in mappings if name in set(looked_into(template))}
    template |= {"Mappings": left} if left else {}
    template["Globals"]["Function"].pop("CodeUri", None)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for policy in POLICY_ATTRIBUTES & resource.keys():
            resource[policy] = unprotected(resource[policy])
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://artifacts-bucket/key"
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = "s3://artifacts-bucket/key"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            definition = ROOT / properties.pop("DefinitionUri")
            properties["Definition"] = json.loads(definition.read_text())
    return template


def unprotected(policy: Any) -> Any:
    """Return what a DeletionPolicy is with ProtectData=false; LanguageExtensions resolves it."""
    return policy["Fn::If"][2] if isinstance(policy, dict) else policy


def golden(template: dict[str, Any]) -> str:
    """Return the text of GOLDEN: without the tables of the loops, and what parameters are for."""
    kept = {section: folded(hashed(template[section])) for section in SECTIONS}
    for entry in (*kept["Parameters"].values(), *kept["Outputs"].values()):
        entry.pop("Description", None)
    return pretty(kept) + "\n"


def hashed(node: Any) -> Any:
    """Return the node with a hash in the place of each long text, joined of lines or not."""
    match node:
        case dict():
            return {key: hashed(value) for key, value in node.items()}
        case [*lines] if lines and all(isinstance(line, str) for line in lines):
            text = "\n".join(lines)
            return node if len(text) <= MAX_TEXT else hashed(text)
        case list():
            return [hashed(value) for value in node]
        case str() if len(node) > MAX_TEXT:
            return f"sha256:{hashlib.sha256(node.encode()).hexdigest()}"
        case _:
            return node


def pretty(node: Any, indent: int = 0) -> str:
    """Return the node as JSON: what fits in a line is one line."""
    line = json.dumps(node, sort_keys=True)
    if len(line) + indent <= WIDTH or not isinstance(node, (dict, list)):
        return line
    inner = indent + 1
    if isinstance(node, list):
        rows = [pretty(item, inner) for item in node]
    else:
        rows = [f"{json.dumps(key)}: {pretty(value, inner)}" for key, value in sorted(node.items())]
    opening, closing = "[]" if isinstance(node, list) else "{}"
    body = ",\n".join(" " * inner + row for row in rows)
    return f"{opening}\n{body}\n{' ' * indent}{closing}"


def main() -> int:
    """Print the expanded template, write GOLDEN or compare it; return the exit status."""
    profile = expand(strict(load())) if "--strict" in sys.argv[1:] else None
    template = expanded(template=profile)
    if "--golden" in sys.argv[1:]:
        GOLDEN.write_text(golden(template))
        return 0
    if "--check" in sys.argv[1:]:
        before, after = GOLDEN.read_text().splitlines(), golden(template).splitlines()
        changes = list(
            difflib.unified_diff(before, after, "GOLDEN", "template.yaml", "", "", 1, "")
        )
        print("\n".join(changes))
        return bool(changes)
    json.dump(template, sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
