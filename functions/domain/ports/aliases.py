"""What the rules of aliases need: rows, and figures that many workers add to."""

from typing import NamedTuple, Protocol

from contracts.documents.api.aliases import Alias, Figures


class VersionKey(NamedTuple):
    """One version of one alias."""

    tenant: str
    alias: str
    model_id: str


class Aliases(Protocol):
    """Aliases, and what was measured of their versions."""

    def get(self, tenant: str, name: str) -> Alias | None:
        """Return the alias as last written; None when there is none."""
        ...

    def of(self, tenant: str) -> list[Alias]:
        """Return the tenant's aliases, the newest first."""
        ...

    def put(self, alias: Alias) -> None:
        """Store the alias in place of the one before."""
        ...

    def remove(self, tenant: str, name: str) -> None:
        """Remove the alias, and what was measured of its versions."""
        ...

    def add(self, key: VersionKey, more: Figures) -> None:
        """Add to a version's figures; ``ratings`` and ``stars`` may be negative."""
        ...

    def figures(self, tenant: str, name: str) -> dict[str, Figures]:
        """Return the figures of an alias by model id."""
        ...

    def all_figures(self, tenant: str) -> dict[str, dict[str, Figures]]:
        """Return the figures of all aliases of a tenant, by name and model id."""
        ...
