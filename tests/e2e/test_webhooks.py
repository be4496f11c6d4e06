"""A webhook of the deployed stack: an upload's end is told to it, signed, at the second try."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from docs.examples.webhook_receiver import is_ours
from domain.webhooks.delivering import PAUSES
from local.demo.upload import TENANT
from local.front_door import make_key
from tests.cloud import eventually
from tests.e2e.stack import SMALL, Stack, photos
from tests.e2e.test_http_api import ask


class Received(NamedTuple):
    headers: dict[str, str]
    body: bytes
    at: float


class Receiver:
    """Refuses the first message, and keeps all that come."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received.append(Received(headers, body, time.time()))
                self.send_response(503 if len(received) == 1 else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/likeness"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.mark.usefixtures("quick_training")
def test_the_end_of_an_upload_is_told_to_a_webhook_until_it_takes_it(
    stack: Stack, receiver: Receiver
) -> None:
    key = make_key(stack.cloud, TENANT)
    made = ask(stack, "/v1/webhooks", key, "POST", {"url": receiver.url})
    assert made.status == 200, made.body
    path = f"/v1/webhooks/{made.body['id']}"
    stack.upload("told", photos(93), SMALL)
    assert stack.execution("told")["status"] == "SUCCEEDED"
    notice = stack.notice("told")
    assert notice["code"] == "ready"
    eventually(lambda: len(receiver.received) == 2)
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.at - first.at >= PAUSES[0]
    assert is_ours(made.body["secret"], second.headers, second.body, second.at)
    message = json.loads(second.body)
    assert message["type"] == "job.ended"
    assert (message["data"]["job_id"], message["data"]["status"]) == (
        notice["job_id"],
        "succeeded",
    )
    eventually(lambda: outcomes(stack, key, path) == [("delivered", 2)])
    replay = f"{path}/deliveries/{second.headers['webhook-id']}:replay"
    assert ask(stack, replay, key, "POST").status == 200
    eventually(lambda: len(receiver.received) == 3)
    assert receiver.received[2].headers["webhook-id"] == second.headers["webhook-id"]
    assert ask(stack, path, key, "DELETE").status == 200


def outcomes(stack: Stack, key: str, path: str) -> list[tuple[str, int]]:
    found = ask(stack, f"{path}/deliveries", key).body["data"]
    return [(one["outcome"], one["attempts"]) for one in found]
