"""List operations: filters by name and time, sorting, pages."""

from local.cloud.typing_aliases import Json
from local.sagemaker.api.errors import ServiceError


def page(found: list[Json], request: Json, *, name: str, status: str) -> tuple[list[Json], Json]:
    """Return one page, and a dict with the token of the next page."""
    wanted = [item for item in found if _in_range(item, request, name)]
    keys = {"Name": name, "Status": status, "CreationTime": "CreationTime"}
    key = keys[request.get("SortBy", "CreationTime")]
    descending = request.get("SortOrder", "Descending") == "Descending"
    wanted.sort(key=lambda item: (item.get(key), item["CreationTime"]), reverse=descending)
    start, size = _start(request.get("NextToken")), request.get("MaxResults", 10)
    token = {"NextToken": str(start + size)} if start + size < len(wanted) else {}
    return wanted[start : start + size], token


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        message = "The pagination token is not valid."
        raise ServiceError("ValidationException", message)
    return int(token)


def _in_range(item: Json, request: Json, name: str) -> bool:
    created, modified = item["CreationTime"], item.get("LastModifiedTime", item["CreationTime"])
    return bool(
        request.get("NameContains", "").lower() in item[name].lower()
        and request.get("CreationTimeAfter", 0)
        <= created
        <= request.get("CreationTimeBefore", created)
        and request.get("LastModifiedTimeAfter", 0)
        <= modified
        <= request.get("LastModifiedTimeBefore", modified)
    )
