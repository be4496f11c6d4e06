"""Lifecycle rules of buckets: a template's rules reach its bucket, and objects expire by age.

Stock keeps rules and deletes nothing. S3 rounds an object's end up to the next midnight UTC, and so
does this. Rules that move objects to another storage class are kept and do nothing.

Source: Amazon S3's user guide, "Lifecycle configuration elements".
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ministack.services import s3

from local.cloud import resources
from local.cloud.typing_aliases import Json, Stock

CURRENT_VERSION_EVENTS = {
    "s3:ObjectRemoved:Delete": "s3:LifecycleExpiration:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated": "s3:LifecycleExpiration:DeleteMarkerCreated",
}

_sweeping: ContextVar[bool] = ContextVar("sweeping", default=False)


def install() -> None:
    """Give a template's rules to its buckets, and name the events of expired objects."""
    resources.apply_after("AWS::S3::Bucket", _apply)
    s3._fire_s3_event_async = _renamed(s3._fire_s3_event_async)
    s3._s3_event_to_eventbridge = _with_reason(s3._s3_event_to_eventbridge)


def sweep(now: float) -> None:
    """Delete what the rules of all buckets have let expire at this time (seconds since 1970)."""
    before = _sweeping.set(True)
    try:
        for bucket in list(s3._buckets):
            for rule in s3._bucket_lifecycle.get(bucket) or []:
                if rule.get("Status") == "Enabled":
                    _apply_rule(bucket, rule, now)
    finally:
        _sweeping.reset(before)


def _apply_rule(bucket: str, rule: Json, now: float) -> None:
    _expire_versions(bucket, rule, now)
    expiry = rule.get("Expiration") or {}
    for key, found in list(s3._buckets[bucket]["objects"].items()):
        due = _due(found["last_modified"], expiry)
        if due is not None and due <= now and _applies(rule, bucket, key, found):
            s3._delete_object(bucket, key)
    _abort_uploads(bucket, rule, now)


def _abort_uploads(bucket: str, rule: Json, now: float) -> None:
    days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
    for upload_id, upload in list(s3._multipart_uploads.items()):
        if days is None or upload["bucket"] != bucket or not _has_prefix(rule, upload["key"]):
            continue
        if _midnight_after(upload["created"], days) <= now:
            s3._abort_multipart_upload(bucket, upload["key"], {"uploadId": upload_id})


def _expire_versions(bucket: str, rule: Json, now: float) -> None:
    """Delete versions that were replaced long enough ago, and markers that hide nothing."""
    after = rule.get("NoncurrentVersionExpiration") or {}
    expiry = rule.get("Expiration") or {}
    for (owner, key), versions in list(s3._object_versions.items()):
        if owner != bucket or not _has_prefix(rule, key):
            continue
        if "NoncurrentDays" in after:
            for version in _expired(versions, after, now):
                s3._delete_object(bucket, key, None, {"versionId": version["version_id"]})
        left = s3._object_versions.get((bucket, key)) or []
        if len(left) == 1 and left[0].get("is_delete_marker") and _is_due(left[0], expiry, now):
            s3._delete_object(bucket, key, None, {"versionId": left[0]["version_id"]})


def _is_due(marker: Json, expiry: Json, now: float) -> bool:
    """Return whether a marker that hides nothing goes: at once, or with the age of objects."""
    due = _due(marker["last_modified"], expiry)
    return bool(expiry.get("ExpiredObjectDeleteMarker")) or (due is not None and due <= now)


def _expired(versions: list[Json], after: Json, now: float) -> Iterator[Json]:
    """Yield the noncurrent versions that are due and not among the newest to keep."""
    replaced = list(pairwise(versions))
    keep = int(after.get("NewerNoncurrentVersions") or 0)
    for version, successor in replaced[: len(replaced) - keep]:
        if _midnight_after(successor["last_modified"], int(after["NoncurrentDays"])) <= now:
            yield version


def _due(modified: str, expiry: Json) -> float | None:
    """Return when an object expires, in seconds since 1970."""
    if "Date" in expiry:
        return datetime.fromisoformat(str(expiry["Date"])).replace(tzinfo=UTC).timestamp()
    return _midnight_after(modified, int(expiry["Days"])) if "Days" in expiry else None


def _midnight_after(moment: str, days: int) -> float:
    """Return the first midnight UTC that is this many days after a moment."""
    end = datetime.fromisoformat(moment).astimezone(UTC) + timedelta(days=days)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight if midnight == end else midnight + timedelta(days=1)).timestamp()


def _applies(rule: Json, bucket: str, key: str, found: Json) -> bool:
    """Return whether the rule's filter takes this object."""
    chosen = _filter(rule)
    tags = s3._object_tags.get((bucket, key, found.get("version_id"))) or {}
    size = int(found.get("size", 0))
    return (
        _has_prefix(rule, key)
        and all(tags.get(tag["Key"]) == tag["Value"] for tag in chosen.get("Tags", []))
        and size > int(chosen.get("ObjectSizeGreaterThan", -1))
        and size < int(chosen.get("ObjectSizeLessThan", size + 1))
    )


def _has_prefix(rule: Json, key: str) -> bool:
    return key.startswith(str(_filter(rule).get("Prefix", "")))


def _filter(rule: Json) -> dict[str, Json]:
    """Return a rule's filter in one form, whether it has one condition or several."""
    given = rule.get("Filter") or {}
    found: dict[str, Json] = dict(given.get("And") or given)
    if "Tag" in found:
        found["Tags"] = [found.pop("Tag")]
    return found


def _apply(bucket: str, properties: Json) -> None:
    """Store the rules of a template as S3 stores those of a request."""
    given = properties.get("LifecycleConfiguration")
    if not given:
        s3._bucket_lifecycle.pop(bucket, None)
        return
    rules = [_rule(each) for each in given.get("Rules", [])]
    refused = s3._lifecycle_rules_error(rules)
    if refused:
        raise ValueError(f"LifecycleConfiguration of bucket {bucket}: {refused[2]!r}")
    s3._bucket_lifecycle[bucket] = rules


def _rule(given: Json) -> dict[str, Json]:
    """Translate a rule of CloudFormation into one of S3."""
    rule = {"ID": given.get("Id", ""), "Status": given["Status"], "Filter": _conditions(given)}
    expiry = {
        "Days": given.get("ExpirationInDays"),
        "Date": given.get("ExpirationDate"),
        "ExpiredObjectDeleteMarker": given.get("ExpiredObjectDeleteMarker"),
    }
    parts = {
        "Expiration": expiry,
        "NoncurrentVersionExpiration": given.get("NoncurrentVersionExpiration")
        or {"NoncurrentDays": given.get("NoncurrentVersionExpirationInDays")},
        "AbortIncompleteMultipartUpload": given.get("AbortIncompleteMultipartUpload") or {},
    }
    filled = {name: _numbers(part) for name, part in parts.items()}
    return {**rule, **{name: part for name, part in filled.items() if part}}


def _numbers(part: Json) -> dict[str, Json]:
    """Return the fields that are set; a parameter's number arrives as text."""
    plain = {name: value for name, value in part.items() if value is not None}
    return {name: int(v) if str(v).isdigit() else _truth(v) for name, v in plain.items()}


def _truth(value: Json) -> Json:
    return {"true": True, "false": False}.get(str(value).lower(), value)


def _conditions(given: Json) -> dict[str, Json]:
    conditions: dict[str, Json] = {}
    if "Prefix" in given:
        conditions["Prefix"] = given["Prefix"]
    if given.get("TagFilters"):
        conditions["Tags"] = given["TagFilters"]
    for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        if given.get(name) is not None:
            conditions[name] = int(given[name])
    if len(conditions) > 1 or "Tags" in conditions:
        return {"And": conditions}
    return conditions


def _renamed(fire: Callable[..., None]) -> Callable[..., None]:
    """Name the events of a sweep after their cause."""

    def fired(bucket: str, key: str, event: str, *rest: Stock, **options: Stock) -> None:
        name = CURRENT_VERSION_EVENTS.get(event, event) if _sweeping.get() else event
        fire(bucket, key, name, *rest, **options)

    return fired


def _with_reason(translate: Callable[[str], Stock]) -> Callable[[str], Stock]:
    """Give EventBridge the words that S3 has for expired objects."""

    def translated(event: str) -> Stock:
        if event.startswith("s3:LifecycleExpiration:"):
            return "Object Deleted", "Lifecycle Expiration"
        return translate(event)

    return translated
