"""The table of instance types, inference AMIs and images, and what follows from it."""

import pytest

from contracts.shared.instances.accelerators import (
    DEFAULT_AMIS,
    INFERENCE_AMIS,
    INSTANCES,
    TRITON_IMAGES,
    amis_for,
    endpoint_types,
    family_of,
    has_gpu,
    is_supported,
    min_driver,
    parse_version,
    training_types,
)

MIN_CAPABILITY = (7, 5)
"""Smallest compute capability that both PyTorch's builds for CUDA 12.6 and Triton support."""


def test_every_type_of_the_table_has_a_gpu_that_the_images_support() -> None:
    assert all(map(has_gpu, INSTANCES))
    assert all(one.gpu.capability >= MIN_CAPABILITY for one in INSTANCES.values())


def test_a_type_without_a_gpu_is_told_from_one_with() -> None:
    assert [
        has_gpu(f"ml.{name}") for name in ("m5.xlarge", "c7g.xlarge", "inf2.xlarge", "g7.x")
    ] == [False, False, False, True]


@pytest.mark.parametrize("instance_type", endpoint_types())
def test_the_default_ami_of_every_endpoint_type_is_too_old_for_cuda_12(instance_type: str) -> None:
    """Case A1: why InferenceAmiVersion is set."""
    assert DEFAULT_AMIS[family_of(instance_type)].driver < min_driver((12, 6))


def test_an_ami_serves_the_cuda_versions_that_its_driver_runs() -> None:
    assert amis_for((12, 6)) == tuple(INFERENCE_AMIS)
    assert amis_for((13, 0)) == ("al2023-ami-sagemaker-inference-gpu-4-1",)


def test_a_cuda_version_of_which_nothing_is_known_is_no_guess() -> None:
    with pytest.raises(ValueError, match=r"CUDA 14\.0"):
        amis_for((14, 0))


@pytest.mark.parametrize("text", ["", "x12", "none"])
def test_a_version_begins_with_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        parse_version(text)


def test_every_supported_image_has_an_ami() -> None:
    supported = [image for image in TRITON_IMAGES.values() if is_supported(image)]
    assert supported
    assert all(amis_for(image.cuda) for image in supported)


def test_a_gpu_without_bfloat16_draws_but_does_not_train() -> None:
    assert "ml.g4dn.xlarge" in endpoint_types()
    assert "ml.g4dn.xlarge" not in training_types()
    assert "ml.p4d.24xlarge" not in endpoint_types()


def test_an_endpoint_may_have_several_gpus() -> None:
    assert {"ml.g5.12xlarge", "ml.g5.48xlarge", "ml.g4dn.12xlarge"} <= set(endpoint_types())
