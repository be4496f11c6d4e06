"""Whether a granted appeal lets a refused text through; intake asks before it refuses."""

from contracts.shared import layout
from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.words.allowed_texts import hash_of_texts, marker_of
from domain.ports.storage import Storage


def is_allowed(text: str, tenant: str, models: Storage) -> bool:
    """Return whether an operator lets this tenant use this very text."""
    owner = tenant_hash(tenant)
    marker = marker_of(owner, hash_of_texts(owner, [text]))
    return models.head(layout.allowed_key(marker)) is not None
