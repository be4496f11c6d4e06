"""Tags of resources, by ARN."""

from local.cloud.typing_aliases import Json
from local.sagemaker import store


def put(arn: str, tags: Json) -> None:
    """Set tags; tags with other keys stay."""
    if tags:
        present = store.tags().get(arn, {})
        store.tags()[arn] = {**present, **{tag["Key"]: tag["Value"] for tag in tags}}


def add(request: Json) -> Json:
    """AddTags."""
    with store.lock:
        put(request["ResourceArn"], request["Tags"])
        return {"Tags": _list(request["ResourceArn"])}


def delete(request: Json) -> Json:
    """DeleteTags."""
    with store.lock:
        for key in request["TagKeys"]:
            store.tags().get(request["ResourceArn"], {}).pop(key, None)
    return {}


def list_tags(request: Json) -> Json:
    """ListTags."""
    with store.lock:
        return {"Tags": _list(request["ResourceArn"])}


def _list(arn: str) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in store.tags().get(arn, {}).items()]
