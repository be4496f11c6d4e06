"""The stack's alarms: raised, or switched off."""

import re
from collections.abc import Iterator

from likeness_client.doctor.account import Account
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

PAGE_SIZE = 100
"""Alarms that one DescribeAlarms may name."""

RUNBOOK = re.compile(r"docs/runbooks/\w+\.md")


def check_alarms(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find alarms that are raised, and alarms that notify nobody."""
    ids = {name: logical_id for logical_id, name in deployment.of_type("AWS::CloudWatch::Alarm")}
    names = sorted(ids)
    for start in range(0, len(names), PAGE_SIZE):
        asked = names[start : start + PAGE_SIZE]
        for alarm in account.ask_all(
            "cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=asked
        ):
            name = alarm["AlarmName"]
            if alarm["StateValue"] == "ALARM":
                description = alarm.get("AlarmDescription", "")
                runbook = RUNBOOK.search(description)
                yield find(
                    deployment,
                    "alarm_raised",
                    ids[name],
                    quote=alarm.get("StateReason", ""),
                    alarm=name,
                    description=description.partition(";")[0],
                    runbook=runbook[0] if runbook else "docs/runbooks/README.md",
                )
            if not alarm.get("ActionsEnabled", True):
                yield find(deployment, "alarm_silent", ids[name], alarm=name)
