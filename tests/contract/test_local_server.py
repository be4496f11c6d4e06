"""The laptop's AWS is a program that starts empty, stops completely and listens locally."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.cloud.server import Cloud
from tests.cloud import PATIENCE_SECONDS, RUNTIME, archive, eventually, role

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    yield number
    command(number, "--stop")
    for file in (ROOT / ".local" / "logs").glob(f"cloud-{number}.*"):
        file.unlink()


def command(port: int, *options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "local.cloud", "--port", str(port), *options]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=60).close()
    except OSError:
        return False
    return True


def test_it_starts_in_the_background_and_stops(port: int) -> None:
    begun = command(port, "--detach")
    assert begun.returncode == 0
    assert f"http://127.0.0.1:{port}" in begun.stdout
    pid = int((ROOT / f".local/cloud-{port}.pid").read_text())
    assert answers(port)
    assert command(port, "--stop").stdout.startswith("Stopped")
    assert not answers(port)
    assert not Path(f"/proc/{pid}").exists() or _is_zombie(pid)
    assert not (ROOT / f".local/cloud-{port}.pid").exists()


def test_the_printed_exports_are_all_that_the_aws_cli_needs(port: int, tmp_path: Path) -> None:
    printed = command(port, "--detach").stdout
    exports = dict(re.findall(r"export (\w+)=(\S+)", printed))
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    assert _who_am_i(bare | exports) == (0, "arn:aws:iam::000000000000:root\n")
    test_key = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for wrong in (test_key, {"AWS_SECRET_ACCESS_KEY": "test"}):
        assert _who_am_i(bare | exports | wrong) != (0, "arn:aws:iam::000000000000:root\n")
    written = [f.read_text() for f in (ROOT / ".local" / "logs").glob(f"cloud-{port}.*")]
    assert len(written) == 2
    assert not any(exports["AWS_SECRET_ACCESS_KEY"] in text for text in written)
    command(port, "--stop")
    assert not (ROOT / f".local/access_keys/{port}.ini").exists()


def _who_am_i(environment: dict[str, str]) -> tuple[int, str]:
    line = [str(AWS), "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
    run = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def test_a_taken_port_is_named_with_what_to_do(port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        refused = command(port)
    assert refused.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken" in refused.stderr
    assert "make up PORT=" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_stopping_what_does_not_run_is_no_error(port: int) -> None:
    stopped = command(port, "--stop")
    assert (stopped.returncode, "No embedded AWS" in stopped.stdout) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_function_s_process_outlives_it(port: int, number: signal.Signals) -> None:
    line = [sys.executable, "-m", "local.cloud", "--port", str(port)]
    server = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL)
    eventually((ROOT / f".local/cloud-{port}.pid").exists)
    worker = _worker_of(Cloud(f"http://127.0.0.1:{port}", port))
    assert Path(f"/proc/{worker}").exists()
    server.send_signal(number)
    server.wait(PATIENCE_SECONDS)
    eventually(lambda: not Path(f"/proc/{worker}").exists() or _is_zombie(worker))


def _worker_of(cloud: Cloud) -> int:
    """Call a function; return the process it runs in."""
    code = {"ZipFile": archive(app="import os\ndef handler(event, context): return os.getpid()")}
    cloud.client("lambda").create_function(
        FunctionName="pid",
        Runtime=RUNTIME,
        Role=role(cloud, "pid"),
        Handler="app.handler",
        Code=code,
    )
    answer = cloud.client("lambda").invoke(FunctionName="pid")
    return int(answer["Payload"].read())


def test_a_second_server_in_one_process_starts_empty_and_is_called_back_at_its_own_port() -> None:
    program = """
import sys
from local.cloud.server import serve
for _ in range(2):
    with serve() as cloud:
        buckets = cloud.client("s3").list_buckets()["Buckets"]
        print(len(buckets))
        cloud.client("s3").create_bucket(Bucket="one")
        custom_resource = sys.modules["ministack.services.cloudformation.custom_resource"]
        print(f":{cloud.port}/" in custom_resource._response_url("token"))
        topics = sys.modules["ministack.services.sns"]
        print(topics._PORT == str(cloud.port))
"""
    line = [sys.executable, "-c", program]
    run = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert run.stdout.split() == ["0", "True", "True"] * 2, run.stderr


def test_it_listens_on_the_loopback_only(cloud: Cloud) -> None:
    listening = Path("/proc/net/tcp").read_text()
    wanted = f":{cloud.port:04X} 00000000:0000 0A"
    addresses = [line.split()[1] for line in listening.splitlines() if wanted in line]
    assert addresses == [f"0100007F:{cloud.port:04X}"]


def test_a_child_dies_with_its_parent_even_by_sigkill() -> None:
    program = """
import time
from local.cloud import children
print(children.popen(["sleep", "3000"]).pid, flush=True)
time.sleep(3000)
"""
    line = [sys.executable, "-c", program]
    parent = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def test_children_that_ignore_sigterm_are_killed() -> None:
    from local.cloud import children  # noqa: PLC0415

    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    stubborn = children.popen(["sh", "-c", script], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    assert stubborn.stdout.readline() == b"ready\n"
    children.stop(stubborn, grace_seconds=0.2)
    assert stubborn.returncode == -signal.SIGKILL


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_the_version_of_ministack_is_the_one_that_is_changed(cloud: Cloud) -> None:
    assert cloud
    from importlib.metadata import version  # noqa: PLC0415

    from local.cloud import plugin  # noqa: PLC0415

    assert version("ministack") == plugin.PINNED
    assert os.environ["AUTH"] == "true"
