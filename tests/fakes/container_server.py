"""A small multi-model serving container that records its calls.

A model is a folder with behaviour.json: {"load_seconds": 1, "load_status": 400, "size": 2, ...}.
Its memory has CAPACITY units; a load that exceeds them is answered with 507.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CAPACITY = int(os.environ.get("CAPACITY", "100"))
models: dict[str, dict[str, Any]] = {}
calls: list[list[Any]] = []
busy: dict[str, int] = {}
peak: list[int] = []
"""Number of requests at once, at the start of each request."""
lock = threading.Condition()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/ping":
            self.answer(200 if os.environ.get("HEALTHY", "yes") == "yes" else 500)
        else:
            self.answer(200, {"models": sorted(models)})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amzn-SageMaker-Target-Model", "")
        if self.path == "/models":
            self.load(json.loads(body), target)
        else:
            self.invoke(self.path.split("/")[2], body, target)

    def do_DELETE(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        with lock:
            calls.append(
                ["unload", self.headers["X-Amzn-SageMaker-Target-Model"], busy.get(name, 0)]
            )
            known = models.pop(name, None)
        self.answer(404 if known is None else 200)

    def load(self, request: dict[str, Any], target: str) -> None:
        behaviour = json.loads(Path(request["url"], "behaviour.json").read_text())
        time.sleep(behaviour.get("load_seconds", 0))
        with lock:
            calls.append(["load", target])
            used = sum(model.get("size", 1) for model in models.values())
            if used + behaviour.get("size", 1) > CAPACITY:
                self.answer(507, {"error": "out of memory"})
                return
            if behaviour.get("load_status", 200) in {200, 409}:
                models[request["model_name"]] = behaviour
        self.answer(behaviour.get("load_status", 200), {"error": "as configured"})

    def invoke(self, name: str, body: bytes, target: str) -> None:
        behaviour = models.get(name)
        if behaviour is None:
            self.answer(404, {"error": "unknown model"})
            return
        if behaviour.get("die"):
            os._exit(3)
        with lock:
            busy[name] = busy.get(name, 0) + 1
            peak.append(sum(busy.values()))
            lock.notify_all()
            lock.wait_for(lambda: max(peak) >= behaviour.get("wait_for", 0))
        time.sleep(behaviour.get("seconds", 0))
        with lock:
            busy[name] -= 1
        answer = {
            "target": target,
            "text": body.decode(),
            "type": self.headers["Content-Type"],
            "pid": os.getpid(),
            "calls": calls,
            "environment": dict(os.environ),
            "padding": "=" * behaviour.get("answer_bytes", 0),
        }
        self.answer(behaviour.get("status", 200), answer)

    def answer(self, status: int, body: dict[str, Any] | None = None) -> None:
        content = json.dumps(body or {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "answered")
        self.end_headers()
        self.wfile.write(content)


def start_number() -> int:
    """Return how often this instance has been started; its folder remembers."""
    starts = Path(os.environ["SAGEMAKER_BASE_DIR"], "starts")
    with starts.open("a") as file:
        file.write("x")
    return starts.stat().st_size


if __name__ == "__main__":
    if os.environ.get("CANNOT_START") or start_number() < int(os.environ.get("STARTS_AT", "1")):
        sys.exit("no base model")
    sys.stderr.write("serving\n")
    address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
    ThreadingHTTPServer(address, Handler).serve_forever()
