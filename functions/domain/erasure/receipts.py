"""The receipt of an erasure: what was there, what is left, and what expires by itself."""

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import (
    STORES,
    ErasedStore,
    ErasureReceipt,
    ErasureSubject,
    ExpiringStore,
    ReceiptPlace,
    SignedReceipt,
    Store,
    digest_of,
)
from contracts.errors import StageInputError
from contracts.shared import layout
from contracts.shared.people.consent_texts import EVIDENCE_DAYS
from domain.ports.consents import Consents
from domain.ports.erasure import Erasure, Erasures, Signer
from domain.ports.storage import Storage, find_document, write_document
from domain.requests.consent import concerns

QUEUED_DAYS, ORDERED_DAYS = 18, 15
"""Four days in the webhooks' queue, or one in that of pictures, and fourteen as a dead letter."""

POINT_IN_TIME_DAYS, STREAM_HOURS, HISTORY_DAYS = 35, 24, 90
"""How long DynamoDB can bring rows back, how long its streams and Step Functions keep theirs."""

SERVERS_SECONDS = 60
"""Time within which every server of the endpoint has dropped an erased model from its disk."""


ON_SERVERS: Store = "endpoint memory and disk"
"""Nobody can look into the servers; each drops what a marker in S3 names, at its next look."""


class KeptElsewhere(NamedTuple):
    """What the operator has chosen to be kept where no erasure deletes."""

    log_days: int
    audit_days: int
    mlflow: bool = False
    """Whether trainings are logged as runs in MLflow."""
    data_events: bool = False
    """Whether CloudTrail writes every access to an object into a bucket of the operator's."""


class ReceiptServices(NamedTuple):
    """What writing a receipt needs."""

    erasures: Erasures
    models: Storage
    signer: Signer
    elsewhere: KeptElsewhere
    consents: Consents


def sign_receipt(subject: ErasureSubject, services: ReceiptServices, now: datetime) -> ReceiptPlace:
    """Write the signed receipt, once; a repeated call returns the place of the first one.

    Raises:
        StageInputError: nobody has asked for this erasure.
    """
    erasure = services.erasures.find(subject.erasure_id)
    if erasure is None:
        raise StageInputError(fields="subject")
    key = layout.models.receipt_key(erasure.erasure_id)
    if find_document(services.models, key, SignedReceipt) is None:
        receipt = receipt_of(erasure, subject, services.elsewhere, now)
        kept = tuple(evidence(subject, services.consents.of(subject.tenant), now))
        receipt = receipt.model_copy(update={"expiring": (*receipt.expiring, *kept)})
        write_document(services.models, key, signed(receipt, services.signer))
    services.erasures.finish(erasure.erasure_id, now)
    return ReceiptPlace(erasure_id=erasure.erasure_id, receipt_uri=services.models.uri(key))


def signed(receipt: ErasureReceipt, signer: Signer) -> SignedReceipt:
    """Return the receipt with the stack's signature."""
    signature = signer.sign(digest_of(receipt))
    return SignedReceipt(
        receipt=receipt,
        key_arn=signer.key_arn,
        signature=base64.b64encode(signature).decode(),
    )


def receipt_of(
    erasure: Erasure, subject: ErasureSubject, elsewhere: KeptElsewhere, now: datetime
) -> ErasureReceipt:
    """Return the receipt of an erasure after the last round of EraseStores."""
    found = erasure.found or {}
    return ErasureReceipt(
        erasure_id=erasure.erasure_id,
        kind=erasure.kind,
        subject_sha256=subject.sha256,
        requested_at=erasure.requested_at,
        erased_at=now.isoformat(),
        jobs=erasure.jobs,
        stores=tuple(
            ErasedStore(
                store=store, found=found.get(store, 0), remaining=remaining_in(store, erasure)
            )
            for store in STORES
        ),
        expiring=tuple(expiring(elsewhere, now)),
    )


def evidence(
    subject: ErasureSubject, records: Iterable[ConsentRecord], now: datetime
) -> Iterator[ExpiringStore]:
    """Yield the store of the consents' records, with its end; nothing without a consent."""
    days = timedelta(days=EVIDENCE_DAYS)
    ends = [ended_at(record, now) for record in records if concerns(record, subject)]
    if ends:
        yield ExpiringStore(
            store="records of consents",
            holds="ids and times, as proof; no photo",
            gone_at=(max(ends) + days).isoformat(),
        )


def ended_at(record: ConsentRecord, now: datetime) -> datetime:
    """Return when a consent has ended or will end."""
    if record.withdrawn_at is not None:
        return datetime.fromisoformat(record.withdrawn_at)
    return record.ends or now


def remaining_in(store: Store, erasure: Erasure) -> int | None:
    """Return what the last round has left in a store; None where it was not counted."""
    if store == ON_SERVERS or erasure.remaining is None:
        return None
    return erasure.remaining.get(store, 0)


def expiring(elsewhere: KeptElsewhere, now: datetime) -> Iterator[ExpiringStore]:
    """Yield what no erasure deletes, and when that is over."""
    day = timedelta(days=1)
    for store, holds, after in (
        ("the endpoint's memory and disk", "adapters, answers", timedelta(seconds=SERVERS_SECONDS)),
        ("DynamoDB streams of the jobs table", "ids and states", timedelta(hours=STREAM_HOURS)),
        ("DynamoDB point-in-time recovery", "ids and states", POINT_IN_TIME_DAYS * day),
        ("Step Functions histories", "ids and hashes", HISTORY_DAYS * day),
        ("CloudWatch logs", "ids", elsewhere.log_days * day),
        ("audit trail", "ids and times; the tenant as a hash", elsewhere.audit_days * day),
        ("cases of takedowns", "ids and times, as proof", elsewhere.audit_days * day),
        ("orders of pictures that were queued before", "ids", ORDERED_DAYS * day),
        (
            "webhook messages that were queued before",
            "ids and codes; sent to the tenant's own address, or dropped",
            QUEUED_DAYS * day,
        ),
    ):
        yield ExpiringStore(store=store, holds=holds, gone_at=(now + after).isoformat())
    for store, holds, is_there in (
        ("SageMaker's training job records", "ids, settings without prompts", True),
        ("SageMaker's logs of trainings and of the endpoint", "ids", True),
        ("runs in MLflow", "ids of jobs, settings and scores", elsewhere.mlflow),
        ("CloudTrail's data events", "keys of objects, with file names", elsewhere.data_events),
    ):
        if is_there:
            yield ExpiringStore(store=store, holds=holds, gone_at=None)
