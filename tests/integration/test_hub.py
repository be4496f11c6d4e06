"""domain.ports.hub.Hub: the fake and S3 behave alike."""

import uuid
from typing import Any

import pytest

from aws.api.hub import S3Hub
from domain.ports.hub import NoHubError
from local.cloud.server import Cloud
from tests.fakes.hub import MemoryHub
from tests.fakes.storage import MemoryStorage

FILE = "training/p/checkpoints/j/adapter/README.md"


def in_memory() -> tuple[Any, Any]:
    models, bucket = MemoryStorage("models"), MemoryStorage("hub")
    models.write(FILE, b"card")
    return MemoryHub(models, bucket), lambda: list(bucket.objects.items())


def in_s3(cloud: Cloud) -> tuple[Any, Any]:
    s3, names = cloud.client("s3"), [f"hub-{uuid.uuid4().hex}" for _ in range(2)]
    for name in names:
        s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=names[0], Key=FILE, Body=b"card")

    def held() -> list[tuple[str, bytes]]:
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=names[1]).get("Contents", [])]
        return [(key, s3.get_object(Bucket=names[1], Key=key)["Body"].read()) for key in keys]

    return S3Hub(names[0], names[1], s3), held


@pytest.mark.parametrize("kind", ["memory", "cloud", "moto"])
def test_a_file_is_copied_and_a_second_copy_is_the_same(
    kind: str, request: pytest.FixtureRequest
) -> None:
    made = in_memory() if kind == "memory" else in_s3(request.getfixturevalue(kind))
    hub, held = made
    for _ in range(2):
        hub.copy(FILE, "acme/1/README.md")
    assert held() == [("acme/1/README.md", b"card")]
    assert hub.uri("acme/1/").endswith("/acme/1/")


def test_a_stack_without_a_hub_copies_nothing() -> None:
    hubs: list[Any] = [S3Hub("models", None, None), MemoryHub(MemoryStorage())]
    for hub in hubs:
        with pytest.raises(NoHubError):
            hub.uri("acme/1/")
        with pytest.raises(NoHubError):
            hub.copy(FILE, "x")
