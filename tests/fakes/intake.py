"""An upload in memory, and what accepting and inspecting it need."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from contracts.base import BaseCard
from contracts.documents.stages import AcceptRequestInput
from contracts.shared import layout
from domain.intake.archives import open_archive
from domain.intake.services import IntakeServices
from domain.ports.archives import Header, Member
from domain.ports.bases import Bases
from domain.ports.storage import write_document
from domain.requests.consent import ConsentRules
from domain.requests.run_limits import RunLimits
from tests.fakes.consents import MemoryConsents
from tests.fakes.erasure import MemoryErasures, MemoryExpiries
from tests.fakes.front_door import MemoryTenantJobs
from tests.fakes.jobs import MemoryJobs
from tests.fakes.storage import MemoryStorage

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BASE_ID = "tiny-base"
RUN_LIMITS = RunLimits(("ml.g5.2xlarge", "ml.p5.4xlarge"), max_run=3600, volume_size=80, spot=False)
REQUEST: dict[str, Any] = {
    "instance_prompt": "a photo of sks person",
    "class_prompt": "a photo of a person",
}


class PlainArchive:
    """domain.ports.archives.OpenArchive in this process."""

    def __init__(self, body: bytes) -> None:
        self._opened = open_archive(body)

    @property
    def headers(self) -> tuple[Header, ...]:
        return self._opened.headers

    def members(self) -> Iterator[Member]:
        yield from self._opened.members


class PlainArchives:
    """domain.ports.archives.Archives in this process, without limits of memory and time."""

    @contextmanager
    def open(self, body: bytes) -> Iterator[PlainArchive]:
        yield PlainArchive(body)


def base_card(**changes: object) -> BaseCard:
    fields: dict[str, object] = {
        "base_id": BASE_ID,
        "family": "sdxl",
        "revision": "1",
        "sha256": "b" * 64,
        "files": {"unet/model.safetensors": "c" * 64},
        "prediction_type": "epsilon",
        "resolution": 64,
        "training": {
            "learning_rate": 1e-3,
            "train_batch_size": 4,
            "rank": 8,
            "steps_per_photo": 20,
            "min_train_steps": 100,
            "max_train_steps": 400,
        },
        "inference": {
            "num_inference_steps": 20,
            "guidance_scale": 4.0,
            "scheduler": "DDIMScheduler",
        },
        "gate": {"min_effect": 0.01},
    }
    return BaseCard.model_validate({**fields, **changes})


def memory_intake(captioner_id: str | None = None) -> IntakeServices:
    """Return an intake whose base is known."""
    bases = MemoryStorage("bases")
    key = layout.bases.card_key(BASE_ID)
    write_document(bases, key, base_card())
    return IntakeServices(
        uploads=MemoryStorage("uploads"),
        models=MemoryStorage("models"),
        bases=Bases(bases, BASE_ID),
        run_limits=RUN_LIMITS,
        jobs=MemoryJobs(),
        tenant_jobs=MemoryTenantJobs(),
        tombstones=MemoryErasures(),
        consents=MemoryConsents(),
        consent_ends=MemoryExpiries(),
        consent=ConsentRules(required=False, text_version="2026-11", photos_kept_days=30),
        archives=PlainArchives(),
        captioner_id=captioner_id,
    )


def put_upload(
    intake: IntakeServices,
    photos: dict[str, bytes],
    request: dict[str, Any] | bytes = REQUEST,
    place: tuple[str, str] = ("acme", "first"),
) -> str:
    """Store photos and request as a client does; return the request's key."""
    prefix = layout.uploads.upload_prefix(*place)
    for name, body in photos.items():
        intake.uploads.write(prefix + name, body)
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    intake.uploads.write(prefix + layout.uploads.REQUEST_FILE, body)
    return prefix + layout.uploads.REQUEST_FILE


def announced(key: str, execution_arn: str = "arn:1", version: str | None = None) -> Any:
    """Return what the state machine sends for S3's event."""
    found = {"key": key} if version is None else {"key": key, "version-id": version}
    event = {"detail": {"bucket": {"name": "uploads"}, "object": found}}
    return AcceptRequestInput.model_validate({"event": event, "execution_arn": execution_arn})
