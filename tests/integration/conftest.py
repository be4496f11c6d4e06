"""Fixtures of the integration tests; nothing starts until a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud.server import Cloud
    from tests.integration.sagemaker_kit import SageMakerKit


@pytest.fixture(scope="module")
def sagemaker_kit(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> SageMakerKit:
    from tests.integration.sagemaker_kit import SageMakerKit  # noqa: PLC0415 - needs boto3

    return SageMakerKit(cloud, tmp_path_factory.mktemp("sagemaker"))


@pytest.fixture
def kit(sagemaker_kit: SageMakerKit) -> Iterator[SageMakerKit]:
    """SageMaker with short waits; the stock settings are back afterwards."""
    from local.sagemaker.settings import configure  # noqa: PLC0415

    sagemaker_kit.settle()
    yield sagemaker_kit
    configure(sagemaker_kit.stock)
