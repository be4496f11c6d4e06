"""API keys in the ``api`` table: implements domain.ports.api_keys.ApiKeys."""

from datetime import datetime
from typing import Any

from boto3.dynamodb.conditions import Attr

from aws.api.table import ApiStore, newest_first
from aws.tables import write_if
from contracts.documents.api.callers import ApiKey
from contracts.shared.layout.rows import api_key_row


class DynamoApiKeys(ApiStore):
    """One row for each key."""

    def add(self, key: ApiKey) -> None:
        """Store a new key."""
        row = {"row": api_key_row(key.key_id), **key.model_dump(mode="json", exclude_none=True)}
        self._table.put_item(Item=row, ConditionExpression=Attr("row").not_exists())

    def get(self, key_id: str) -> ApiKey | None:
        """Return the key as last written; None when there is none."""
        key = {"row": api_key_row(key_id)}
        item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return None if item is None else _parsed(item)

    def of(self, tenant: str) -> list[ApiKey]:
        """Return the tenant's keys, newest first."""
        return [_parsed(item) for item in newest_first(self._table, tenant)]

    def used(self, key_id: str, now: datetime) -> None:
        """Store that the key was used; do nothing for a key that is gone."""
        self._set(key_id, Attr("row").exists(), last_used_at=now.isoformat())

    def end(self, key_id: str, tenant: str, at: datetime, *, revoked: bool) -> bool:
        """Let the tenant's key expire at this time, never later than it would."""
        own = Attr("tenant").eq(tenant)
        later = Attr("expires_at").not_exists() | Attr("expires_at").gt(at.isoformat())
        more = {"revoked_at": at.isoformat()} if revoked else {}
        if self._set(key_id, own & later, expires_at=at.isoformat(), **more):
            return True
        found = self.get(key_id)
        return found is not None and found.tenant == tenant

    def _set(self, key_id: str, when: Any, **changes: str) -> bool:  # noqa: ANN401 - boto3
        """Change a row where the condition holds; return whether it did."""
        return write_if(
            self._table.update_item,
            Key={"row": api_key_row(key_id)},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in changes),
            ConditionExpression=when,
            ExpressionAttributeNames={f"#{name}": name for name in changes},
            ExpressionAttributeValues={f":{name}": value for name, value in changes.items()},
        )


def _parsed(item: dict[str, Any]) -> ApiKey:
    return ApiKey.model_validate({name: item[name] for name in item if name != "row"})
