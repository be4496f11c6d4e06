"""The strict profile under three linters: cfn-lint, checkov and parliament.

Usage: python -m bench.strict

Expands the strict profile as CloudFormation gets it, runs the linters in environments of their own,
and compares what they find with ``explained.toml``. Prints what is neither fixed nor explained,
writes reports/strict.json, and exits with 1 when there is any, or an explanation without a finding.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.report import Figure, finish

ROOT = Path(__file__).resolve().parents[2]
EXPLAINED = Path(__file__).with_name("explained.toml")
CFN_LINT = ROOT / ".venv" / "sam" / "bin" / "cfn-lint"
CHECKOV = ROOT / ".venv" / "checkov" / "bin" / "checkov"
PARLIAMENT = CHECKOV.with_name("parliament")


class Finding(NamedTuple):
    """What a linter found."""

    check: str
    resource: str
    """Logical id."""
    text: str = ""


class LinterError(Exception):
    """A linter did not run; the text is its own."""


def main() -> int:
    """Lint; return 1 when a finding has no explanation."""
    with tempfile.TemporaryDirectory(prefix="strict-") as name:
        folder = Path(name)
        template = folder / "template.json"
        template.write_text(output([sys.executable, ".ci/expand_template.py", "--strict"]))
        linted = cfn_lint(template)
        checked = checkov(template)
        reviewed = parliament(json.loads(template.read_text()), folder)
    return finish("strict", figures(linted, checked, reviewed, explanations()))


def cfn_lint(template: Path) -> list[Finding]:
    """Return cfn-lint's findings, warnings included."""
    found = json.loads(output([str(CFN_LINT), "--format", "json", str(template)], fine=range(64)))
    return [
        Finding(one["Rule"]["Id"], ".".join(map(str, one["Location"]["Path"])), one["Message"])
        for one in found
    ]


def checkov(template: Path) -> list[Finding]:
    """Return checkov's failed checks."""
    command = [str(CHECKOV), "-f", str(template), "--framework", "cloudformation"]
    text = output([*command, "-o", "json", "--quiet", "--compact"], fine=(0, 1))
    report = json.loads(text)
    if "results" not in report:
        raise LinterError(f"checkov read no resource: {text[:400]}")
    return [
        Finding(one["check_id"], one["resource"].rpartition(".")[2], one["check_name"])
        for one in report["results"]["failed_checks"]
    ]


def parliament(template: dict[str, Any], folder: Path) -> list[Finding]:
    """Return parliament's findings on each inline policy of a role."""
    files = {}
    for number, (role, document) in enumerate(policies_of(template)):
        file = folder / f"policy-{number}.json"
        file.write_text(json.dumps(document))
        files[file] = role
    found = []
    for file, role in files.items():
        text = output([str(PARLIAMENT), "--file", str(file), "--json"], fine=range(4))
        for line in filter(None, text.splitlines()):
            one = json.loads(line)
            found.append(Finding(one["issue"], role, one.get("title", "")))
    return found


def policies_of(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each inline policy with its role; parliament knows no intrinsic function."""
    for role, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"].get("Policies", []):
                yield role, plain(policy["PolicyDocument"])


def plain(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the node with every intrinsic function as an ARN, or as the branch that exists."""
    found = value_of(node)
    if found is not None:
        return found
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    return [plain(value) for value in node] if isinstance(node, list) else node


def value_of(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what an intrinsic function stands for; None for anything else."""
    match node:
        case {"Fn::If": [_, first, _]}:
            return plain(first)
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            return fill(text)
        case {"Fn::GetAtt": [name, *_]} | {"Ref": name}:
            return arn_of(name)
    return None


def arn_of(name: object) -> str:
    """Return an ARN of the kind that a logical id or a parameter stands for."""
    kinds = {
        "Bucket": "s3:::x",
        "Topic": "sns:us-east-1:123456789012:x",
        "Table": "dynamodb:us-east-1:123456789012:table/x",
        "Queue": "sqs:us-east-1:123456789012:x",
        "StateMachine": "states:us-east-1:123456789012:stateMachine:x",
        "Function": "lambda:us-east-1:123456789012:function:x",
        "Role": "iam::123456789012:role/x",
        "Key": "kms:us-east-1:123456789012:key/x",
        "AccountId": "",
    }
    found = next((arn for word, arn in kinds.items() if word in str(name)), None)
    return "123456789012" if not found else f"arn:aws:{found}"


def fill(text: str) -> str:
    """Return a Sub's text with its variables filled in."""
    for name, value in {
        "AWS::Partition": "aws",
        "AWS::Region": "us-east-1",
        "AWS::AccountId": "123456789012",
        "AWS::StackName": "likeness",
        "UploadsBucket.Arn": "arn:aws:s3:::uploads",
        "ModelsBucket.Arn": "arn:aws:s3:::models",
        "BasesBucket": "bases",
        "JobsTable.Arn": "arn:aws:dynamodb:us-east-1:123456789012:table/jobs",
    }.items():
        text = text.replace(f"${{{name}}}", value)
    while "${" in text:
        start, end = text.index("${"), text.index("}")
        text = text[:start] + "x" + text[end + 1 :]
    return text


def explanations(file: Path = EXPLAINED) -> set[tuple[str, str]]:
    """Return the findings that stay, by check and resource."""
    entries = tomllib.loads(file.read_text())["explained"]
    return {(entry["check"], resource) for entry in entries for resource in entry["resources"]}


def figures(
    linted: Sequence[Finding],
    checked: Sequence[Finding],
    reviewed: Sequence[Finding],
    explained: set[tuple[str, str]],
) -> list[Figure]:
    """Print what nobody explains, and return what is reported."""
    counts = {}
    for name, findings in (("cfn-lint", linted), ("checkov", checked), ("parliament", reviewed)):
        open_ones = unexplained(findings, explained)
        for one in open_ones:
            print(f"{name}: {one.check} {one.resource}: {one.text}")
        counts[name] = len(open_ones)
    seen = {(one.check, one.resource) for one in (*linted, *checked, *reviewed)}
    return [
        Figure("findings of cfn-lint", counts["cfn-lint"], "", 0, "less"),
        Figure("findings of checkov", len(checked)),
        Figure("of these without a reason", counts["checkov"], "", 0, "less"),
        Figure("findings of parliament", len(reviewed)),
        Figure("of these without a reason", counts["parliament"], "", 0, "less"),
        Figure("reasons without a finding", len(explained - seen), "", 0, "less"),
    ]


def unexplained(findings: Iterable[Finding], explained: set[tuple[str, str]]) -> list[Finding]:
    """Return the findings that are neither fixed nor explained."""
    return [one for one in findings if (one.check, one.resource) not in explained]


def output(command: list[str], fine: Iterable[int] = (0,)) -> str:
    """Return what a program prints.

    Raises:
        LinterError: it ended in another way than expected.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in fine:
        raise LinterError(f"{command[0]} ended with {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
