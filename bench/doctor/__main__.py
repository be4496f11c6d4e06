"""Break a good account in every way of FAULTS, and count what the doctor names and what it invents.

A fault is named when its own code is reported. A false alarm is any finding on a good account, and
any finding beside a fault that does not follow from it. Each call is denied once as well: what it
would have found must be reported as not known.
"""

import sys
from collections.abc import Iterator

from bench.doctor.faults import FAULTS, Fault
from bench.report import Figure, finish
from likeness_client.doctor.deployment import look_up
from likeness_client.doctor.examine import UNASKED, checks_for, examine
from likeness_client.doctor.finding import Finding
from tests.fakes.aws_account import STACK, STRICT, FakeAws

MIN_FAULTS = 40
BASIC = {
    "cloudformation:DescribeStacks",
    "cloudformation:ListStackResources",
    "sts:GetCallerIdentity",
}
"""Without these calls there is nothing to examine; the command itself ends with status 3."""

GOOD: tuple[dict[str, str], ...] = (
    {},
    {"CreateEndpoint": "on-demand", "EndpointIdleMinutes": "30"},
    {"CreateEndpoint": "false"},
    {"EndpointMaxInstances": "2"},
    {"KeepAliveSeconds": "0", "TrainingCapacity": "spot"},
    STRICT,
    {"OidcIssuer": "https://login.example.com/", "OidcAudience": "likeness", "Studio": "off"},
)
"""Changes of the good parameters that are good as well."""


def diagnose(fault: Fault) -> list[Finding]:
    """Return what the doctor finds in an account with one fault."""
    aws = fault.account()
    given = None if fault.deployed else aws.memory.parameters
    return findings(aws, fault.stack, given)


def findings(aws: FakeAws, stack: str, given: dict[str, str] | None) -> list[Finding]:
    """Return what the doctor finds; ``given``: parameters of a deployment to come."""
    account = aws.account()
    deployment = look_up(account, stack, given)
    return list(examine(deployment, account, checks_for(deployment, deep=False)).findings)


def surplus(fault: Fault, found: list[Finding]) -> list[str]:
    """Return the codes that are reported beside a fault and do not follow from it."""
    return [one.code for one in found if one.code not in {fault.code, *fault.also}]


def good_accounts() -> Iterator[tuple[FakeAws, dict[str, str] | None]]:
    """Yield accounts with which nothing is wrong, before and after deployment."""
    for changed in GOOD:
        planned = FakeAws(deployed=False, **changed)
        yield planned, planned.memory.parameters
        yield FakeAws(deployed=True, **changed), None


def silent_denials() -> list[str]:
    """Return the calls whose denial the doctor does not report."""
    silent = []
    for action in sorted(calls() - BASIC):
        seen = [
            finding
            for aws, given in (denied(action, deployed=False), denied(action, deployed=True))
            for finding in findings(aws, STACK, given)
            if (finding.code, finding.subject) == (UNASKED, action)
        ]
        if not seen:
            silent.append(action)
    return silent


def denied(action: str, *, deployed: bool) -> tuple[FakeAws, dict[str, str] | None]:
    """Return an account that asks for all that the doctor knows, and denies one call."""
    aws = broken_everywhere(deployed=deployed)
    aws.memory.denied.add(action)
    return aws, None if deployed else aws.memory.parameters


def broken_everywhere(*, deployed: bool) -> FakeAws:
    """Return an account in which every call is made: a customer's key, a quota that is too low."""
    from bench.doctor.faults import TRAINING, bases_key, quota  # noqa: PLC0415

    aws = FakeAws(deployed=deployed, EndpointMaxInstances="2", **STRICT)
    bases_key()(aws.memory)
    quota(TRAINING, 1)(aws.memory)
    return aws


def calls() -> set[str]:
    """Return every call that the doctor makes."""
    made: set[str] = set()
    for deployed in (False, True):
        aws = broken_everywhere(deployed=deployed)
        findings(aws, STACK, None if deployed else aws.memory.parameters)
        made |= aws.called
    return made


def main() -> int:
    """Print what was named and what was not; return 1 when a target is missed."""
    results = [(fault, diagnose(fault)) for fault in FAULTS]
    named = [fault for fault, found in results if fault.code in {one.code for one in found}]
    for fault, found in results:
        codes = [one.code for one in found]
        mark = "named " if fault in named else "MISSED"
        print(f"{mark}  {fault.name:<42} {fault.code:<28} {' '.join(surplus(fault, found))}")
        if fault not in named:
            print(f"        found instead: {codes}")
    invented = [code for fault, found in results for code in surplus(fault, found)]
    healthy = list(good_accounts())
    alarms = [one.code for aws, given in healthy for one in findings(aws, STACK, given)]
    silent = silent_denials()
    print("denied calls that were not reported:", silent or "none", "\n")
    return finish(
        "doctor-test",
        [
            Figure("faults injected", len(FAULTS), "", MIN_FAULTS),
            Figure("faults named", len(named), "", len(FAULTS)),
            Figure("codes covered", len({fault.code for fault in named}), ""),
            Figure("false alarms beside a fault", len(invented), "", 0, "less"),
            Figure("good accounts", len(healthy), ""),
            Figure("false alarms on good accounts", len(alarms), "", 0, "less"),
            Figure("calls denied", len(calls() - BASIC), ""),
            Figure("denied calls not reported", len(silent), "", 0, "less"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
