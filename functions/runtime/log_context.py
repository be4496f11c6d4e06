"""The opaque ids of a document's job, for the log lines; nothing else of a document is logged."""

import re
from typing import Any

from contracts.shared import layout
from contracts.shared.names import parse_training_job_name

_ID = "([0-9a-f]{32})"
_API_FILE = re.compile(
    rf"tenants/[^/]+/uploads/([0-9a-f]{{{2 * layout.uploads.API_UPLOAD_BYTES}}})/"
)
_TASK_FILE = re.compile(f"{layout.models.checkpoints_prefix(_ID)}{_ID}/")


def ids_in(document: object) -> dict[str, str]:
    """Return ``job_id``, or ``plan_id`` for a training that several jobs may share.

    A document has the job's id itself, in its ``job``, or in the input of the stage that failed. An
    event about a training has the plan's id, and the job's id if it is about one job's file. A
    photo that is judged before its training has only the ``upload_id`` that the HTTP API gave.
    """
    job_id = _job_id(document) or _job_id(getattr(document, "job", None)) or _of_failed(document)
    if job_id is not None:
        return {"job_id": job_id}
    if upload := _API_FILE.match(str(getattr(document, "key", ""))):
        return {"upload_id": upload[1]}
    return _of_event(getattr(document, "detail", None))


def _job_id(document: object) -> str | None:
    return _safe(getattr(document, "job_id", None))


def _of_failed(document: object) -> str | None:
    given: dict[str, Any] = getattr(getattr(document, "failed", None), "input", {})
    job = given.get("job")
    return _safe(job.get("job_id")) if isinstance(job, dict) else None


def _safe(found: object) -> str | None:
    """Return the value if it has the form of an id; anything else could be user text."""
    return found if isinstance(found, str) and re.fullmatch(_ID, found) else None


def _of_event(detail: object) -> dict[str, str]:
    key = getattr(getattr(detail, "object", None), "key", "")
    if place := _TASK_FILE.match(key):
        return {"job_id": place[2], "plan_id": place[1]}
    named = parse_training_job_name(getattr(detail, "training_job_name", ""))
    return {"plan_id": named.plan_id} if named is not None else {}
