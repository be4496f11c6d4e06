"""The base model that the stack trains on, and its card."""

from typing import NamedTuple

from contracts.base import BaseCard
from contracts.shared import layout
from domain.ports.storage import Storage, read_document


class Bases(NamedTuple):
    """The bucket of base models, and the base for new requests."""

    storage: Storage
    base_id: str

    def card(self, base_id: str) -> BaseCard:
        """Return ``base.json``.

        Raises:
            ObjectMissingError: the base is not uploaded; an operator must do that.
        """
        return read_document(self.storage, layout.bases.card_key(base_id), BaseCard)
