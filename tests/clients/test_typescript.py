"""clients/typescript: compiled, tested against the API's real routes, packed; the webhook example.

`make clients-typescript` runs this file; the packages of its lock file are in .venv/typescript.
"""

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.documents.api.webhooks import WebhookSecret
from domain.webhooks.signing import headers, new_secret
from likeness_client import __version__
from tests.clients.typescript_kit import TSC, compile_programs, copy_package, run
from tests.fakes.api_server import ApiServer, serve

MESSAGE = "msg_" + "1" * 32
BODY = json.dumps({"type": "ping", "timestamp": "2026-11-29T12:00:00+00:00", "data": {}}).encode()
MODULES = (
    "client",
    "errors",
    "events",
    "index",
    "node",
    "operations",
    "schema",
    "transport",
    "webhooks",
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_package(tmp_path_factory.mktemp("checkout"))


def signed(secret: str, body: bytes = BODY) -> dict[str, str]:
    return headers([WebhookSecret(secret=secret)], MESSAGE, body, datetime.now(UTC))


def test_it_compiles_and_its_tests_pass_against_the_real_routes(package: Path) -> None:
    secret = new_secret()
    delivery = {"secret": secret, "other": new_secret(), "headers": signed(secret)}
    delivery |= {"body": BODY.decode(), "now": time.time()}  # type: ignore[dict-item]
    with serve(ApiServer()) as known:
        run(TSC, "--project", "tsconfig.test.json", cwd=package)
        output = run(
            "node",
            "--test",
            "build/test/",
            cwd=package,
            LIKENESS_API=known.address,
            LIKENESS_API_KEY=known.key,
            DELIVERY=json.dumps(delivery),
        )
    ran = re.search(r"^# pass (\d+)$", output, re.MULTILINE)
    assert ran is not None
    assert int(ran[1]) >= 14
    assert "# skipped 0" in output


@pytest.mark.usefixtures("programs")
def test_the_package_has_its_types_and_nothing_else(package: Path) -> None:
    packed = json.loads(run("npm", "pack", "--dry-run", "--json", "--ignore-scripts", cwd=package))
    names = {file["path"] for file in packed[0]["files"]}
    wanted = {f"dist/{name}{ending}" for name in MODULES for ending in (".js", ".d.ts")}
    assert names == wanted | {"LICENSE", "README.md", "package.json"}
    assert packed[0]["version"] == __version__


@pytest.fixture(scope="module")
def programs(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("programs")
    compile_programs(package, place)
    return place


@pytest.fixture(scope="module")
def receiver(programs: Path) -> Iterator[tuple[int, str, Path]]:
    """docs/examples/webhook_receiver.ts, started as its first lines say."""
    secret = new_secret()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = programs / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["node", "webhook_receiver.js", f"{port}"],
            cwd=programs,
            env=os.environ | {"WEBHOOK_SECRET": secret},
            stdout=output,
        )
        try:
            wait_for(port)
            yield port, secret, log
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int) -> None:
    """Wait until somebody listens.

    Raises:
        TimeoutError: nobody does.
    """
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError


def deliver(port: int, sent: dict[str, str], body: bytes = BODY) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def test_the_example_takes_what_is_signed_once_and_refuses_what_is_forged(
    receiver: tuple[int, str, Path],
) -> None:
    port, secret, log = receiver
    sent = signed(secret)
    late: dict[str, Any] = sent | {"webhook-timestamp": "1700000000"}
    assert deliver(port, signed(new_secret())) == 401
    assert deliver(port, sent, BODY + b" ") == 401
    assert deliver(port, late) == 401
    assert deliver(port, {}) == 401
    assert [deliver(port, sent), deliver(port, sent)] == [204, 204]
    assert log.read_text().count("ping") == 1
