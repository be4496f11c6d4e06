"""Webhooks: who is told, how it is signed, where it may go, and when it is tried again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.documents.api.webhooks import EventType, Webhook, WebhookSecret
from contracts.documents.status import StatusChange
from docs.examples.webhook_receiver import MAX_AGE_SECONDS, is_ours
from domain.ports.webhooks import Answer
from domain.webhooks import registering
from domain.webhooks.addresses import (
    AddressRefusedError,
    choose_address,
    parse_url,
)
from domain.webhooks.delivering import MAX_ATTEMPTS, PAUSES, DeliveryServices, deliver
from domain.webhooks.fan_out import fan_out
from domain.webhooks.registering import (
    MAX_WEBHOOKS,
    TooManyWebhooksError,
    UnknownWebhookError,
    WebhookServices,
)
from domain.webhooks.signing import headers
from tests.fakes.webhooks import MemorySender, MemoryWebhookQueue, MemoryWebhooks

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
URL = "https://hooks.example.org/likeness?a=1"
A_DAY = 24 * 3600


class World:
    """A tenant's webhooks, with a queue that somebody empties."""

    def __init__(self, *answers: Answer) -> None:
        self.rows, self.queue = MemoryWebhooks(), MemoryWebhookQueue()
        self.services = WebhookServices(self.rows, self.queue, private=False)
        self.sender = MemorySender(*answers)
        self.time = NOON

    def add(self, *events: EventType, tenant: str = "acme") -> Webhook:
        wanted = events or ("job.ended",)
        return registering.register(self.services, tenant, URL, wanted, self.time)

    def change(self, **fields: Any) -> StatusChange:
        given = {
            "job_id": "0" * 32,
            "tenant": "acme",
            "upload": "u1",
            "status": "succeeded",
            "stage": "NotifyOwner",
            "percent": 100,
            "updated_at": NOON.isoformat(),
        }
        return StatusChange(**(given | fields))

    def fan_out(self, *changes: StatusChange) -> int:
        return fan_out(self.rows, self.queue, changes, self.time)

    def try_once(self, attempt: int = 1) -> tuple[str, int | None]:
        services = DeliveryServices(self.rows, self.sender, lambda: self.time)
        return tuple(deliver(services, self.queue.messages[-1].task, attempt))  # type: ignore[return-value]


def test_a_signature_is_that_of_the_specification() -> None:
    """The vector that implementations of Standard Webhooks share."""
    secret = WebhookSecret.model_construct(
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        expires_at=None,
    )
    at = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    found = headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", body, at)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_receiver_of_the_docs_takes_what_we_sign_and_nothing_else() -> None:
    world = World()
    webhook = world.add()
    world.fan_out(world.change())
    assert world.try_once() == ("delivered", None)
    (post,) = world.sender.posts
    secret, now = webhook.secrets[0].secret, NOON.timestamp()
    assert is_ours(secret, post.headers, post.body, now)
    assert not is_ours(secret, post.headers, post.body + b" ", now)
    assert not is_ours(secret, post.headers, post.body, now + MAX_AGE_SECONDS + 1)
    assert not is_ours(secret, post.headers | {"webhook-id": "msg_0"}, post.body, now)
    assert not is_ours("whsec_" + "A" * 43 + "=", post.headers, post.body, now)
    assert not is_ours(secret, {}, post.body, now)


def test_after_a_rotation_old_and_new_secret_sign_for_a_day() -> None:
    world = World()
    old = world.add()
    new = registering.rotate(world.rows, "acme", old.webhook_id, NOON)
    world.fan_out(world.change())
    for later, taken in ((timedelta(hours=23), [True, True]), (timedelta(hours=25), [False, True])):
        world.time = NOON + later
        world.try_once()
        post = world.sender.posts[-1]
        secrets = (old.secrets[0].secret, new.secrets[0].secret)
        now = world.time.timestamp()
        assert [is_ours(one, post.headers, post.body, now) for one in secrets] == taken


def test_the_end_of_a_trial_is_a_change_and_no_end() -> None:
    world = World()
    world.add("job.ended")
    assert world.fan_out(world.change(trial_of="1" * 32)) == 0
    assert world.fan_out(world.change(status="processing", percent=40)) == 0
    assert world.fan_out(world.change(status="canceled")) == 1


def test_a_webhook_hears_of_its_tenant_only_and_once() -> None:
    world = World()
    mine, other = world.add("job.changed", "job.ended"), world.add("job.ended", tenant="globex")
    change = world.change()
    world.fan_out(change)
    world.fan_out(change)  # the stream sends a batch twice
    (queued,) = world.queue.messages
    assert queued.task.webhook_id == mine.webhook_id
    assert queued.task.message.type == "job.ended"
    assert queued.task.message.data["kind"] == "training"
    assert world.rows.deliveries(other.webhook_id, 9) == []


def test_messages_about_one_job_are_one_group_and_other_jobs_do_not_wait() -> None:
    world = World()
    world.add("job.changed")
    world.fan_out(world.change(percent=1, status="processing"), world.change(percent=2))
    world.fan_out(world.change(job_id="1" * 32))
    groups = [queued.group for queued in world.queue.messages]
    assert groups[0] == groups[1] != groups[2]


def test_a_webhook_that_goes_during_a_delivery_leaves_no_row_of_it() -> None:
    world = World()
    webhook = world.add()
    world.fan_out(world.change())
    world.rows.kept.clear()  # as erasure does
    post = world.sender.post

    def post_and_erase(url: str, body: bytes, headers: dict[str, str]) -> Answer:
        world.rows.remove(webhook.webhook_id)
        return post(url, body, headers)

    world.sender.post = post_and_erase  # type: ignore[method-assign]
    assert world.try_once() == ("gone", None)
    assert world.rows.kept == {}


def test_a_message_is_tried_for_a_day_and_then_given_up() -> None:
    world = World(Answer(500, "not_accepted"))
    webhook = world.add()
    world.fan_out(world.change())
    waits = [world.try_once(attempt)[1] for attempt in range(1, MAX_ATTEMPTS)]
    assert waits == list(PAUSES)
    assert A_DAY <= sum(PAUSES) + 3600 <= A_DAY + 3600
    assert world.try_once(MAX_ATTEMPTS) == ("given_up", 0)
    (kept,) = world.rows.deliveries(webhook.webhook_id, 9)
    assert (kept.outcome, kept.attempts, kept.http_status) == ("given_up", MAX_ATTEMPTS, 500)
    assert kept.failure == "not_accepted"
    assert len({post.headers["webhook-id"] for post in world.sender.posts}) == 1


def test_a_receiver_that_is_gone_hears_nothing_more_until_it_is_tested() -> None:
    world = World(Answer(410, "not_accepted"))
    webhook = world.add()
    world.fan_out(world.change())
    assert world.try_once() == ("gone", None)
    assert world.fan_out(world.change(percent=99)) == 0
    registering.ping(world.services, "acme", webhook.webhook_id, NOON)
    found = world.rows.get(webhook.webhook_id)
    assert found is not None
    assert found.disabled_at is None


def test_a_message_is_sent_again_with_its_own_id() -> None:
    world = World()
    webhook = world.add()
    world.fan_out(world.change())
    first = world.queue.messages[0].task
    registering.replay(world.services, "acme", webhook.webhook_id, first.message_id, NOON)
    registering.replay(world.services, "acme", webhook.webhook_id, first.message_id, NOON)
    assert [queued.task for queued in world.queue.messages] == [first] * 3


def test_somebody_elses_webhook_is_not_there() -> None:
    world = World()
    webhook = world.add(tenant="globex")
    with pytest.raises(UnknownWebhookError):
        registering.ping(world.services, "acme", webhook.webhook_id, NOON)
    with pytest.raises(UnknownWebhookError):
        registering.rotate(world.rows, "acme", webhook.webhook_id, NOON)
    with pytest.raises(UnknownWebhookError):
        registering.replay(world.services, "globex", webhook.webhook_id, "msg_" + "0" * 32, NOON)


def test_a_tenant_has_a_largest_number_of_webhooks() -> None:
    world = World()
    for _ in range(MAX_WEBHOOKS):
        world.add()
    with pytest.raises(TooManyWebhooksError):
        world.add()
    world.add(tenant="globex")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/", "not https"),
        ("https://localhost/", "a private name"),
        ("https://printer/", "a private name"),
        ("https://a.internal/", "a private name"),
        ("https://a.localhost./", "a private name"),
        ("https://127.0.0.1/", "a private address"),
        ("https://127.1/", "a number as name"),
        ("https://0x7f.0.0.1.0x1/", "a number as name"),
        ("https://2130706433/", "a private name"),
        ("https://[::1]/", "a private address"),
        ("https://[::ffff:10.0.0.1]/", "a private address"),
        ("https://[fd00::1]/", "a private address"),
        ("https://[64:ff9b::a9fe:a9fe]/", "a private address"),
        ("https://169.254.169.254/latest/meta-data/", "a private address"),
        ("https://10.1.2.3/", "a private address"),
        ("https://100.64.0.1/", "a private address"),
        ("https://224.0.0.1/", "a private address"),
        ("https://user:pw@example.org/", "no host, or a user name"),
        ("https://user@example.org/", "no host, or a user name"),
        ("https://example.org:22/", "a port of other services"),
        ("https://example.org:0/", "a port of other services"),
        ("https://example.org:99999/", "not a URL"),
        ("https://example.org/#a", "a fragment"),
        ("https://example.org\\@10.0.0.1/", "odd characters"),
        ("https://example.org/\r\nX: y", "odd characters"),
        ("https://ex ample.org/", "odd characters"),
        ("https:///path", "no host, or a user name"),
        ("ftp://example.org/", "not https"),
        ("file:///etc/passwd", "not https"),
        ("https://bücher.example/", "odd characters"),
        ("//example.org/", "not https"),
        ("javascript:alert(1)", "not https"),
        ("https://example.org:1023/", "a port of other services"),
        ("https://localhost.localdomain/", "a private name"),
        ("https://api.default.svc/", "a private name"),
        ("https://127.0.0.1../", "no name of a host"),
        ("https://127%2e0.0.1.example.org/", "no name of a host"),
        ("https://example..org/", "no name of a host"),
        ("https://example.org;.evil.org/", "no name of a host"),
        (f"https://{'a.' * 130}org/", "no name of a host"),
        ("https://[fec0::1]/", "a private address"),
        ("https://[::7f00:1]/", "a private address"),
    ],
)
def test_an_address_that_is_none_of_the_internet_is_refused(url: str, why: str) -> None:
    with pytest.raises(AddressRefusedError) as caught:
        parse_url(url, private=False)
    assert str(caught.value) == why


def test_public_addresses_are_taken_in_parts() -> None:
    assert parse_url("https://Example.org", private=False) == ("https", "example.org", 443, "/")
    assert parse_url(URL, private=False).path == "/likeness?a=1"
    assert parse_url("https://example.org:8443/x", private=False).port == 8443
    assert parse_url("https://example.org:1024/", private=False).port == 1024
    assert parse_url("https://example.org./", private=False).host == "example.org"
    assert parse_url("https://a_b.xn--bcher-kva.org/", private=False).host.startswith("a_b")
    assert parse_url("https://[2606:2800:220:1::1]/", private=False).host == "2606:2800:220:1::1"
    assert parse_url("http://127.0.0.1:9999/", private=True).scheme == "http"


@pytest.mark.parametrize(
    "found",
    [
        [],
        ["10.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fe80::1"],
        ["2002:7f00:1::"],
        ["::127.0.0.1"],
        ["::ffff:0:10.0.0.1"],
        ["64:ff9b:1::a00:1"],
        ["fec0::1"],
        ["3fff::1"],
        ["5f00::1"],
        ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
        ["0.0.0.0"],  # noqa: S104 - an address to refuse
    ],
)
def test_a_name_that_means_something_private_is_refused_when_it_is_looked_up(
    found: list[str],
) -> None:
    with pytest.raises(AddressRefusedError):
        choose_address(found, private=False)


def test_a_name_with_public_addresses_is_connected_to_the_first() -> None:
    assert choose_address(["93.184.216.34", "2606:2800:220:1::1"], private=False) == "93.184.216.34"
    assert choose_address(["127.0.0.1"], private=True) == "127.0.0.1"
