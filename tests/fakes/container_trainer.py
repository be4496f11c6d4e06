"""A training container of few lines: what it does stands in its hyperparameters."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ["SAGEMAKER_BASE_DIR"])
WISHES = json.loads((ROOT / "input/config/hyperparameters.json").read_text())


def main() -> int:
    if "ignore_sigterm" in WISHES:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif "save_on_sigterm" in WISHES:
        signal.signal(signal.SIGTERM, lambda *_: save_and_leave())
    seen = {
        "environment": dict(os.environ),
        "inputs": sorted(str(f.relative_to(ROOT)) for f in ROOT.rglob("*") if f.is_file()),
        "argv": sys.argv[1:],
    }
    if "connect" in WISHES:
        address = WISHES["connect"].split(":")
        socket.create_connection((address[0], int(address[1])), 5).close()
    resumed = (ROOT / "checkpoints/state.txt").exists()
    write("model/seen.json", json.dumps(seen))
    write("output/data/report.txt", "report")
    write("output/tensorboard/events", "figures")
    write("sagemaker/warmpoolcache/cached.txt", "cached")
    if "child" in WISHES:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        write("checkpoints/pids.txt", f"{os.getpid()} {child.pid}")
    sys.stdout.write("step=1 loss=0.5\nstep=2 loss=0.25\n")
    sys.stdout.flush()
    write("checkpoints/state.txt", "resumed" if resumed else "fresh")
    write("checkpoints/job-1/result.json", "{}")
    if "failure" in WISHES:
        write("output/failure", WISHES["failure"])
        return 1
    if not (resumed and "until_resumed" in WISHES):
        time.sleep(float(WISHES.get("seconds", "0")))
    return int(WISHES.get("status", "0"))


def save_and_leave() -> None:
    write("checkpoints/saved.txt", "saved")
    sys.exit(0)


def write(name: str, text: str) -> None:
    file = ROOT / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
