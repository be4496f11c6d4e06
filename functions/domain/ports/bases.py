"""Which base model the stack trains on, and what its card says."""

from typing import NamedTuple

from contracts.base import BaseCard
from contracts.shared import layout
from domain.ports.storage import Storage, read_document


class Bases(NamedTuple):
    """The bucket of base models, and the one that new requests use."""

    storage: Storage
    base_id: str

    def card(self, base_id: str) -> BaseCard:
        """Return ``base.json``.

        Raises:
            ObjectMissingError: the base was never uploaded, which an operator must do.
        """
        return read_document(self.storage, layout.base_prefix(base_id) + layout.BASE_FILE, BaseCard)
