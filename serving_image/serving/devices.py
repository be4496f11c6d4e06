"""The devices of an instance: one engine, with a base of its own, for each.

``serve`` finds them, starts the engines, and leaves the list in a file for the forwarding model.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from serving.device import cpu_allowed
from serving.forwarding import SOCKET

DEVICES = "LIKENESS_DEVICES"
"""Environment variable: ``auto``, or devices by torch's names with commas between them."""

AUTO = "auto"
"""Every GPU that the driver shows; without one, the CPU."""

MAX_DEVICES = 16

DEVICES_FILE = "devices.json"
"""File in LIKENESS_RUN_DIR with the list of devices."""

DEVICE = "LIKENESS_DEVICE"
"""Environment variable of an engine: its device, by the name that torch has for it there."""

DEVICE_NUMBER = "LIKENESS_DEVICE_NUMBER"
"""Environment variable of an engine that is one of several: its place in the list, from 0."""

DEVICE_SHARE = "LIKENESS_DEVICE_SHARE"
"""Environment variable of an engine: how many engines share the device's memory."""

_NAME = re.compile("cpu|cuda:([0-9]{1,2})")


class DeviceError(Exception):
    """LIKENESS_DEVICES cannot be used; the message says why."""


class Device(NamedTuple):
    """One engine's device."""

    number: int
    """Place in the list, from 0."""
    name: str
    """``cpu`` or ``cuda:<n>``."""
    share: int
    """How many engines have this device."""
    alone: bool
    """Whether the instance has one engine."""

    @property
    def socket(self) -> str:
        """Name of the engine's socket in LIKENESS_RUN_DIR."""
        return socket_name(self.number)

    @property
    def what(self) -> str:
        """The engine's name in the log."""
        return "the engine" if self.alone else f"engine {self.number} on {self.name}"


def socket_name(number: int) -> str:
    """Return the name of an engine's socket.

    >>> socket_name(0), socket_name(3)
    ('engine.sock', 'engine-3.sock')
    """
    stem, _, ending = SOCKET.partition(".")
    return SOCKET if number == 0 else f"{stem}-{number}.{ending}"


def list_devices(text: str, gpus: int, *, instance_gpu: bool) -> list[Device]:
    """Return the devices.

    Args:
        text: LIKENESS_DEVICES.
        gpus: GPUs that the driver shows, and the image's PyTorch can use.
        instance_gpu: whether the instance type has a GPU that must be used.

    Raises:
        DeviceError: the text is no list, names a GPU that is not there, or the CPU of an instance
            with a GPU.
    """
    names = [f"cuda:{n}" for n in range(gpus)] or ["cpu"] if text == AUTO else text.split(",")
    if len(names) > MAX_DEVICES:
        message = f"{DEVICES} has {len(names)} devices; an instance has at most {MAX_DEVICES}"
        raise DeviceError(message)
    for name in names:
        check_name(name, gpus, instance_gpu=instance_gpu)
    return [
        Device(number, name, names.count(name), len(names) == 1)
        for number, name in enumerate(names)
    ]


def check_name(name: str, gpus: int, *, instance_gpu: bool) -> None:
    """Refuse a device that an engine cannot have.

    Raises:
        DeviceError: the message says why.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        message = f"{DEVICES} must be auto, or devices such as cuda:0,cuda:1 or cpu"
        raise DeviceError(message)
    if found[1] is not None and int(found[1]) >= gpus:
        message = f"{DEVICES} names {name}, and the driver shows {gpus} GPUs"
        raise DeviceError(message)
    if found[1] is None and instance_gpu and not cpu_allowed():
        message = f"{DEVICES} names the CPU of an instance type with a GPU: set it to auto"
        raise DeviceError(message)


def device_environment(device: Device, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of one device's engine.

    An engine sees its own GPU only, so no library can take memory of another one by mistake.
    """
    variables = {DEVICE: device.name, DEVICE_SHARE: str(device.share)}
    if not device.alone:
        variables[DEVICE_NUMBER] = str(device.number)
    if device.name.startswith("cuda:"):
        index = int(device.name.removeprefix("cuda:"))
        visible = [one for one in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
        variables["CUDA_VISIBLE_DEVICES"] = visible[index] if visible else str(index)
        variables[DEVICE] = "cuda:0"
    return variables


def write_devices(devices: list[Device], run_dir: Path) -> None:
    """Leave the list for the forwarding model."""
    (run_dir / DEVICES_FILE).write_text(json.dumps([device.name for device in devices]))


def sockets(run_dir: Path) -> list[Path]:
    """Return the sockets of all engines that ``serve`` has started."""
    names = json.loads((run_dir / DEVICES_FILE).read_text())
    return [run_dir / socket_name(number) for number in range(len(names))]


def own_socket(run_dir: Path) -> Path:
    """Return the socket of this engine."""
    return run_dir / socket_name(int(os.environ.get(DEVICE_NUMBER, "0")))
