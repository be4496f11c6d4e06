"""Sessions of assumed roles: what AWS creates when a service assumes a role."""

import hashlib
import hmac
import secrets

from ministack.core import lambda_runtime
from ministack.core.iam_evaluator import enforce
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, sts

from local.cloud.typing_aliases import Json

SESSION = "likeness"

_functions: dict[str, str] = {}
"""Access key of a function's process -> the function's name."""

_function_arns: dict[str, str] = {}
"""ARN of a function's session -> the function's own."""

_seed = secrets.token_bytes(32)
"""Secret from which this process derives session keys, so that no one can compute them."""


def install() -> None:
    """Give functions session keys that cannot be guessed.

    Stock derives the keys from the names of the function and the role, which a template contains.
    """
    lambda_runtime.execution_credentials = _credentials_of_function
    lambda_svc.execution_credentials = _credentials_of_function


def denial(role_arn: str, action: str, target: str) -> str | None:
    """Return why a role may not act on a resource, or None if it may."""
    service = action.partition(":")[0]
    refused = enforce(_access_key(role_arn), action, service, get_region(), resource_arn=target)
    if refused is None:
        return None
    message = f"User: {_session_arn(role_arn)} is not authorized to perform: {action}"
    return f"{message} on resource: {target} because no identity-based policy allows the action"


def _credentials_of_function(config: Json) -> dict[str, str]:
    """Return the credentials of a function's process, the same at each of its starts."""
    function = config["FunctionArn"]
    keys = _register(config.get("Role", ""), config["FunctionName"][:64], function)
    _functions[keys["AWS_ACCESS_KEY_ID"]] = config["FunctionName"]
    _function_arns[_session_arn(config.get("Role", ""), config["FunctionName"][:64])] = function
    return keys


def is_function(access_key: str) -> bool:
    """Return whether this access key belongs to a function's process."""
    return access_key in _functions


def function_of(access_key: str) -> str | None:
    """Return the name of the function whose process has this access key; None: no function's."""
    return _functions.get(access_key)


def function_arn_of(session_arn: str) -> str | None:
    """Return the ARN of the function that has this session; None: no function's."""
    return _function_arns.get(session_arn)


def _access_key(role_arn: str) -> str:
    return _register(role_arn, SESSION)["AWS_ACCESS_KEY_ID"]


def _register(role_arn: str, session: str, holder: str = "") -> dict[str, str]:
    """Register a session of the role, and return its keys."""
    access_key = f"ASIA{_secret('key', role_arn, holder)[:16].upper()}"
    secret, token = _secret("secret", role_arn, holder), _secret("token", role_arn, holder)
    sts.register_session(access_key, {
        "Arn": _session_arn(role_arn, session),
        "UserId": f"{_name(role_arn)}:{session}",
        "SecretAccessKey": secret,
        "SessionToken": token,
    })  # fmt: skip
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
    }


def _secret(*parts: str) -> str:
    return hmac.new(_seed, "\0".join(parts).encode(), hashlib.sha256).hexdigest()


def _session_arn(role_arn: str, session: str = SESSION) -> str:
    account = role_arn.split(":")[4] if role_arn.startswith("arn:") else get_account_id()
    return f"arn:aws:sts::{account}:assumed-role/{_name(role_arn)}/{session}"


def _name(role_arn: str) -> str:
    return role_arn.rsplit("/", 1)[-1]
