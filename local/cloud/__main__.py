"""Runs the embedded AWS until Ctrl-C or SIGTERM: `python -m local.cloud --port 4566`."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from local.cloud import paths
from local.cloud.access import root_key
from local.cloud.server import HOST, START_SECONDS, STOP_SECONDS, Cloud, PortTakenError, serve

EXPORTED = (
    "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION", "AWS_REGION",
)  # fmt: skip


def main() -> int:
    """Start or stop the server as the command line asks; return the exit status."""
    options = _options()
    if options.stop:
        return _stop(options.port)
    if options.exports:
        return _exports(options.port)
    if options.detach:
        return _detach(options.port)
    return _run(options.port, show_exports=not options.silent)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="where to listen on 127.0.0.1")
    parser.add_argument("--detach", action="store_true", help="return when it is ready")
    parser.add_argument("--stop", action="store_true", help="stop the one on this port")
    parser.add_argument("--silent", action="store_true", help="print no keys, for output to a file")
    parser.add_argument("--exports", action="store_true", help="print what to export, for eval")
    return parser.parse_args()


def _run(port: int, show_exports: bool) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with serve(port) as cloud:
            _write_pid(port)
            if show_exports:
                _show_exports(cloud)
            stop.wait()
    except (PortTakenError, paths.NotInstalledError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        _forget_pid(port)
    return 0


def _write_pid(port: int) -> None:
    """Write the pid file, which also reports that the server is ready."""
    pid = paths.pid_file(port)
    pid.parent.mkdir(parents=True, exist_ok=True)
    pid.write_text(f"{os.getpid()}\n")


def _show_exports(cloud: Cloud) -> None:
    log = _shown(paths.log_file(cloud.port))
    print(f"The embedded AWS listens on {cloud.endpoint_url} (log: {log}).")
    print("Set these variables to use it; each start makes new keys:")
    for line in _export_lines(cloud):
        print(f"  {line}")
    sys.stdout.flush()


def _export_lines(cloud: Cloud) -> list[str]:
    environment = cloud.environment()
    return [f"export {name}={environment[name]}" for name in EXPORTED]


def _exports(port: int) -> int:
    """Print what to export for the server that runs on this port, and where the AWS CLI is."""
    if paths.running_server(port) is None:
        print(root_key.NotRunningError(port), file=sys.stderr)
        return 1
    tools = Path(sys.executable).parent
    print(*_export_lines(Cloud(f"http://{HOST}:{port}", port)), sep="\n")
    print(f'export PATH="$PATH:{tools}"')
    return 0


def _detach(port: int) -> int:
    """Start the server in a new session and wait until it is ready."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    output_file = paths.LOGS / f"cloud-{port}.out"
    with output_file.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "local.cloud", "--port", str(port), "--silent"],
            cwd=paths.ROOT, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        if paths.running_server(port) == child.pid:
            _show_exports(Cloud(f"http://{HOST}:{port}", port))
            return 0
        time.sleep(0.05)
    print(output_file.read_text(), end="", file=sys.stderr)
    return 1


def _stop(port: int) -> int:
    pid = paths.running_server(port)
    if pid is None:
        print(f"No embedded AWS of this project runs on port {port}.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 2 * STOP_SECONDS
    while paths.is_server(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    if paths.is_server(pid):
        os.kill(pid, signal.SIGKILL)
        paths.pid_file(port).unlink(missing_ok=True)
        root_key.forget(port)
    print(f"Stopped the embedded AWS on port {port}.")
    return 0


def _forget_pid(port: int) -> None:
    if paths.running_server(port) == os.getpid():
        paths.pid_file(port).unlink(missing_ok=True)


def _shown(path: Path) -> str:
    return str(path.relative_to(paths.ROOT))


if __name__ == "__main__":
    sys.exit(main())
