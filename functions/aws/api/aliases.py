"""Aliases in the ``api`` table: implements domain.ports.aliases.Aliases."""

from decimal import Decimal
from typing import Any

from aws.api.table import (
    INDEX,
    ApiStore,
    NewRow,
    newest_documents,
    newest_first,
    read_document,
    under,
)
from contracts.documents.api.aliases import Alias, Figures
from contracts.shared.layout.rows import (
    alias_row,
    aliases_index,
    version_place,
    version_row,
    versions_index,
)
from domain.ports.aliases import VersionKey

CLASSES = "by_seconds"
MODEL = "model_id"


class DynamoAliases(ApiStore):
    """One row for each alias, with the document as JSON text, and one of sums for each version."""

    def get(self, tenant: str, name: str) -> Alias | None:
        """Return the alias as last written; None when there is none."""
        return read_document(Alias, self._table, alias_row(tenant, name))

    def of(self, tenant: str) -> list[Alias]:
        """Return the tenant's aliases, the newest first."""
        return newest_documents(Alias, self._table, aliases_index(tenant))

    def put(self, alias: Alias) -> None:
        """Store the alias in place of the one before."""
        row, owner = alias_row(alias.tenant, alias.name), aliases_index(alias.tenant)
        self._table.put_item(Item=NewRow(row, owner, alias.created_at, alias).item())

    def remove(self, tenant: str, name: str) -> None:
        """Remove the alias, and what was measured of its versions."""
        for row in under(self._table, versions_index(tenant), version_place(name, "")):
            self._table.delete_item(Key={"row": row["row"]})
        self._table.delete_item(Key={"row": alias_row(tenant, name)})

    def add(self, key: VersionKey, more: Figures) -> None:
        """Add to a version's figures, whoever else does at the same time."""
        sums = {
            name: value for name, value in more.model_dump(exclude={CLASSES}).items() if value
        } | {f"{CLASSES}_{place}": n for place, n in enumerate(more.by_seconds) if n}
        names = {f"#{place}": name for place, name in enumerate(sums)}
        values = {f":{place}": Decimal(value) for place, value in enumerate(sums.values())}
        self._table.update_item(
            Key={"row": version_row(*key)},
            UpdateExpression=(
                f"SET #index = :index, created_at = :place, {MODEL} = :name"
                f" ADD {', '.join(f'{name} :{name[1:]}' for name in names)}"
            ),
            ExpressionAttributeNames={**names, "#index": INDEX},
            ExpressionAttributeValues={
                **values,
                ":index": versions_index(key.tenant),
                ":place": version_place(key.alias, key.model_id),
                ":name": key.model_id,
            },
        )

    def figures(self, tenant: str, name: str) -> dict[str, Figures]:
        """Return the figures of an alias by model id."""
        rows = under(self._table, versions_index(tenant), version_place(name, ""))
        return {row[MODEL]: _figures(row) for row in rows}

    def all_figures(self, tenant: str) -> dict[str, dict[str, Figures]]:
        """Return the figures of all aliases of a tenant, by name and model id."""
        found: dict[str, dict[str, Figures]] = {}
        for row in newest_first(self._table, versions_index(tenant)):
            name = str(row["created_at"]).partition("#")[0]
            found.setdefault(name, {})[row[MODEL]] = _figures(row)
        return found


def _figures(row: dict[str, Any]) -> Figures:
    """Return a row's sums."""
    plain = {name: int(row.get(name, 0)) for name in Figures.model_fields if name != CLASSES}
    classes = len(Figures().by_seconds)
    found = tuple(int(row.get(f"{CLASSES}_{place}", 0)) for place in range(classes))
    return Figures(**plain, by_seconds=found)
