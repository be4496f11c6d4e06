"""Stores in which the tenant acme has one of everything, and the ids by which it is asked for."""

from dataclasses import replace

from contracts.documents.api.aliases import Alias, Version
from contracts.documents.api.pictures import PictureRow
from contracts.documents.api.webhooks import WebhookMessage, WebhookTask
from contracts.documents.appeal import AppealRow
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.documents.export import ExportSubject
from contracts.documents.model import ModelRecord
from contracts.documents.takedown import TakedownCase
from contracts.documents.training import TrainingResult
from contracts.shared import layout
from domain.appeals.asking import appeal_id_of
from domain.callers.keys import make_key
from domain.exporting.asking import new_row
from domain.ports.storage import write_document
from domain.webhooks.registering import enqueue, register
from http_api.services import Services
from local.demo.upload import consent
from tests.fakes.erasure import MemoryEraser
from tests.fakes.members import member_id
from tests.unit.runtime.api_kit import NOON, job, services

TENANT, MODEL, NOW = "acme", f"{1:032x}", NOON.isoformat()

MINE = {
    "job_id": MODEL,
    "model_id": MODEL,
    "upload_id": "u1",
    "key_id": "1" * 16,
    "webhook_id": f"wh_{1:016x}",
    "consent_id": MODEL,
    "message_id": f"msg_{1:032x}",
    "picture_id": f"pic_{1:024x}",
    "member_id": member_id(1),
    "alias": "a1",
    "export_id": f"exp_{1:024x}",
    "appeal_id": appeal_id_of(TENANT, "u1"),
    "refusal_id": "u1",
}
"""The ids of what the tenant has, by the names that paths have for them."""


def with_everything() -> Services:
    """Stores in which the tenant acme has one of everything, of number 1."""
    subjects = ({"model_id": MODEL}, {"upload": "u1"})
    eraser = MemoryEraser(*(ErasureSubject(tenant=TENANT, **ids) for ids in subjects))
    stores = replace(services(), eraser=eraser)
    for add in (add_model, add_callers, add_webhook, add_export, add_picture, add_cases):
        add(stores)
    return stores


def add_model(stores: Services) -> None:
    """An upload with its consent, and the model that was trained from it, under an alias."""
    stores.uploads.write(f"tenants/{TENANT}/uploads/u1/000.jpg", b"x" * 10)
    record = job(1, status="succeeded", plan_id=MODEL)
    stores.jobs.records[MODEL] = record  # type: ignore[attr-defined]
    given = {"model_id": MODEL, "tenant": TENANT, "upload": "u1", "recorded_at": NOW}
    stores.consents.record(ConsentRecord.model_validate(given | {"consent": consent()}))
    files = {"adapter/a.safetensors": "0" * 64}
    key = layout.models.result_key(MODEL, MODEL)
    result = TrainingResult(job_id=MODEL, status="succeeded", files=files)
    write_document(stores.documents, key, result)
    stores.documents.write(
        f"{key.removesuffix(layout.container.RESULT_FILE)}adapter/a.safetensors", b"weights"
    )
    stores.models.record(
        ModelRecord(
            tenant=TENANT,
            model_id=MODEL,
            target_model=f"{MODEL}-0123456789ab.tar.gz",
            weights_sha256="0" * 64,
            base_id="base",
            trigger_word="sks",
            endpoint_name="e",
            created_at=NOW,
        )
    )
    version = Version(model_id=MODEL, weight=1)
    alias = Alias(
        tenant=TENANT, name=MINE["alias"], versions=(version,), created_at=NOW, updated_at=NOW
    )
    stores.aliases.put(alias)


def add_callers(stores: Services) -> None:
    """A key and a member."""
    key = make_key(TENANT, "k", ["read"], NOON).stored
    stores.keys.add(key.model_copy(update={"key_id": MINE["key_id"]}))
    stores.people.invite(TENANT, "person@example.org", "viewer")


def add_webhook(stores: Services) -> None:
    """A webhook with a message that is on its way."""
    hooks, queue = stores.webhooks.webhooks, stores.webhooks.queue
    hook = register(stores.webhooks, TENANT, "https://hooks.example.org/", ["job.ended"], NOON)
    hooks.remove(hook.webhook_id)
    hooks.add(hook.model_copy(update={"webhook_id": MINE["webhook_id"]}))
    message = WebhookMessage(type="ping", timestamp=NOW, data={})
    ids = {name: MINE[name] for name in ("webhook_id", "message_id")}
    enqueue(hooks, queue, TENANT, WebhookTask(**ids, message=message), NOON)


def add_export(stores: Services) -> None:
    """An export that is ready."""
    row = new_row(MINE["export_id"], ExportSubject(tenant=TENANT), NOON)
    ready = {"status": "succeeded", "size": 1, "sha256": "0" * 64}
    stores.exports.add(row.model_copy(update=ready))
    stores.uploads.write(layout.uploads.export_key(TENANT, row.export_id), b"x")


def add_picture(stores: Services) -> None:
    """An order that was drawn."""
    stores.pictures.pictures.add(
        PictureRow(
            picture_id=MINE["picture_id"],
            tenant=TENANT,
            model_id=MODEL,
            status="succeeded",
            seed=1,
            count=1,
            created_at=NOW,
            updated_at=NOW,
            delete_at=0,
        )
    )


def add_cases(stores: Services) -> None:
    """A takedown of the model without its marker, so that it can be drawn with; and an appeal."""
    stores.takedowns.add(
        TakedownCase(
            case_id=f"td_{1:032x}",
            reason="other",
            received_at=NOW,
            due_at=NOW,
            status="accepted",
            models=(MODEL,),
        )
    )
    stores.appeals.add(
        AppealRow(
            appeal_id=MINE["appeal_id"],
            refusal_id=MINE["refusal_id"],
            tenant=TENANT,
            code="name_refused",
            hashes=("0" * 64,),
            asked_at=NOW,
        )
    )
