"""The HTTP API for callers with AWS credentials: each request is signed, and IAM decides.

A tenant's server acts on its own tenant only: API Gateway refuses a path with another tenant before
any function is started (docs/tenants.md). The functions behind ``likeness models`` and ``likeness
cancel`` are for operators, as a function cannot learn who invokes it.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError, NoRegionError

from contracts.documents.api.jobs import JobCanceled
from contracts.documents.api.models import ModelView
from likeness_client.exit_codes import ExitCode

SECONDS = 40.0
"""API Gateway answers within 30."""


class ApiRefusedError(Exception):
    """The API has refused a request, or could not be reached; the text says what and why."""


def ask(
    api: str,
    path: str,
    method: str = "GET",
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
) -> dict[str, Any]:
    """Return the API's answer to a signed request.

    Args:
        api: the stack's output ApiUrl.
        path: ``/iam/<tenant>/v1/...``.
        method: of HTTP.
        session: a boto3 session with the caller's own credentials; default: boto3's.

    Raises:
        ApiRefusedError: the answer is no, or there is none.
        BotoCoreError: there are no credentials, or there is no Region.
    """
    known = session or boto3.Session()
    credentials = known.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    if not known.region_name:
        raise NoRegionError
    if urlsplit(api).scheme not in {"http", "https"}:
        raise ApiRefusedError(f"{api} is no address; take the stack's output ApiUrl")
    url = api.rstrip("/") + path
    signed = AWSRequest(method, url)
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", known.region_name).add_auth(
        signed
    )
    request = urllib.request.Request(url, headers=dict(signed.headers.items()), method=method)  # noqa: S310 (checked)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 (checked)
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        raise ApiRefusedError(_reason(error)) from None
    except (OSError, ValueError) as error:
        raise ApiRefusedError(f"{api} gives no answer ({type(error).__name__})") from None


def list_models(
    api: str,
    tenant: str,
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
) -> list[ModelView]:
    """Return the tenant's models, the newest first.

    Raises:
        ApiRefusedError: see ``ask``.
    """
    models: list[ModelView] = []
    after: str | None = ""
    while after is not None:
        path = _path(tenant, "models?limit=100") + (f"&after={quote(after)}" if after else "")
        page = ask(api, path, session=session)
        models += [ModelView.model_validate(found, extra="ignore") for found in page["data"]]
        after = page["next"]
    return models


def cancel(
    api: str,
    tenant: str,
    job_id: str,
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
) -> JobCanceled:
    """Cancel a job of the tenant.

    Raises:
        ApiRefusedError: see ``ask``; for another tenant's job as for one that does not exist.
    """
    path = _path(tenant, f"jobs/{quote(job_id, safe='')}:cancel")
    return JobCanceled.model_validate(ask(api, path, "POST", session), extra="ignore")


def show_models(api: str, tenant: str) -> int:
    """Print one line for each model.

    Raises:
        ApiRefusedError: see ``ask``.
    """
    for model in list_models(api, tenant):
        sys.stdout.write(f"{model.id}  {model.trigger_word}  {model.created_at}\n")
    return ExitCode.DONE


def stop(api: str, tenant: str, job_id: str) -> int:
    """Cancel a job, and say what became of it.

    Raises:
        ApiRefusedError: see ``ask``.
    """
    outcome = cancel(api, tenant, job_id).outcome
    sys.stdout.write(f"{outcome}\n")
    return ExitCode.DONE if outcome == "canceling" else ExitCode.REFUSED


def _path(tenant: str, rest: str) -> str:
    return f"/iam/{quote(tenant, safe='')}/v1/{rest}"


def _reason(error: urllib.error.HTTPError) -> str:
    """Return the problem's words; API Gateway itself sends other documents."""
    try:
        problem = json.load(error)
    except ValueError:
        problem = {}
    if error.code == 403 and "code" not in problem:  # noqa: PLR2004 - API Gateway's own
        return (
            "IAM does not let these credentials use this path: their role needs the stack's"
            " TenantPolicy and the tag `tenant` (docs/tenants.md)"
        )
    words = [str(problem[name]) for name in ("detail", "hint") if name in problem]
    return " ".join(words) or f"the API answers {error.code}"
