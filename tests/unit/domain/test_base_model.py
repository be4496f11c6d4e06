"""The base itself as a model of the endpoint."""

import io
import tarfile

from pydantic import TypeAdapter

from contracts.documents.package import (
    PACKAGE_CARD,
    PACKAGE_CODE,
    PACKAGE_CONFIG,
    PackageCard,
    TargetModel,
)
from domain.ports.storage import write_document
from domain.publishing.base_model import base_package, publish_base
from tests.fakes.storage import MemoryStorage
from tests.unit.training_kit import CARD


def test_the_base_is_published_once_under_its_own_name() -> None:
    models, bases = MemoryStorage("models"), MemoryStorage("bases")
    write_document(bases, f"bases/{CARD.base_id}/base.json", CARD)
    name = publish_base(CARD.base_id, bases, models)
    assert publish_base(CARD.base_id, bases, models) == name
    assert TypeAdapter(TargetModel).validate_python(name) == name
    assert CARD.sha256[:12] in name
    assert len(models.versions[f"endpoint/{name}"]) == 1


def test_its_package_is_the_released_text_and_nobody_s() -> None:
    assert base_package() == base_package()
    with tarfile.open(fileobj=io.BytesIO(base_package())) as tar:
        files = [member.name for member in tar if member.isfile()]
        card = tar.extractfile(PACKAGE_CARD)
        assert card is not None
        about = PackageCard.model_validate_json(card.read())
    assert files == sorted([PACKAGE_CARD, PACKAGE_CODE, PACKAGE_CONFIG])
    assert (about.tenant_sha256, about.adapter) == (None, False)
