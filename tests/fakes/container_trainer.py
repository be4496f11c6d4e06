"""A small training container whose hyperparameters define what it does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ["SAGEMAKER_BASE_DIR"])
BEHAVIOUR = json.loads((ROOT / "input/config/hyperparameters.json").read_text())
HOSTS = json.loads((ROOT / "input/config/resourceconfig.json").read_text())


def main() -> int:
    if "ignore_sigterm" in BEHAVIOUR:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif "save_on_sigterm" in BEHAVIOUR:
        signal.signal(signal.SIGTERM, lambda *_: save_and_exit())
    seen = {
        "environment": dict(os.environ),
        "inputs": sorted(str(f.relative_to(ROOT)) for f in ROOT.rglob("*") if f.is_file()),
        "argv": sys.argv[1:],
    }
    if "connect" in BEHAVIOUR:
        address = BEHAVIOUR["connect"].split(":")
        socket.create_connection((address[0], int(address[1])), 5).close()
    resumed = (ROOT / "checkpoints/state.txt").exists()
    write("model/seen.json", json.dumps(seen))
    write(f"model/{HOSTS['current_host']}.json", json.dumps(HOSTS))
    write("output/data/report.txt", "report")
    write("output/tensorboard/events", "figures")
    write("sagemaker/warmpoolcache/cached.txt", "cached")
    if "child" in BEHAVIOUR:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3000)"])
        write("checkpoints/pids.txt", f"{os.getpid()} {child.pid}")
    sys.stdout.write("step=1 loss=0.5\nstep=2 loss=0.25\n")
    sys.stdout.flush()
    write("checkpoints/state.txt", "resumed" if resumed else "fresh")
    write("checkpoints/job-1/result.json", "{}")
    write(f"checkpoints/{HOSTS['current_host']}.txt", "mine")
    if BEHAVIOUR.get("fails_on") == HOSTS["current_host"]:
        return 9
    if "failure" in BEHAVIOUR:
        write("output/failure", BEHAVIOUR["failure"])
        return 1
    if not (resumed and "until_resumed" in BEHAVIOUR):
        time.sleep(float(BEHAVIOUR.get("seconds", "0")))
    return int(BEHAVIOUR.get("status", "0"))


def save_and_exit() -> None:
    write("checkpoints/saved.txt", "saved")
    sys.exit(0)


def write(name: str, text: str) -> None:
    file = ROOT / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
