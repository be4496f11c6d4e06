"""Write what ``likeness doctor`` has from elsewhere: its template, its page, its IAM policy.

Usage: PYTHONPATH=functions:. python docs/doctor.py [--check]
--check only says whether the committed copies are up to date.
"""

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from likeness_client.doctor.account import policy
from likeness_client.doctor.catalogue import CATALOGUE, Entry, Severity
from likeness_client.doctor.checks import CHECKS
from likeness_client.doctor.template import facts_of
from local.template import read
from profiles import strict

ROOT = Path(__file__).resolve().parents[1]
EXPANDED = ROOT / "tests" / "contract" / "golden" / "expanded_template.json"

HEAD = """# likeness doctor

`likeness doctor` asks the AWS account what only the account knows: before a deployment what would
stop it, and afterwards what stops the stack. It only reads, and it sends no photo and no prompt
anywhere. This page is written by `docs/doctor.py` from `likeness_client/doctor`.

## Before a deployment

```sh needs=account
likeness doctor --config-env prod
likeness doctor --stack likeness --parameter-overrides BasesBucket=company-bases TrainingQuota=2
```

The first command reads `samconfig.toml` as `sam deploy --config-env prod` does. A parameter that
is given on the command line wins. A stack that exists keeps its own value of every other
parameter, as `sam deploy` keeps it.

## After a deployment

```sh needs=account
likeness doctor --region eu-central-1 --stack likeness
```

Without parameters the doctor takes those of the deployed stack, and asks its resources as well.
The drift detection takes minutes; `--skip drift` leaves it out. `--hash` downloads the whole base
model to compare its hashes. `--json` prints the report for programs.

## Exit status

| status | worst finding |
|---|---|
| 0 | none, or a note |
| 1 | an error |
| 3 | something could not be asked: a permission is missing, or the service is not there |
| 4 | a warning |

A check that AWS does not let the doctor make is reported as `could_not_ask`. It never counts as
good.

## Permissions

[doctor-policy.json](doctor-policy.json) allows exactly the calls that the doctor makes; all of
them read. For drift, CloudFormation reads the resources with the caller's permissions; AWS's
policy `ReadOnlyAccess` has them.

## Checks

"""

AFTER = """
## Findings

A finding has a code that never changes its meaning, AWS's own sentence where there is one, and
the command that fixes it. A parameter of such a command belongs into `parameter_overrides` of
`samconfig.toml`, where that holds the others. In commands, words in braces stand for what the
doctor fills in.

"""

EXPLAINED = {
    Severity.ERROR: "uploads fail, or the deployment does",
    Severity.UNKNOWN: "AWS could not be asked; it may be an error",
    Severity.WARNING: "it works, but not as the parameters say, or not for long",
    Severity.NOTE: "a choice that its owner should know of",
}


def page() -> str:
    """Return docs/doctor.md."""
    before = ", ".join(f"`{check.name}`" for check in CHECKS if not check.deployed)
    after = ", ".join(f"`{check.name}`" for check in CHECKS if check.deployed)
    texts = (f"Always: {before}.", f"Of a deployed stack also: {after}.")
    checks = "\n\n".join(textwrap.fill(text, 100) for text in texts) + "\n"
    return HEAD + checks + AFTER + "\n".join(sections())


def sections() -> Iterator[str]:
    """Yield one table for each severity."""
    for severity in Severity:
        rows = [row(code, entry) for code, entry in CATALOGUE.items() if entry.severity is severity]
        title = f"### {severity.capitalize()}: {EXPLAINED[severity]}\n"
        yield "\n".join([title, "| code | what it means | command |", "|---|---|---|", *rows, ""])


def row(code: str, entry: Entry) -> str:
    """Return a finding's line of the table."""
    command = entry.command.replace("{{", "{").replace("}}", "}").replace("|", "\\|")
    return f"| `{code}` | {entry.title}. {entry.meaning} | `{command}` |"


def pages() -> dict[Path, str]:
    """Return every generated file and its text."""
    expanded = json.loads(EXPANDED.read_text())
    facts = facts_of(expanded, read().get("Rules", {}), strict.PARAMETERS)
    return {
        ROOT / "likeness_client" / "doctor" / "template.json": as_json(facts),
        ROOT / "docs" / "doctor.md": page(),
        ROOT / "docs" / "doctor-policy.json": as_json(policy()),
    }


def as_json(document: object) -> str:
    """Return a document as text that does not change by itself."""
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write the files, or with --check only compare them; return the exit status."""
    stale = {p: text for p, text in pages().items() if not p.exists() or p.read_text() != text}
    if "--check" in sys.argv[1:]:
        return len(stale)
    for path, text in stale.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
