"""Carry out the checks; what could not be asked is a finding, never silence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from botocore.exceptions import ClientError

from likeness_client.aws_errors import explain
from likeness_client.doctor.account import Account, NotAskedError
from likeness_client.doctor.catalogue import Severity
from likeness_client.doctor.checks import CHECKS, Check
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

ORDER = list(Severity)

UNASKED = "could_not_ask"

ALLOW = "# Allow {action} to whoever runs the doctor: docs/doctor-policy.json has every action."
LOOK = "# Look in the console, and leave the check out: --skip CHECK"


@dataclass(frozen=True)
class Examination:
    """What was asked, and what was found: the worst first."""

    deployment: Deployment
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Severity | None:
        """Return how bad the worst finding is; None: there is none."""
        return self.findings[0].entry.severity if self.findings else None


def examine(deployment: Deployment, account: Account, checks: Sequence[Check]) -> Examination:
    """Return the findings of these checks, in the order of their severity."""
    found = [finding for check in checks for finding in carry_out(check, deployment, account)]
    ordered = sorted(merged(found), key=lambda one: ORDER.index(one.entry.severity))
    return Examination(deployment, tuple(check.name for check in checks), tuple(ordered))


def merged(found: Sequence[Finding]) -> list[Finding]:
    """Return each finding once; a call that several checks could not make names all of them."""
    first: dict[tuple[str, str, str], Finding] = {}
    checks: dict[tuple[str, str, str], dict[str, None]] = {}
    for one in found:
        unasked = one.code == UNASKED
        key = (one.code, one.subject, "" if unasked else one.meaning + one.quote)
        first.setdefault(key, one)
        if unasked:
            checks.setdefault(key, {})[one.facts["check"]] = None
    for key, names in checks.items():
        facts = {**first[key].facts, "check": ", ".join(names)}
        first[key] = replace(first[key], facts=facts)
    return list(first.values())


def carry_out(check: Check, deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Yield what a check finds, and at last that it could not be finished, if so."""
    try:
        yield from check.ask(deployment, account)
    except NotAskedError as error:
        yield find(
            deployment,
            UNASKED,
            error.action,
            quote=error.quote,
            check=check.name,
            reason=error.reason,
            mend=ALLOW.format(action=error.action) if error.forbidden else LOOK,
        )
    except ClientError as error:
        yield find(
            deployment,
            UNASKED,
            error.operation_name,
            check=check.name,
            reason=explain(error),
            mend=LOOK,
        )


def checks_for(deployment: Deployment, *, deep: bool, skip: Sequence[str] = ()) -> list[Check]:
    """Return the checks that make sense for a deployment.

    Args:
        deployment: before or after.
        deep: whether every file of base and classifiers is downloaded to hash it.
        skip: names of checks to leave out.
    """
    chosen = [
        check._replace(ask=check.whole) if deep and check.whole is not None else check
        for check in CHECKS
        if check.name not in skip and (deployment.exists or not check.deployed)
    ]
    if deployment.status is None and not deployment.planned:
        return [check for check in chosen if check.name in {"names", "stack"}]
    return chosen
