"""An MLflow tracking server with memory: the six calls that our functions make, as 3.18 answers.

It was compared with a real server (tests/integration/test_mlflow.py says how to do it again).
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

API = "/api/2.0/mlflow/"
FILTER = re.compile(r"tags\.`([^`]+)` = '([^']*)'")
MAX_METRICS = 1000


class MlflowRefusal(Exception):  # noqa: N818 - an answer, not a fault
    """An answer that is no success."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class MlflowMemory:
    """What the server has stored, and what it was asked."""

    experiments: dict[str, str] = field(default_factory=dict)
    """Id of each experiment, by name."""
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Info, tags, params and metrics of each run, by id."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Headers of each call, in lower case."""
    refusing: str | None = None
    """The call that is answered with status 500."""

    def answer(self, call: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer a call.

        Raises:
            MlflowRefusal: the call is not allowed, or what it names does not exist.
        """
        if call == self.refusing:
            raise MlflowRefusal(500, "INTERNAL_ERROR")
        own = getattr(self, call.replace("/", "_").replace("-", "_"), None)
        if own is None:
            raise MlflowRefusal(404, "ENDPOINT_NOT_FOUND")
        found: dict[str, Any] = own(given)
        return found

    def experiments_get_by_name(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["experiment_name"]
        if name not in self.experiments:
            raise MlflowRefusal(404, "RESOURCE_DOES_NOT_EXIST")
        return {"experiment": {"experiment_id": self.experiments[name], "name": name}}

    def experiments_create(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["name"] in self.experiments:
            raise MlflowRefusal(400, "RESOURCE_ALREADY_EXISTS")
        self.experiments[given["name"]] = str(len(self.experiments) + 1)
        return {"experiment_id": self.experiments[given["name"]]}

    def runs_create(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["experiment_id"] not in self.experiments.values():
            raise MlflowRefusal(404, "RESOURCE_DOES_NOT_EXIST")
        run_id = f"{len(self.runs) + 1:032x}"
        info = {
            "run_id": run_id,
            "run_name": given["run_name"],
            "experiment_id": given["experiment_id"],
            "status": "RUNNING",
            "start_time": given["start_time"],
        }
        tags = {tag["key"]: tag["value"] for tag in given["tags"]}
        self.runs[run_id] = {"info": info, "tags": tags, "params": {}, "metrics": []}
        return {"run": {"info": info}}

    def runs_search(self, given: dict[str, Any]) -> dict[str, Any]:
        asked = FILTER.fullmatch(given["filter"])
        if asked is None:
            raise MlflowRefusal(400, "INVALID_PARAMETER_VALUE")
        found = [
            {"info": run["info"]}
            for run in self.runs.values()
            if run["info"]["experiment_id"] in given["experiment_ids"]
            and run["tags"].get(asked[1]) == asked[2]
        ]
        return {"runs": found[: given["max_results"]]} if found else {}

    def runs_log_batch(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[given["run_id"]]
        metrics = given.get("metrics", [])
        if len(metrics) > MAX_METRICS:
            raise MlflowRefusal(400, "INVALID_PARAMETER_VALUE")
        for metric in metrics:
            if metric not in run["metrics"]:
                run["metrics"].append(metric)
        for param in given.get("params", []):
            if run["params"].setdefault(param["key"], param["value"]) != param["value"]:
                raise MlflowRefusal(400, "INVALID_PARAMETER_VALUE")
        return {}

    def runs_update(self, given: dict[str, Any]) -> dict[str, Any]:
        info = self.runs[given["run_id"]]["info"]
        info |= {"status": given["status"], "end_time": given["end_time"]}
        return {"run_info": info}


@contextmanager
def mlflow_server() -> Iterator[tuple[str, MlflowMemory]]:
    """Run a server; yield its address and what it stores."""
    memory = MlflowMemory()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlparse(self.path).query)
            self._answer({name: values[0] for name, values in asked.items()})

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            self._answer(json.loads(self.rfile.read(size)))

        def _answer(self, given: dict[str, Any]) -> None:
            memory.headers.append({name.lower(): value for name, value in self.headers.items()})
            call = urlparse(self.path).path.removeprefix(API)
            try:
                status, document = 200, memory.answer(call, given)
            except MlflowRefusal as refusal:
                status, document = refusal.status, {"error_code": refusal.code, "message": "no"}
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", memory
    finally:
        server.shutdown()
        server.server_close()
