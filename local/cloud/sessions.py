"""Acting as a role: what AWS does when a service assumes one that you gave it."""

import hashlib

from ministack.core.iam_evaluator import enforce
from ministack.core.responses import get_account_id, get_region
from ministack.services import sts

SESSION = "likeness"


def denial(role_arn: str, action: str, target: str) -> str | None:
    """Return why a role may not act on a resource, or None if it may."""
    service = action.partition(":")[0]
    refused = enforce(_access_key(role_arn), action, service, get_region(), resource_arn=target)
    if refused is None:
        return None
    message = f"User: {_session_arn(role_arn)} is not authorized to perform: {action}"
    return f"{message} on resource: {target} because no identity-based policy allows the action"


def _access_key(role_arn: str) -> str:
    digest = hashlib.sha256(role_arn.encode()).hexdigest()
    access_key = f"ASIA{digest[:16].upper()}"
    sts.register_session(access_key, {
        "Arn": _session_arn(role_arn),
        "UserId": f"{_name(role_arn)}:{SESSION}",
        "SecretAccessKey": digest,
        "SessionToken": digest,
    })  # fmt: skip
    return access_key


def _session_arn(role_arn: str) -> str:
    return f"arn:aws:sts::{get_account_id()}:assumed-role/{_name(role_arn)}/{SESSION}"


def _name(role_arn: str) -> str:
    return role_arn.rsplit("/", 1)[-1]
