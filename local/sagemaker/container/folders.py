"""Where jobs and endpoints have their files: apart for each server, for names may repeat.

A server that was killed leaves files behind, photos among them: the next one removes them.
"""

import os
import shutil
import socket
from pathlib import Path

from local.sagemaker import settings


def _port() -> str:
    return os.environ["GATEWAY_PORT"]


def work(kind: str, name: str) -> Path:
    """Return the folder of a job, a pool or an endpoint."""
    return settings.current().work / _port() / kind / name


def log(kind: str, name: str) -> Path:
    """Return the file of a container's output."""
    return settings.current().logs / kind / f"{name}-{_port()}.log"


def sweep(*, mine: bool = False) -> None:
    """Remove what servers have left that do not listen any more; `mine`: this one's as well."""
    root = settings.current().work
    for folder in root.iterdir() if root.exists() else []:
        if folder.name.isdigit() and (
            not _listens(int(folder.name)) or (mine and folder.name == _port())
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
