"""domain.ports.aliases.Aliases in memory."""

from contracts.documents.api.aliases import Alias, Figures
from domain.ports.aliases import VersionKey


class MemoryAliases:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Alias] = {}
        self.sums: dict[VersionKey, Figures] = {}

    def get(self, tenant: str, name: str) -> Alias | None:
        return self.rows.get((tenant, name))

    def of(self, tenant: str) -> list[Alias]:
        found = [alias for (owner, _), alias in self.rows.items() if owner == tenant]
        return sorted(found, key=lambda alias: alias.created_at, reverse=True)

    def put(self, alias: Alias) -> None:
        self.rows[alias.tenant, alias.name] = alias

    def remove(self, tenant: str, name: str) -> None:
        self.rows.pop((tenant, name), None)
        self.sums = {key: sum_ for key, sum_ in self.sums.items() if key[:2] != (tenant, name)}

    def add(self, key: VersionKey, more: Figures) -> None:
        before = self.sums.get(key, Figures())
        plain = {
            name: getattr(before, name) + getattr(more, name)
            for name in Figures.model_fields
            if name != "by_seconds"
        }
        pairs = zip(before.by_seconds, more.by_seconds, strict=True)
        self.sums[key] = Figures(**plain, by_seconds=tuple(a + b for a, b in pairs))

    def all_figures(self, tenant: str) -> dict[str, dict[str, Figures]]:
        names = {key.alias for key in self.sums if key.tenant == tenant}
        return {name: self.figures(tenant, name) for name in names}

    def figures(self, tenant: str, name: str) -> dict[str, Figures]:
        return {key.model_id: sum_ for key, sum_ in self.sums.items() if key[:2] == (tenant, name)}
