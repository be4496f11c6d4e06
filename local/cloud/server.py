"""Starts and stops the embedded AWS.

ministack keeps its state in module globals and reads its environment when it is imported, so a
process can run one server at a time. A second `serve()` in the same process starts empty.
"""

import asyncio
import logging
import os
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import boto3
from botocore.config import Config

from local.cloud import children, paths
from local.cloud.access import root_key
from local.cloud.access.guard import HEALTH, Guard
from local.cloud.access.root_key import AccessKey
from local.cloud.lambdas import deployed_code
from local.cloud.typing_aliases import Stock

HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
PORT_CONSTANTS = frozenset({"_PORT", "_GATEWAY_PORT", "_MINISTACK_PORT"})
"""Where ministack's modules keep the server's port."""

START_SECONDS = 180
"""A busy machine imports ministack in half a minute; a server that has died is not waited for."""
STOP_SECONDS = 15

_installed: list[Stock] = []


class PortTakenError(Exception):
    """Another program listens on the embedded AWS's port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} of {HOST} is taken by another program. Stop that program (`make down`"
            " stops an embedded AWS), or choose another port: `make up PORT=4600`."
        )
        self.port = port


@dataclass(frozen=True)
class Cloud:
    """A running embedded AWS."""

    endpoint_url: str
    port: int

    def access_key(self) -> AccessKey:
        """Return the account's root key; each start makes a new one.

        Raises:
            NotRunningError: no embedded AWS of this project runs on this port.
        """
        return root_key.read(self.port)

    def credentials(self) -> dict[str, str]:
        """Return the root key as arguments of a boto3 client."""
        key = self.access_key()
        return {"aws_access_key_id": key.key_id, "aws_secret_access_key": key.secret}

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a command line client."""
        key = self.access_key()
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": key.key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
        }

    def client(self, service: str) -> Stock:
        """Return the boto3 client of the account's root user."""
        return _client(service, self.endpoint_url, self.access_key())


@cache
def _client(service: str, endpoint_url: str, key: AccessKey) -> Stock:
    """Return a client, which whoever waits asks for twice a second; making one takes long."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        config=Config(inject_host_prefix=False),
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
    )


@contextmanager
def serve(
    port: int | None = None,
    log_file: Path | None = None,
    around: Callable[[Stock], Stock] = lambda app: app,
) -> Iterator[Cloud]:
    """Run the embedded AWS in a thread of this process.

    Args:
        port: the port on 127.0.0.1; None takes any free port.
        log_file: the log, overwritten at the start; None takes .local/logs/cloud-<port>.log.
        around: makes an ASGI application of ministack's, which gets every request that the guard
            has admitted; bench.faults puts faults there.

    Raises:
        PortTakenError: another program listens on the port.
    """
    port = _free_port(port)
    deployed_code.remove(paths.lambda_code(port))
    with _logging_to(log_file or paths.log_file(port)), _root_key(port) as key:
        app = _prepare(port)
        stop = threading.Event()
        thread = threading.Thread(
            target=_listen,
            args=(Guard(around(app.app), port, key), port, stop),
            daemon=True,
            name="embedded-aws",
        )
        thread.start()
        _start_clock(stop)
        cloud = Cloud(f"http://{HOST}:{port}", port)
        try:
            _wait_until_ready(cloud, thread)
            yield cloud
        finally:
            import_module(
                "local.sagemaker.api.service"
            ).reset()  # ends its containers before the server
            stop.set()
            thread.join(STOP_SECONDS)
            _forget(app, port)


@contextmanager
def _root_key(port: int) -> Iterator[AccessKey]:
    """Make the root key and set it in the environment, where ministack reads it at each use."""
    key = root_key.create(port)
    variables = {"AWS_ACCESS_KEY_ID": key.key_id, "AWS_SECRET_ACCESS_KEY": key.secret}
    before = {name: os.environ.get(name) for name in (*variables, "AWS_SESSION_TOKEN")}
    os.environ.pop("AWS_SESSION_TOKEN", None)
    os.environ.update(variables)
    try:
        yield key
    finally:
        root_key.forget(port)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _prepare(port: int) -> Stock:
    """Set the environment that ministack reads, then import ministack."""
    os.environ.update(
        GATEWAY_PORT=str(port),
        BIND_HOST=HOST,
        AUTH="true",
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        MINISTACK_REGION=REGION,
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        PERSIST_STATE="0",
    )
    if not _installed:
        _installed.append(import_module("local.cloud.plugin").install())
    _set_port(port)
    return _installed[0]


def _set_port(port: int) -> None:
    """Replace the port that ministack's modules kept when an earlier server imported them.

    They write it into addresses that are called back: with the earlier port, no custom resource
    ever got its answer, and its stack stood still.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("ministack."):
            for constant in PORT_CONSTANTS & vars(module).keys():
                setattr(module, constant, str(port))


def _listen(app: Stock, port: int, stop: threading.Event) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve  # noqa: PLC0415 - slow to import
    from hypercorn.config import Config as Listening  # noqa: PLC0415

    config = Listening()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"

    async def until_stopped() -> None:
        await asyncio.to_thread(stop.wait)

    asyncio.run(hypercorn_serve(app, config, shutdown_trigger=until_stopped))


def _start_clock(stop: threading.Event) -> None:
    """Apply lifecycle rules and evaluate alarms once a minute."""
    work = import_module("local.cloud.clock").work_until
    threading.Thread(target=work, args=(stop,), daemon=True, name="clock").start()


def _wait_until_ready(cloud: Cloud, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and thread.is_alive():
        if _answers(cloud):
            return
        time.sleep(0.02)
    message = f"the embedded AWS did not start within {START_SECONDS} s; see {paths.LOGS}"
    raise RuntimeError(message)


def _answers(cloud: Cloud) -> bool:
    health = f"{cloud.endpoint_url}{HEALTH}"
    try:
        with urllib.request.urlopen(health, timeout=1):  # noqa: S310 - our own http address
            return True
    except OSError:
        return False


def _forget(app: Stock, port: int) -> None:
    """End every child process and clear the state, so that another server can start here."""
    app._reset_all_state()
    children.stop_all()
    deployed_code.remove(paths.lambda_code(port))


def _free_port(port: int | None) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port or 0))
        except OSError as error:
            raise PortTakenError(port or 0) from error
        return int(probe.getsockname()[1])


@contextmanager
def _logging_to(log_file: Path) -> Iterator[None]:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log_file, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()
