"""The HTTP API over stores in memory: what tests of routes share."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from contracts.documents.api.callers import Scope
from contracts.documents.record import JobRecord
from domain.appeals.deciding import AppealServices
from domain.pictures.ordering import OrderServices
from domain.pictures.verifying import VerifyingServices
from domain.ports.bases import Bases
from domain.ports.storage import write_document
from domain.ports.takedown import FoundMarks
from domain.requests.consent import ConsentRules
from domain.takedown.deciding import DecidingServices
from domain.webhooks.registering import WebhookServices
from http_api.front import make_app
from http_api.services import Limits, Pricing, Services
from tests.fakes.aliases import MemoryAliases
from tests.fakes.api_keys import MemoryApiKeys
from tests.fakes.appeals import DirectAppealDecider, MemoryAppeals
from tests.fakes.audit import MemoryAudit
from tests.fakes.consents import MemoryConsents
from tests.fakes.erasure import MemoryEraser, MemoryErasures, MemoryVersions
from tests.fakes.exports import MemoryExporter, MemoryExports
from tests.fakes.front_door import (
    MemoryApprovals,
    MemoryCanceller,
    MemoryRedriver,
    MemoryShortMemory,
    MemorySigner,
    MemoryTenantJobs,
    PlainDecoder,
    RealInspector,
)
from tests.fakes.hub import MemoryHub
from tests.fakes.intake import base_card
from tests.fakes.members import MemoryPeople
from tests.fakes.models import MemoryModels
from tests.fakes.ordered_pictures import MemoryPictureQueue, MemoryPictures
from tests.fakes.storage import MemoryStorage
from tests.fakes.takedown import DirectDecider, DirectVerifier, MemoryMarks, MemoryTakedowns
from tests.fakes.webhooks import MemoryWebhookQueue, MemoryWebhooks

APP = make_app()
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALL: tuple[Scope, ...] = ("read", "train", "draw", "erase", "admin")


class Answer(NamedTuple):
    """A response."""

    status: int
    body: Any
    headers: dict[str, str]


def services(limits: Limits | None = None) -> Services:
    bases, card, jobs = MemoryStorage("bases"), base_card(), MemoryTenantJobs()
    uploads, documents = MemoryStorage("uploads"), MemoryStorage("models")
    takedowns, audit = MemoryTakedowns(), MemoryAudit()
    appeals, webhooks = (
        MemoryAppeals(),
        WebhookServices(MemoryWebhooks(), MemoryWebhookQueue(), private=False),
    )
    deciding = AppealServices(appeals, documents, uploads, audit, webhooks.webhooks, webhooks.queue)
    write_document(bases, f"bases/{card.base_id}/base.json", card)
    return Services(
        audit=audit,
        eraser=MemoryEraser(),
        tombstones=MemoryErasures(),
        keys=MemoryApiKeys(),
        people=MemoryPeople(),
        models=MemoryModels(),
        jobs=jobs,
        uploads=uploads,
        forms=MemorySigner(),
        documents=documents,
        hub=MemoryHub(documents, MemoryStorage("hub")),
        links=MemorySigner(),
        approvals=MemoryApprovals(),
        aliases=MemoryAliases(),
        inspector=RealInspector(uploads, Bases(bases, card.base_id)),
        bases=Bases(bases, card.base_id),
        canceller=MemoryCanceller(jobs),
        redriver=MemoryRedriver(),
        photo_versions=MemoryVersions(uploads),
        memory=MemoryShortMemory(),
        takedowns=takedowns,
        verifier=DirectVerifier(
            VerifyingServices(PlainDecoder(), MemoryMarks(FoundMarks("absent", None, None, None)))
        ),
        decoder=PlainDecoder(),
        decider=DirectDecider(DecidingServices(takedowns, documents, jobs, audit), NOON),
        consents=MemoryConsents(),
        exports=MemoryExports(),
        exporter=MemoryExporter(),
        consent=ConsentRules(required=False, text_version="2026-11", photos_kept_days=30),
        webhooks=webhooks,
        appeals=appeals,
        appeal_decider=DirectAppealDecider(deciding, NOON),
        pictures=OrderServices(MemoryPictures(), MemoryPictureQueue(), uploads),
        pricing=Pricing("ml.g5.2xlarge"),
        limits=limits or Limits(),
        now=lambda: NOON,
        sleep=lambda _seconds: None,
    )


def job(number: int, tenant: str = "acme", **changes: Any) -> JobRecord:
    facts = {
        "job_id": f"{number:032x}",
        "tenant": tenant,
        "upload": f"u{number}",
        "base_id": "base",
        "execution_arn": f"arn:{number}",
        "status": "processing",
        "stage": "TrainAdapter",
        "created_at": f"2026-11-21T11:00:{number:02d}+00:00",
        "updated_at": f"2026-11-21T11:30:{number:02d}+00:00",
    }
    return JobRecord.model_validate(facts | changes)


def context(tenant: str, *scopes: Scope, mode: str = "live") -> dict[str, str]:
    return {"tenant": tenant, "subject": "key:1", "scopes": ",".join(scopes), "mode": mode}


def call(  # noqa: PLR0913 - the parts of a request
    stores: Services,
    method: str,
    path: str,
    body: object = None,
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    who: dict[str, str] | None = None,
    source: str = "",
) -> Answer:
    """Send a request as API Gateway does; without ``who`` as tenant acme with every scope."""
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json", **(headers or {})},
        "queryStringParameters": query or {},
        "requestContext": {
            "requestId": "r1",
            "http": {"method": method, "path": path, "sourceIp": source},
            "stage": "$default",
            "authorizer": {"lambda": context("acme", *ALL) if who is None else who},
        },
    }
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    answer = APP.answer(event, stores)
    return Answer(answer["statusCode"], json.loads(answer["body"]), answer["headers"])
