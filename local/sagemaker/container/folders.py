"""Folders of jobs and endpoints, separate for each server, as names may repeat.

A killed server leaves files behind, also photos; the next server removes them.
"""

import os
import shutil
import socket
from pathlib import Path

from local.sagemaker import settings


def _port() -> str:
    return os.environ["GATEWAY_PORT"]


def work(kind: str, name: str) -> Path:
    """Return the work folder of a job, a pool or an endpoint."""
    return settings.current().work / _port() / kind / name


def log(kind: str, name: str) -> Path:
    """Return the log file of a container."""
    return settings.current().logs / kind / f"{name}-{_port()}.log"


def sweep(*, mine: bool = False) -> None:
    """Remove the files of servers that no longer listen; with `mine` also this server's."""
    root = settings.current().work
    for folder in root.iterdir() if root.exists() else []:
        if folder.name.isdigit() and (
            not _listens(int(folder.name)) or (mine and folder.name == _port())
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
