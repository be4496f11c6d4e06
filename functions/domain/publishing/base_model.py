"""Publish the base itself as a model of the endpoint: the released text without an adapter."""

from contracts.base import BaseCard
from contracts.documents.package import (
    BASE_MODEL_JOB,
    PACKAGE_CARD,
    PACKAGE_CODE,
    PACKAGE_CONFIG,
    PackageCard,
    TargetModel,
)
from contracts.shared import layout
from domain.ports.storage import Storage, read_document
from domain.publishing.model_text import released_text
from domain.publishing.tar_gz import archive


def base_model_name(card: BaseCard) -> TargetModel:
    """Return the TargetModel of the base itself.

    It has the usual form: 32 zeros in place of the job's id, then 12 digits of the base's hash.
    """
    return f"{BASE_MODEL_JOB}-{card.sha256[:12]}.tar.gz"


def publish_base(base_id: str, bases: Storage, models: Storage) -> TargetModel:
    """Publish the base's package, if it is not published yet."""
    card_key = layout.bases.card_key(base_id)
    name = base_model_name(read_document(bases, card_key, BaseCard))
    key = layout.models.ENDPOINT_PREFIX + name
    if models.head(key) is None:
        models.write(key, base_package(), "application/gzip")
    return name


def base_package() -> bytes:
    """Return the archive; its bytes are always the same."""
    about = PackageCard(tenant_sha256=None, adapter=False)
    return archive(
        {
            PACKAGE_CONFIG: released_text(PACKAGE_CONFIG),
            PACKAGE_CODE: released_text(PACKAGE_CODE),
            PACKAGE_CARD: about.model_dump_json().encode(),
        }
    )
