"""The doctor's report: for a person at a terminal, or as JSON."""

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator

from likeness_client.doctor.catalogue import Severity
from likeness_client.doctor.examine import Examination
from likeness_client.doctor.finding import Finding

MIN_WIDTH, MAX_WIDTH = 60, 100

INDENT = " " * 9

PLURALS = {
    Severity.ERROR: ("error", "errors"),
    Severity.UNKNOWN: ("not known", "not known"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.NOTE: ("note", "notes"),
}


def as_text(examination: Examination) -> str:
    """Return the report for a terminal; commands are never broken into lines."""
    deployment = examination.deployment
    state = f"deployed ({deployment.status})" if deployment.status else "not deployed yet"
    head = (
        f"{deployment.stack} in {deployment.region}, account {deployment.account_id}, {state}:"
        f" {len(examination.checks)} checks\n"
    )
    blocks = [block(finding) for finding in examination.findings]
    return "\n".join([head, *blocks, summary(examination), ""])


def block(finding: Finding) -> str:
    """Return one finding: what, why, AWS's own sentence, and the command that fixes it."""
    severity = finding.entry.severity.upper()
    lines = [f"{severity:<8} {finding.entry.title}  [{finding.code}]"]
    lines += wrap(finding.meaning)
    if finding.quote:
        speaker = "AWS will answer" if finding.foreseen else "AWS"
        lines += wrap(f'{speaker}: "{finding.quote}"')
    mend = finding.command
    lines.append(f"{INDENT}{mend}" if mend.startswith("#") else f"{INDENT}$ {mend}")
    return "\n".join(lines) + "\n"


def wrap(text: str) -> list[str]:
    """Return a text as indented lines that fit the terminal."""
    columns = shutil.get_terminal_size((MAX_WIDTH, 24)).columns
    width = max(MIN_WIDTH, min(MAX_WIDTH, columns))
    return textwrap.wrap(
        text,
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def summary(examination: Examination) -> str:
    """Return the last line: how many findings there are of each severity."""
    counts = Counter(finding.entry.severity for finding in examination.findings)
    if not counts:
        return "Nothing is wrong."
    return ", ".join(counted(severity, counts[severity]) for severity in Severity) + "."


def counted(severity: Severity, count: int) -> str:
    """Return a number with its noun.

    >>> counted(Severity.ERROR, 1), counted(Severity.NOTE, 0)
    ('1 error', '0 notes')
    """
    return f"{count} {PLURALS[severity][count != 1]}"


def as_json(examination: Examination) -> str:
    """Return the report for a program."""
    deployment = examination.deployment
    document = {
        "stack": deployment.stack,
        "region": deployment.region,
        "account": deployment.account_id,
        "status": deployment.status,
        "checks": list(examination.checks),
        "worst": examination.worst,
        "findings": list(rows(examination)),
    }
    return json.dumps(document, indent=2) + "\n"


def rows(examination: Examination) -> Iterator[dict[str, str | bool]]:
    """Yield the findings with their texts."""
    for finding in examination.findings:
        yield {
            "code": finding.code,
            "severity": finding.entry.severity,
            "subject": finding.subject,
            "title": finding.entry.title,
            "meaning": finding.meaning,
            "aws": finding.quote,
            "aws_foreseen": finding.foreseen,
            "command": finding.command,
        }
