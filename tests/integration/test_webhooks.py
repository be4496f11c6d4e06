"""domain.ports.webhooks: fakes and AWS behave alike; the sender against real receivers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from aws.api.webhook_sender import HttpSender
from aws.api.webhooks import DynamoWebhooks
from contracts.documents.api.webhooks import (
    Webhook,
    WebhookDelivery,
    WebhookMessage,
    WebhookSecret,
    WebhookTask,
)
from domain.ports.webhooks import Answer, Webhooks
from domain.webhooks.signing import new_secret
from tests.fakes.webhooks import MemoryWebhooks
from tests.integration.tables import table

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "cloud", "moto"])
def webhooks(request: pytest.FixtureRequest) -> Webhooks:
    if request.param == "memory":
        return MemoryWebhooks()
    return DynamoWebhooks(table(request.getfixturevalue(request.param), "ApiTable"))


def webhook(number: int, tenant: str = "acme") -> Webhook:
    return Webhook(
        webhook_id=f"wh_{number:016x}",
        tenant=tenant,
        url="https://example.org/",
        events=("job.ended",),
        secrets=(WebhookSecret(secret=new_secret()),),
        created_at=(NOON + timedelta(minutes=number)).isoformat(),
    )


def delivery(owner: Webhook, number: int, attempts: int = 0) -> WebhookDelivery:
    at = (NOON + timedelta(minutes=number)).isoformat()
    message = WebhookMessage(type="ping", timestamp=at, data={"n": number})
    message_id = f"msg_{number:032x}"
    task = WebhookTask(webhook_id=owner.webhook_id, message_id=message_id, message=message)
    return WebhookDelivery(task=task, tenant=owner.tenant, attempts=attempts, updated_at=at)


def test_webhooks_are_found_by_id_and_by_tenant(webhooks: Webhooks) -> None:
    first, second, other = webhook(1), webhook(2), webhook(3, "globex")
    for one in (first, second, other):
        webhooks.add(one)
    assert webhooks.get(first.webhook_id) == first
    assert webhooks.of("acme") == [second, first]
    webhooks.remove(first.webhook_id)
    assert webhooks.get(first.webhook_id) is None
    assert webhooks.of("acme") == [second]


def test_of_two_changes_at_once_one_is_told_that_it_came_late(webhooks: Webhooks) -> None:
    before = webhook(1)
    webhooks.add(before)
    after = before.model_copy(update={"disabled_at": NOON.isoformat()})
    assert webhooks.replace(before, after)
    assert not webhooks.replace(before, before)
    assert webhooks.get(before.webhook_id) == after
    webhooks.remove(before.webhook_id)
    assert not webhooks.replace(after, before)
    assert webhooks.get(before.webhook_id) is None


def test_deliveries_are_kept_once_each_newest_first(webhooks: Webhooks) -> None:
    mine, other = webhook(1), webhook(2)
    until = NOON + timedelta(days=7)
    for number in (1, 2, 3):
        webhooks.record(delivery(mine, number), until)
    webhooks.record(delivery(mine, 2, attempts=1), until)
    webhooks.record(delivery(other, 9), until)
    found = webhooks.deliveries(mine.webhook_id, 2)
    assert found == [delivery(mine, 3), delivery(mine, 2, attempts=1)]
    assert webhooks.delivery(mine.webhook_id, f"msg_{2:032x}") == found[1]
    assert webhooks.delivery(mine.webhook_id, "msg_" + "f" * 32) is None


class _Receiver(BaseHTTPRequestHandler):
    status = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiver(status: int) -> Iterator[str]:
    handler = type("Receiver", (_Receiver,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook?a=1"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "failure"),
    [(200, None), (204, None), (301, "redirected"), (410, "not_accepted"), (500, "not_accepted")],
)
def test_an_answer_is_judged_by_its_status_and_a_redirect_is_not_followed(
    status: int, failure: str | None
) -> None:
    with receiver(status) as url:
        assert HttpSender(private=True).post(url, b"{}", {}) == Answer(status, failure)  # type: ignore[arg-type]


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_a_receiver_that_answers_byte_by_byte_is_too_slow(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes well within the socket's own time-out."""
    monkeypatch.setattr("aws.api.webhook_sender.DEADLINE_SECONDS", 0.3)

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(begin)
            while True:
                time.sleep(0.05)
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert HttpSender(private=True).post(url, b"{}", {}) == Answer(None, "too_slow")
        thread.join()


def test_a_private_address_is_never_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public name that means a private address, as with DNS rebinding."""
    monkeypatch.setattr(
        "aws.api.webhook_sender.socket.getaddrinfo",
        lambda *_args, **_more: [(2, 1, 6, "", ("127.0.0.1", 443))],
    )
    with receiver(200):
        found = HttpSender(private=False).post("https://hooks.example.org/", b"{}", {})
    assert found == Answer(None, "address_refused")


def test_nobody_there_is_no_answer() -> None:
    with receiver(200) as url:
        pass
    assert HttpSender(private=True).post(url, b"{}", {}) == Answer(None, "no_answer")
    missing = HttpSender(private=True).post("https://nobody.invalid/", b"{}", {})
    assert missing == Answer(None, "address_refused")
