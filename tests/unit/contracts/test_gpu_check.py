"""An instance type with a GPU is used with that GPU, or not at all, and the reason is said."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.shared.instances.gpu_check import (
    ALLOW_CPU,
    FoundGpus,
    NoGpuError,
    check_gpu,
    find_gpus,
    image_cuda,
    kernel_driver,
    why_no_gpu,
)
from tests.contract.files import ROOT

OLD = FoundGpus(1, (11, 4), "470.256.02")
NEW = FoundGpus(1, (12, 4), "550.163.01")
NONE = FoundGpus()
KERNEL = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May  2 14:37:44 UTC 2024"
DRIVER = """
int cuDriverGetVersion(int *version) {{ *version = {version}; return {no_version}; }}
int cuInit(unsigned flags) {{ return {status}; }}
int cuDeviceGetCount(int *count) {{ *count = {count}; return 0; }}
"""
PROBE = (
    "import json; from contracts.shared.instances.gpu_check import find_gpus; "
    "found = find_gpus(); print(json.dumps([found.count, found.cuda]))"
)


@pytest.mark.parametrize(
    ("cuda", "found", "words"),
    [
        ((12, 6), OLD, "driver 470.256.02 runs CUDA 11.4 at most.* CUDA 12.6 needs driver 525"),
        ((13, 0), NEW, "driver 550.163.01 runs CUDA 12.4 at most.* needs driver 580"),
        ((12, 6), NONE, r"no driver library is there \(driver: none\)"),
        ((12, 6), FoundGpus(0, (12, 4), "550.163.01"), "shows no GPU"),
        (None, NEW, "without CUDA"),
    ],
)
def test_a_gpu_type_whose_gpu_cannot_be_used_is_refused_with_the_reason(
    cuda: tuple[int, int] | None, found: FoundGpus, words: str
) -> None:
    with pytest.raises(NoGpuError, match=f"ml.g5.xlarge cannot be used: .*{words}"):
        check_gpu("ml.g5.xlarge", cuda, found, allow_cpu=False)


def test_a_driver_runs_newer_minor_versions_of_its_cuda() -> None:
    assert why_no_gpu((12, 9), NEW) is None
    assert why_no_gpu((12, 0), FoundGpus(1, (13, 0), "580.95.05")) is None


@pytest.mark.parametrize("instance_type", ["", "ml.m5.xlarge"])
def test_a_type_without_a_gpu_and_a_machine_outside_sagemaker_need_none(
    instance_type: str,
) -> None:
    assert "gpus=0" in check_gpu(instance_type, None, NONE, allow_cpu=False)


def test_the_log_names_type_gpus_and_driver() -> None:
    line = check_gpu("ml.g5.xlarge", (12, 6), NEW, allow_cpu=False)
    assert line == "instance=ml.g5.xlarge gpus=1 driver=550.163.01"


def test_a_gpu_type_that_may_use_its_cpu_says_so_in_the_log() -> None:
    line = check_gpu("ml.g5.xlarge", (12, 6), NONE, allow_cpu=True)
    assert line.startswith(f"ml.g5.xlarge runs on the CPU, because {ALLOW_CPU} is 1: no driver")


@pytest.mark.parametrize(
    ("torch", "base", "newest"),
    [
        ("12.6", None, (12, 6)),
        ("12.6", "13.0.1.012", (13, 0)),
        ("13.0", "12.9.0.036", (13, 0)),
        (None, "13.0.1.012", None),
    ],
)
def test_the_newest_cuda_of_an_image_decides(
    torch: str | None, base: str | None, newest: tuple[int, int] | None
) -> None:
    assert image_cuda(torch, base) == newest


def test_the_kernel_names_its_driver(tmp_path: Path) -> None:
    file = tmp_path / "version"
    assert kernel_driver(file) == "none"
    file.write_text(f"{KERNEL}\nGCC version: 7.3.1\n")
    assert kernel_driver(file) == "470.256.02"
    file.write_text("something else\n")
    assert kernel_driver(file) == "unknown"


def test_without_a_driver_no_gpu_is_found(tmp_path: Path) -> None:
    assert find_gpus("libcuda-of-nobody.so.1", tmp_path / "version") == NONE


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"version": 12040, "count": 2}, [2, [12, 4]]),
        ({"version": 11040, "count": 1}, [1, [11, 4]]),
        ({"version": 12040, "count": 1, "status": 100}, [0, [12, 4]]),  # CUDA_ERROR_NO_DEVICE
        ({"version": 0, "count": 0, "no_version": 1}, [0, None]),
    ],
)
def test_the_driver_s_own_library_is_asked(
    tmp_path: Path, facts: dict[str, int], found: list[object]
) -> None:
    """A library with the driver's functions stands in for it, as no machine of ours has a GPU."""
    source = tmp_path / "driver.c"
    source.write_text(DRIVER.format(**({"status": 0, "no_version": 0} | facts)))
    library = tmp_path / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(tmp_path),
        "PYTHONPATH": str(ROOT / "functions"),
    }
    run = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, check=True, capture_output=True, text=True
    )
    assert json.loads(run.stdout) == found
