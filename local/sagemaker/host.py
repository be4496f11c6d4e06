"""Every use of ministack's private API by this package.

ministack is imported late, because it reads its environment when it is imported.
"""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import NamedTuple

from local.cloud.typing_aliases import Json, Stock

SERVICE_PRINCIPAL = "sagemaker.amazonaws.com"


class Session(NamedTuple):
    """Temporary credentials of a role."""

    access_key: str
    secret_key: str
    token: str


def endpoint_url() -> str:
    """Return the embedded AWS's endpoint URL."""
    return f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"


def account_id() -> str:
    """Return the account of the current request, or of a thread that it started."""
    return str(import_module("ministack.core.responses").get_account_id())


def region() -> str:
    """Return the region of the current request, or of a thread that it started."""
    return str(import_module("ministack.core.responses").get_region())


def arn(kind: str, name: str) -> str:
    """Return a SageMaker resource's ARN; AWS writes it in lower case."""
    return f"arn:aws:sagemaker:{region()}:{account_id()}:{kind}/{name.lower()}"


def scoped_store() -> Stock:
    """Return a dict with separate entries for each account and region."""
    return import_module("ministack.core.responses").AccountRegionScopedDict()


def in_background(name: str, work: Callable[[], None]) -> None:
    """Run work on a new thread with this request's account and region."""
    import_module("ministack.core.concurrency").spawn_background(work, thread_name=name)


def scope(account: str, region_name: str) -> AbstractContextManager[None]:
    """Act for an account and region outside a request."""
    responses = import_module("ministack.core.responses")
    scoped: AbstractContextManager[None] = responses.request_scope(account, region_name)
    return scoped


async def off_the_loop(name: str, work: Callable[[], Stock]) -> Stock:
    """Run work that may call this server again, without blocking its event loop."""
    concurrency = import_module("ministack.core.concurrency")
    return await concurrency.run_reentrant(work, thread_name=name)


def publish(detail_type: str, detail: Json, resources: list[str]) -> None:
    """Send an event of `aws.sagemaker` to the default bus."""
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": resources,
    }
    events = import_module("ministack.services.eventbridge")
    events._put_events({"Entries": [entry]}, allow_aws_source=True)  # noqa: SLF001


def may_assume(role_arn: str, source_arn: str) -> bool:
    """Return whether the role exists and trusts SageMaker; without AUTH always True."""
    if not import_module("ministack.app").AUTH:
        return True
    evaluator = import_module("ministack.core.iam_evaluator")
    role = import_module("ministack.services.iam")._roles.get(role_arn.rsplit("/", 1)[-1])  # noqa: SLF001
    if role is None or role.get("Arn") != role_arn:
        return False
    trust = role.get("AssumeRolePolicyDocument", "{}")
    document = json.loads(trust) if isinstance(trust, str) else trust
    root = f"arn:aws:iam::{account_id()}:root"  # ministack's principal for any service
    context = evaluator.EvalContext(
        principal_arn=root,
        principal_type="Root",
        principal_account=account_id(),
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=region(),
        service_context={"aws:sourceaccount": account_id(), "aws:sourcearn": source_arn},
    )
    return names_service(document) and bool(
        evaluator.evaluate_trust_policy(document, root, context)
    )


def has_objects(bucket: str, prefix: str) -> bool:
    """Return whether a bucket has an object whose key begins with the prefix."""
    found = import_module("ministack.services.s3")._buckets.get(bucket)  # noqa: SLF001
    return found is not None and any(key.startswith(prefix) for key in found["objects"])


def names_service(trust: Json) -> bool:
    """Return whether a trust policy names SageMaker."""
    statements = trust.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if SERVICE_PRINCIPAL in ([services] if isinstance(services, str) else services):
            return True
    return False


def assume(role_arn: str, session_name: str) -> Session:
    """Return a session of the role, as a container gets it; it does not expire."""
    sts = import_module("ministack.services.sts")
    session = Session(
        access_key=sts._gen_session_access_key(),  # noqa: SLF001
        secret_key=sts._gen_secret(),  # noqa: SLF001
        token=sts._gen_session_token(),  # noqa: SLF001
    )
    role_name = role_arn.rsplit("/", 1)[-1]
    sts.register_session(
        session.access_key,
        {
            "Arn": f"arn:aws:sts::{account_id()}:assumed-role/{role_name}/{session_name[:64]}",
            "UserId": f"{sts._role_id(role_arn)}:{session_name[:64]}",  # noqa: SLF001
            "SecretAccessKey": session.secret_key,
            "SessionToken": session.token,
            "AccountId": account_id(),
            "PrincipalType": "AssumedRole",
        },
    )
    return session


def client_environment(session: Session) -> dict[str, str]:
    """Return the variables with which a container calls AWS as its role.

    AWS_DEFAULT_REGION, the one that boto3 reads, is not among them: SageMaker does not promise it.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint_url(),
        "AWS_REGION": region(),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": session.access_key,
        "AWS_SECRET_ACCESS_KEY": session.secret_key,
        "AWS_SESSION_TOKEN": session.token,
    }


def record_metric(namespace: str, name: str, value: float, dimensions: dict[str, str]) -> None:
    """Put a value of a metric into CloudWatch."""
    cloudwatch = import_module("ministack.services.cloudwatch")
    cloudwatch.record_metric(namespace, name, value, "None", dimensions)


def denied_principal(headers: Json, action: str, resource: str, context: Json) -> str | None:
    """Return the principal that lacks a permission; None when the action is allowed."""
    if not import_module("ministack.app").AUTH:
        return None
    access_key = import_module("ministack.core.router").extract_access_key_id(headers, {})
    result = import_module("ministack.core.iam_evaluator").enforce(
        access_key,
        action,
        action.partition(":")[0],
        region(),
        resource_arn=resource,
        service_context=context,
    )
    return None if result is None else str(getattr(result, "principal_arn", ""))


def register_service(module: Stock) -> None:
    """Register a module as the service `sagemaker` and `sagemaker-runtime`."""
    app = import_module("ministack.app")
    app._loaded_modules["sagemaker"] = module  # noqa: SLF001
    app.SERVICE_REGISTRY["sagemaker"] = {
        "module": "sagemaker",
        "aliases": ("sagemaker-runtime", "runtime.sagemaker"),
    }
    app.SERVICE_HANDLERS["sagemaker"] = app._lazy_handler("sagemaker")  # noqa: SLF001
    app._state_map["sagemaker"] = "sagemaker"  # noqa: SLF001
    # Without an entry the router reads every service model, which takes seconds.
    patterns = import_module("ministack.core.router").SERVICE_PATTERNS
    patterns["sagemaker"] = {"target_prefixes": ["SageMaker."], "host_patterns": []}
