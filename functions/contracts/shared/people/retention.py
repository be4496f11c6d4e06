"""How long each kind of thing is kept, and what deletes it: the one table.

The lifecycle rules of template.yaml, its parameters' defaults and docs/retention.md say the same;
tests/contract/test_retention.py compares them.
"""

from datetime import timedelta
from typing import Literal, NamedTuple

from contracts.shared.people.consent_texts import EVIDENCE_DAYS

PHOTOS_AFTER_TRAINING = timedelta(hours=24)
"""Default of the template's parameter PhotosAfterTrainingHours."""

UPLOADS = timedelta(days=30)
"""Default of the template's parameter PhotoRetentionDays."""

UNUSED_MODELS = timedelta(days=365)
"""Default of the template's parameter UnusedModelDays."""

NOTICE_BEFORE = timedelta(days=30)
"""How long before its end the owner of an unused model is told."""

LOGS = timedelta(days=30)
"""Default of the template's parameter LogRetentionDays."""

AUDIT = timedelta(days=400)
"""Default of the template's parameter AuditRetentionDays."""

DELIVERIES = timedelta(days=7)
"""How long a webhook's delivery can be looked up and sent again."""

ANSWERS = timedelta(days=1)
"""How long a call that is sent again gets the first call's answer."""

COUNTERS = timedelta(days=2)
"""A counter is kept for two of its windows, of which the longest is a day."""

EXPORTS = timedelta(days=7)
"""An archive is a copy: who needs it longer has downloaded it, or asks again."""

By = Literal[
    "lifecycle", "noncurrent", "unfinished", "expire_photos", "queue", "logs", "ttl", "erasure"
]
"""What deletes it: a lifecycle rule by age, by the age of old versions, or of unfinished uploads;
the function expire_photos; the queue's or the log group's own retention; a table's time to live; or
only an erasure."""


class Kept(NamedTuple):
    """One row: what is kept, where, for how long, and what ends it."""

    what: str
    place: str
    """Logical id of the resource in template.yaml."""
    prefix: str
    """Prefix of the keys; empty for all that no other row names."""
    by: By
    after: timedelta | None
    """None: until somebody asks for its erasure."""
    parameter: str | None = None
    """The template's parameter with which an operator chooses another time."""


RETENTION: tuple[Kept, ...] = (
    Kept(
        "photos, captions and copies of a training that has succeeded",
        "UploadsBucket",
        "tenants/",
        "expire_photos",
        PHOTOS_AFTER_TRAINING,
        "PhotosAfterTrainingHours",
    ),
    Kept(
        "all other uploads, and pictures that were ordered or stored",
        "UploadsBucket",
        "",
        "lifecycle",
        UPLOADS,
        "PhotoRetentionDays",
    ),
    Kept(
        "pictures that were too large for an answer of the endpoint",
        "UploadsBucket",
        "answers/",
        "lifecycle",
        timedelta(days=1),
    ),
    Kept("archives of exported data", "UploadsBucket", "exports/", "lifecycle", EXPORTS),
    Kept("rows of exports", "ApiTable", "", "ttl", EXPORTS),
    Kept("rows of ordered pictures", "ApiTable", "", "ttl", UPLOADS, "PhotoRetentionDays"),
    Kept("deliveries to webhooks", "ApiTable", "", "ttl", DELIVERIES),
    Kept("answers that a repeated call gets", "ApiTable", "", "ttl", ANSWERS),
    Kept("counters of calls", "ApiTable", "", "ttl", COUNTERS),
    Kept("old versions of uploads", "UploadsBucket", "", "noncurrent", timedelta(days=1)),
    Kept("unfinished uploads", "UploadsBucket", "", "unfinished", timedelta(days=1)),
    Kept("packages in the making", "ModelsBucket", "staging/", "lifecycle", timedelta(days=1)),
    Kept("their old versions", "ModelsBucket", "staging/", "noncurrent", timedelta(days=1)),
    Kept("unfinished packages", "ModelsBucket", "staging/", "unfinished", timedelta(days=1)),
    Kept("old checkpoints", "ModelsBucket", "training/", "noncurrent", timedelta(days=1)),
    Kept("markers of erased models", "ModelsBucket", "erased/", "lifecycle", timedelta(days=30)),
    Kept("old versions of models", "ModelsBucket", "", "noncurrent", timedelta(days=30)),
    Kept("unfinished models", "ModelsBucket", "", "unfinished", timedelta(days=7)),
    Kept(
        "models that nobody draws with, their reports and rows",
        "ModelsBucket",
        "",
        "expire_photos",
        UNUSED_MODELS,
        "UnusedModelDays",
    ),
    Kept("models that are used", "ModelsBucket", "", "erasure", None),
    Kept("events that could not be delivered", "DeadLetterQueue", "", "queue", timedelta(days=14)),
    Kept("cases of takedowns", "ApiTable", "", "ttl", AUDIT, "AuditRetentionDays"),
    Kept("appeals", "ApiTable", "", "ttl", AUDIT, "AuditRetentionDays"),
    Kept("markers of allowed texts", "ModelsBucket", "allowed/", "erasure", None),
    Kept("audit trail", "AuditTable", "", "ttl", AUDIT, "AuditRetentionDays"),
    Kept("records of consents", "ApiTable", "", "ttl", timedelta(days=EVIDENCE_DAYS)),
    Kept("logs", "LogGroups", "", "logs", LOGS, "LogRetentionDays"),
)
