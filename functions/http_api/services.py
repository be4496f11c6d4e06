"""What the routes need: stores, a clock and limits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.pictures.ordering import OrderServices
from domain.ports.aliases import Aliases
from domain.ports.api_keys import ApiKeys
from domain.ports.appeals import AppealDecider, Appeals
from domain.ports.audit import AuditTrail
from domain.ports.bases import Bases
from domain.ports.consents import Consents
from domain.ports.decoder import Decoder
from domain.ports.erasure import Eraser, Tombstones, VersionedBucket
from domain.ports.exports import Exporter, Exports
from domain.ports.front_door import (
    Approvals,
    Canceller,
    PhotoInspector,
    Redriver,
    ShortMemory,
    Signer,
    TenantJobs,
)
from domain.ports.hub import Hub
from domain.ports.models import Models
from domain.ports.people import People
from domain.ports.storage import Storage
from domain.ports.takedown import Decider, TakedownCases, Verifier
from domain.pricing.prices import PUBLISHED, PriceTable
from domain.pricing.quotas import NO_QUOTAS, Quotas
from domain.requests.consent import ConsentRules
from domain.webhooks.registering import WebhookServices
from runtime.clock import now


@dataclass(frozen=True)
class Limits:
    """How much one tenant may ask for."""

    requests_per_minute: int = 600
    trainings_per_day: int = 100
    pictures_per_minute: int = 60
    reports_per_hour: int = 10
    """Takedown reports from one network address."""
    reports_per_day: int = 1000
    """Takedown reports of all; each stores a picture."""
    verifications_per_hour: int = 30
    """Pictures that one network address may verify."""
    verifications_per_day: int = 10_000
    """Pictures that all together may verify; each costs some seconds of a function."""
    appeals_per_day: int = 50
    """Appeals of a tenant; an operator reads each of them."""
    exports_per_day: int = 20
    """Archives of a tenant; each reads all that it has."""
    quotas: Quotas = NO_QUOTAS
    approval_required: bool = False
    """Whether only approved models draw."""
    retention_days: int = 30
    """How long pictures are kept."""


@dataclass(frozen=True)
class Pricing:
    """What a training's price depends on, beside its request."""

    instance_type: str
    """Instance type of the stack's training jobs."""
    prices: PriceTable = PUBLISHED


@dataclass(frozen=True)
class Services:
    """Everything that a route may touch."""

    audit: AuditTrail
    eraser: Eraser
    tombstones: Tombstones
    keys: ApiKeys
    people: People
    models: Models
    jobs: TenantJobs
    uploads: Storage
    forms: Signer
    documents: Storage
    """The models bucket."""
    hub: Hub
    links: Signer
    """Signs for the models bucket."""
    approvals: Approvals
    aliases: Aliases
    inspector: PhotoInspector
    bases: Bases
    canceller: Canceller
    redriver: Redriver
    photo_versions: VersionedBucket
    """The uploads bucket with all versions."""
    memory: ShortMemory
    takedowns: TakedownCases
    appeals: Appeals
    appeal_decider: AppealDecider
    decider: Decider
    verifier: Verifier
    decoder: Decoder
    """Decodes reported pictures in its limited child."""
    webhooks: WebhookServices
    pictures: OrderServices
    pricing: Pricing
    consent: ConsentRules
    consents: Consents
    exports: Exports
    exporter: Exporter
    limits: Limits = Limits()
    now: Callable[[], datetime] = now
    sleep: Callable[[float], None] = time.sleep
