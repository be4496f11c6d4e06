"""The server starts on a GPU instance only with its GPU, and says what to do otherwise."""

import pytest

from contracts.shared.instances.gpu_check import ALLOW_CPU, FoundGpus, NoGpuError
from serving import device

OLD, NEW = FoundGpus(1, (11, 4), "470.256.02"), FoundGpus(1, (12, 4), "550.163.01")


@pytest.fixture(autouse=True)
def _instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(device.INSTANCE_TYPE, "ml.g5.xlarge")
    monkeypatch.delenv(ALLOW_CPU, raising=False)
    monkeypatch.delenv("CUDA_VERSION", raising=False)
    monkeypatch.delenv(device.IMAGE_CUDA, raising=False)


def with_image(monkeypatch: pytest.MonkeyPatch, torch_cuda: str | None, found: FoundGpus) -> None:
    monkeypatch.setattr(device, "torch_cuda", lambda: torch_cuda)
    monkeypatch.setattr(device, "find_gpus", lambda: found)


def test_case_a1_names_the_driver_and_the_amis_that_would_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_image(monkeypatch, "12.6", OLD)
    with pytest.raises(NoGpuError) as caught:
        device.check_device()
    text = str(caught.value)
    assert "470.256.02" in text
    assert "InferenceAmiVersion" in text
    assert "al2-ami-sagemaker-inference-gpu-3-1" in text


def test_an_image_for_cuda_13_asks_for_the_one_ami_that_runs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_image(monkeypatch, "12.6", NEW)
    monkeypatch.setenv("CUDA_VERSION", "13.0.1.012")
    with pytest.raises(NoGpuError) as caught:
        device.check_device()
    assert "to al2023-ami-sagemaker-inference-gpu-4-1;" in str(caught.value)


def test_a_template_that_believes_in_another_cuda_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_image(monkeypatch, "12.6", NEW)
    monkeypatch.setenv(device.IMAGE_CUDA, "13")
    with pytest.raises(NoGpuError, match=r"image has CUDA 12\.6.*ServingImageCuda is 13"):
        device.check_device()
    monkeypatch.setenv(ALLOW_CPU, "1")
    assert "gpus=1" in device.check_device(), "the laptop's PyTorch is whatever pip brought"
    monkeypatch.delenv(ALLOW_CPU)
    monkeypatch.setenv(device.IMAGE_CUDA, "12")
    assert "gpus=1" in device.check_device()


def test_an_image_without_cuda_is_the_image_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with_image(monkeypatch, None, NEW)
    with pytest.raises(NoGpuError, match="TORCH_INDEX_URL"):
        device.check_device()


def test_a_gpu_that_fits_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with_image(monkeypatch, "12.6", NEW)
    assert device.check_device() == "instance=ml.g5.xlarge gpus=1 driver=550.163.01"


def test_triton_that_gives_a_gpu_type_no_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoGpuError, match=r"Triton sees no GPU on ml\.g5\.xlarge"):
        device.refuse_cpu("ml.g5.xlarge")
    device.refuse_cpu("")
    device.refuse_cpu("ml.m5.xlarge")
    for value in ("0", "yes"):
        monkeypatch.setenv(ALLOW_CPU, value)
        with pytest.raises(NoGpuError):
            device.refuse_cpu("ml.g5.xlarge")
    monkeypatch.setenv(ALLOW_CPU, "1")
    device.refuse_cpu("ml.g5.xlarge")
    assert "runs on the CPU" in device.check_device()
