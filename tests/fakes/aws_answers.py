"""An AWS that answers every request with the same error, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class AngryServer(ThreadingHTTPServer):
    """Speaks the JSON protocols of DynamoDB, Lambda, SQS and SageMaker."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.code, self.status = code, status
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, AngryServer)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.asked.append(self.path)
        body = json.dumps({"__type": server.code, "message": "AWS's own words"}).encode()
        self.send_response(server.status)
        self.send_header("x-amzn-errortype", server.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
        """Say nothing."""


@contextmanager
def answering(code: str, status: int = 400) -> Iterator[AngryServer]:
    server = AngryServer(code, status)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
