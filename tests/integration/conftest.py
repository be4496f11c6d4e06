"""Fixtures of the integration tests; a server starts when a test uses its fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.studio_kit import page, server  # noqa: F401 - fixtures
from tests.moto_cloud import moto  # noqa: F401 - a fixture

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
    """SageMaker with short times, and without the jobs and warm pools of other tests."""
    from tests.integration.sagemaker_kit import forget_training, restore_defaults  # noqa: PLC0415

    sagemaker_kit.use_settings()
    forget_training(sagemaker_kit.cloud)
    yield sagemaker_kit
    restore_defaults()
