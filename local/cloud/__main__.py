"""`python -m local.cloud --port 4566`: the embedded AWS, until Ctrl-C or SIGTERM."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from local.cloud import paths
from local.cloud.server import START_SECONDS, STOP_SECONDS, Cloud, PortTakenError, serve


def main() -> int:
    """Do what the command line asks; return the exit status."""
    options = _options()
    if options.stop:
        return _stop(options.port)
    if options.detach:
        return _detach(options.port)
    return _run(options.port)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="where to listen on 127.0.0.1")
    parser.add_argument("--detach", action="store_true", help="return when it is ready")
    parser.add_argument("--stop", action="store_true", help="stop the one on this port")
    return parser.parse_args()


def _run(port: int) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with serve(port) as cloud:
            _announce(cloud)
            stop.wait()
    except (PortTakenError, paths.NotInstalledError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        _forget_pid(port)
    return 0


def _announce(cloud: Cloud) -> None:
    pid = paths.pid_file(cloud.port)
    pid.parent.mkdir(parents=True, exist_ok=True)
    pid.write_text(f"{os.getpid()}\n")
    log = _shown(paths.log_file(cloud.port))
    print(f"The embedded AWS listens on {cloud.endpoint_url} (log: {log}).")
    print("To use it:")
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        print(f"  export {name}={cloud.environment()[name]}")
    sys.stdout.flush()


def _detach(port: int) -> int:
    """Start a copy in a session of its own and wait until it says that it is ready."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    said = paths.LOGS / f"cloud-{port}.out"
    with said.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "local.cloud", "--port", str(port)],
            cwd=paths.ROOT, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        if paths.running_server(port) == child.pid:
            print(said.read_text(), end="")
            return 0
        time.sleep(0.05)
    print(said.read_text(), end="", file=sys.stderr)
    return 1


def _stop(port: int) -> int:
    pid = paths.running_server(port)
    if pid is None:
        print(f"No embedded AWS of ours runs on port {port}.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 2 * STOP_SECONDS
    while paths.is_server(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    if paths.is_server(pid):
        os.kill(pid, signal.SIGKILL)
        paths.pid_file(port).unlink(missing_ok=True)
    print(f"Stopped the embedded AWS on port {port}.")
    return 0


def _forget_pid(port: int) -> None:
    if paths.running_server(port) == os.getpid():
        paths.pid_file(port).unlink(missing_ok=True)


def _shown(path: Path) -> str:
    return str(path.relative_to(paths.ROOT))


if __name__ == "__main__":
    sys.exit(main())
