"""Each device of an instance has an engine, which sees that device only."""

import json
from pathlib import Path

import pytest

from contracts.shared.instances.gpu_check import ALLOW_CPU
from serving import devices
from serving.devices import (
    DEVICE,
    DEVICE_NUMBER,
    DEVICE_SHARE,
    Device,
    DeviceError,
    device_environment,
    list_devices,
    sockets,
    write_devices,
)


def names(text: str, gpus: int) -> list[str]:
    return [device.name for device in list_devices(text, gpus, instance_gpu=False)]


def test_auto_is_every_gpu_and_the_cpu_without_one() -> None:
    assert names("auto", 4) == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert names("auto", 0) == ["cpu"]


def test_a_list_names_what_is_used_and_how_many_share_it() -> None:
    found = list_devices("cuda:0,cuda:1,cuda:0", 2, instance_gpu=True)
    assert [(one.name, one.share, one.alone) for one in found] == [
        ("cuda:0", 2, False),
        ("cuda:1", 1, False),
        ("cuda:0", 2, False),
    ]
    assert [one.socket for one in found] == ["engine.sock", "engine-1.sock", "engine-2.sock"]
    assert found[1].what == "engine 1 on cuda:1"
    assert list_devices("cuda:0", 2, instance_gpu=True)[0].what == "the engine"


@pytest.mark.parametrize("text", ["", "gpu", "cuda", "cuda:0,", "cuda:0;cpu", "cuda:100"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="must be auto, or devices such as"):
        list_devices(text, 8, instance_gpu=False)


def test_a_gpu_that_is_not_there_is_refused_and_so_are_too_many_devices() -> None:
    with pytest.raises(DeviceError, match="names cuda:1, and the driver shows 1 GPUs"):
        list_devices("cuda:0,cuda:1", 1, instance_gpu=True)
    with pytest.raises(DeviceError, match="has 17 devices"):
        list_devices(",".join(["cpu"] * 17), 0, instance_gpu=False)


def test_the_cpu_of_a_gpu_instance_is_refused_but_on_the_laptop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ALLOW_CPU, raising=False)
    with pytest.raises(DeviceError, match="set it to auto"):
        list_devices("cpu,cpu", 1, instance_gpu=True)
    monkeypatch.setenv(ALLOW_CPU, "1")
    assert len(list_devices("cpu,cpu", 1, instance_gpu=True)) == 2


def test_an_engine_sees_its_own_gpu_only() -> None:
    second = Device(1, "cuda:1", share=1, alone=False)
    found = device_environment(second, {})
    assert found == {
        DEVICE: "cuda:0",
        DEVICE_SHARE: "1",
        DEVICE_NUMBER: "1",
        "CUDA_VISIBLE_DEVICES": "1",
    }
    given = {"CUDA_VISIBLE_DEVICES": "3,GPU-5"}
    assert device_environment(second, given)["CUDA_VISIBLE_DEVICES"] == "GPU-5"


def test_the_only_engine_has_no_number() -> None:
    assert device_environment(Device(0, "cpu", share=1, alone=True), {}) == {
        DEVICE: "cpu",
        DEVICE_SHARE: "1",
    }


def test_the_forwarding_model_finds_all_engines(tmp_path: Path) -> None:
    write_devices(list_devices("cpu,cpu", 0, instance_gpu=False), tmp_path)
    assert json.loads((tmp_path / devices.DEVICES_FILE).read_text()) == ["cpu", "cpu"]
    assert sockets(tmp_path) == [tmp_path / "engine.sock", tmp_path / "engine-1.sock"]
