"""Whether a granted appeal lets a refused text through; intake asks before it refuses."""

from contracts.documents.appeal import AppealText
from contracts.shared import layout
from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.words.allowed_texts import (
    hash_of_picture,
    hash_of_texts,
    hashes_of,
    marker_of,
)
from domain.ports.storage import Storage


def is_allowed(text: str, tenant: str, models: Storage) -> bool:
    """Return whether an operator lets this tenant use this very text."""
    owner = tenant_hash(tenant)
    marker = marker_of(owner, hash_of_texts(owner, [text]))
    return models.head(layout.models.allowed_key(marker)) is not None


def hashes_in(text: AppealText, tenant: str) -> tuple[str, ...]:
    """Return the hashes of what a grant of this appeal would let through."""
    if text.picture is None:
        return hashes_of(tenant, text.texts)
    return (hash_of_picture(tenant_hash(tenant), text.texts[0], text.picture.text),)
