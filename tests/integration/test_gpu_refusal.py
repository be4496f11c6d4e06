"""Case A1 on the laptop: an endpoint on a driver that is too old fails, and its log says why."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts.shared.instances.gpu_check import ALLOW_CPU
from local.sagemaker.container.images import Program, product_images, python_program
from tests.cloud import eventually

if TYPE_CHECKING:
    from tests.integration.sagemaker_kit import SageMakerKit

SERVE = Path(__file__).parents[2] / "serving_image" / "serve"
DRIVER_470 = """
int cuDriverGetVersion(int *version) { *version = 11040; return 0; }
int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
"""


def image_on_old_driver(folder: Path) -> Program:
    """The product's ``serve``, in an image for CUDA 12.6 on an instance with driver 470."""
    (folder / "torch").mkdir()
    (folder / "torch/__init__.py").touch()
    (folder / "torch/version.py").write_text('cuda = "12.6"\n')
    (folder / "driver.c").write_text(DRIVER_470)
    library, source = str(folder / "libcuda.so.1"), str(folder / "driver.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    variables = {"PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder)}
    return Program(argv=python_program(SERVE).argv, environment=variables)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_an_endpoint_on_an_old_driver_fails_and_its_log_names_the_parameter(
    kit: SageMakerKit, tmp_path: Path
) -> None:
    kit.use_settings(images={"fake-server": image_on_old_driver(tmp_path)})
    name = kit.model(f"old-{uuid.uuid4().hex[:8]}", LIKENESS_INSTANCE_TYPE="ml.g5.xlarge")
    kit.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    described = kit.wait_for_endpoint(name)
    assert described["EndpointStatus"] == "Failed"
    assert "check CloudWatch logs" in described["FailureReason"]
    lines = eventually(lambda: kit.log_lines(f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/i-"))
    (reason,) = {line for line in lines if line.startswith("serve: ")}  # the same at each start
    assert "the GPU of ml.g5.xlarge cannot be used" in reason
    assert "CUDA 11.4 at most, and the image's CUDA 12.6 needs driver 525" in reason
    assert "Set the template's InferenceAmiVersion to al2-ami-sagemaker-inference-gpu" in reason
    kit.sagemaker.delete_endpoint(EndpointName=name)


def test_an_ami_that_sagemaker_does_not_know_is_refused(kit: SageMakerKit) -> None:
    name = kit.model(f"ami-{uuid.uuid4().hex[:8]}")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.g5.xlarge",
    }
    create = kit.sagemaker.create_endpoint_config
    with pytest.raises(kit.sagemaker.exceptions.ClientError, match="inferenceAmiVersion"):
        create(
            EndpointConfigName=f"{name}-bad",
            ProductionVariants=[variant | {"InferenceAmiVersion": "al2-of-nobody"}],
        )
    known = {"InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-3-1"}
    create(EndpointConfigName=f"{name}-good", ProductionVariants=[variant | known])
    described = kit.sagemaker.describe_endpoint_config(EndpointConfigName=f"{name}-good")
    assert described["ProductionVariants"][0].items() >= known.items()


def test_an_instance_of_the_laptop_has_no_gpu_and_says_that_it_is_meant() -> None:
    assert {image.environment[ALLOW_CPU] for image in product_images().values()} == {"1"}
