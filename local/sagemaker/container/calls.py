"""HTTP calls to a serving container, as in SageMaker's multi-model contract."""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TARGET_HEADER = "X-Amzn-SageMaker-Target-Model"
PING_SECONDS = 2
UNLOAD_SECONDS = 400


class Reply(NamedTuple):
    """A container's answer, with header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ContainerCalls:
    """Calls one container, whose port changes when it restarts."""

    def __init__(self) -> None:
        self.port = 0

    def ping(self) -> bool:
        """Return whether the container is ready."""
        try:
            return self.call("GET", "/ping", timeout=PING_SECONDS).status == http.HTTPStatus.OK
        except OSError:
            return False

    def load(self, name: str, target: str, folder: Path, timeout: float) -> Reply:
        """Load a model into memory."""
        body = json.dumps({"model_name": name, "url": str(folder)}).encode()
        headers = {"Content-Type": "application/json", TARGET_HEADER: target}
        return self.call("POST", "/models", body, headers, timeout)

    def unload(self, name: str, target: str) -> Reply:
        """Unload a model. No request for it may be in flight."""
        headers = {TARGET_HEADER: target}
        return self.call("DELETE", f"/models/{name}", b"", headers, UNLOAD_SECONDS)

    def invoke(self, name: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        """Invoke a loaded model."""
        return self.call("POST", f"/models/{name}/invoke", body, headers, timeout)

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float = PING_SECONDS,
    ) -> Reply:
        """Send one request.

        Raises:
            OSError: the container does not listen, closed the connection, or took too long.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            answer = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, answer, response.read())
        except http.client.HTTPException as error:
            raise ConnectionResetError(str(error)) from error
        finally:
            connection.close()
