"""Draw docs/rights/data_flow.md from template.yaml: who may read, write and delete what, and where.

Usage: PYTHONPATH=functions:. python docs/data_flow.py [--check]
Each row is a role of the stack with the rights that its policies give; a right that the template
gains or loses changes the page. --check writes nothing and fails when the page is old.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

from local.template import folded, read

PAGE = Path(__file__).resolve().parent / "rights" / "data_flow.md"

HEAD = """# Data-flow map

Who may touch which data. `docs/data_flow.py` writes this page from the policies of `template.yaml`;
`make generated` runs it. A role without a right cannot do it, whatever its code says. Names in code
are logical ids of the template; what follows a store's name is a folder of it, or the beginning of
its rows' keys. [retention.md](../retention.md) says how long each store keeps what it holds.

## The ways in and out

| way | who | what passes |
|---|---|---|
"""

ROLES = """
## Who may do what
"""

STORES = (
    *("UploadsBucket", "ModelsBucket", "JobsTable", "ModelsTable", "ApiTable", "AuditTable"),
    *("BasesBucket", "HubBucket", "UserPool", "MarksSecret", "ReceiptKey"),
)
"""What data lie in, where people sign in, and the keys that sign."""

KINDS = ("reads", "writes", "deletes", "sends to")

READING = re.compile(r":(Get|Head|List|Query|Scan|BatchGet|Describe|Receive|Verify)")
DELETING = re.compile(r":(Delete|Abort|Purge)")
WRITING = re.compile(r":(Put|Update|BatchWrite|Create|Tag|Sign)")
SENDING = re.compile(
    r"^(lambda:Invoke|states:(Start|Send|Redrive)|sns:Publish|sqs:Send|sagemaker:Invoke|events:Put)"
)

WAYS = (
    ("HttpApi", "applications and the Studio", "requests and answers; photos by signed forms"),
    ("NoticesTopic", "owners", "what became of an upload; ids, no file names, no prompts"),
    ("StatusTopic", "subscribers", "changes of jobs; ids"),
    ("OperationsTopic", "operators", "alarms and reports; ids"),
    ("WebhooksQueue", "addresses of tenants", "changes of jobs; ids"),
    ("UploadsBucket", "tenants with AWS credentials", "their own folder (`TenantPolicy`)"),
    ("LogExperimentFunction", "MLflow, with `MlflowTracking`", "numbers of trainings; ids of jobs"),
    ("ServingModel", "who may invoke the endpoint", "prompts and pictures"),
)
"""Resources through which data enter or leave the stack."""


class Right(NamedTuple):
    """One right of a role."""

    kind: str
    place: str


def page(template: dict[str, Any]) -> str:
    """Return the page."""
    resources = template["Resources"]
    missing = [name for name, _, _ in WAYS if name not in resources]
    if missing:
        message = f"the template has no {', '.join(missing)}"
        raise ValueError(message)
    ways = "".join(f"| `{name}` | {who} | {what} |\n" for name, who, what in WAYS)
    return HEAD + ways + ROLES + "".join(sections(resources))


def sections(resources: dict[str, Any]) -> Iterator[str]:
    """Yield the part of each role that touches data."""
    for name, resource in sorted(resources.items()):
        rights = sorted(set(rights_of(resource)))
        if rights:
            yield f"\n### `{name}`\n\n"
            description = folded(resource["Properties"]).get("Description", "")
            if isinstance(description, str) and description:
                yield f"{description.rstrip('.')}.\n\n"
            for kind in KINDS:
                places = [right.place for right in rights if right.kind == kind]
                yield from lines(kind, places)


def lines(kind: str, places: list[str]) -> Iterator[str]:
    """Yield a kind's places, one in a line of a list."""
    if places:
        yield f"- {kind}\n"
        yield from (entry(place) for place in places)


def entry(place: str) -> str:
    """Return a place as an entry of an inner list, in lines that can be read."""
    first, later = "  - ", "    "
    lines = wrap(
        place, 116, initial_indent=first, subsequent_indent=later,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def rights_of(resource: dict[str, Any]) -> Iterator[Right]:
    """Yield what a role may do with data."""
    for statement in statements(resource["Properties"].get("Policies", [])):
        if statement["Effect"] != "Allow":
            continue
        for action in as_list(statement["Action"]):
            for kind in kinds_of(action):
                for text in texts(statement["Resource"]):
                    if place := place_of(text, kind, rows_of(statement)):
                        yield Right(kind, place)


def kinds_of(action: str) -> Iterator[str]:
    """Yield what an action does with data.

    >>> [*kinds_of("s3:GetObject")], [*kinds_of("lambda:InvokeFunction")]
    (['reads'], ['sends to'])
    """
    if SENDING.match(action):
        yield "sends to"
    elif READING.search(action):
        yield "reads"
    elif DELETING.search(action):
        yield "deletes"
    elif WRITING.search(action):
        yield "writes"


def place_of(text: str, kind: str, rows: str) -> str | None:
    """Return the store, queue, topic or function that a resource names; None for any other thing.

    >>> place_of("${UploadsBucket.Arn}/tenants/*", "reads", "")
    '`UploadsBucket` `tenants/*`'
    >>> place_of("ApiTable", "writes", "export#*")
    '`ApiTable` `export#*`'
    """
    short = re.sub(r"\$\{AWS::StackName\}-", "", text)
    name, _, below = re.sub(r"\$\{([\w:]+?)(\.\w+)?\}", r"\1", short).partition("/")
    store = name.removesuffix(":*").rpartition(":")[2]
    if store not in STORES and kind != "sends to":
        return None
    folder = rows or ("" if below.startswith("index/") else below)
    return f"`{store}`" + (f" `{folder}`" if folder else "")


def rows_of(statement: dict[str, Any]) -> str:
    """Return which rows of a table a statement is about; empty: all."""
    condition = statement.get("Condition", {})
    found = [test.get("dynamodb:LeadingKeys") for test in condition.values()]
    return ", ".join(key for keys in found if isinstance(keys, list) for key in keys)


def statements(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Yield every statement in a part of the template, also those under a condition."""
    if isinstance(node, dict) and "Effect" in node:
        yield node
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from statements(part)


def texts(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the names in a statement's resource."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for part in node:
            yield from texts(part)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "Fn::GetAtt":
                yield value[0]
            elif name == "Fn::If":
                yield from texts(value[1:])
            else:
                yield from texts(value)


def as_list(value: Any) -> Iterable[str]:  # noqa: ANN401 - JSON
    """Return a value that may stand alone as a list."""
    return value if isinstance(value, list) else [value]


def main() -> int:
    """Write the page, or with --check only compare it; return the exit status."""
    text = page(read())
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text() != text)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
