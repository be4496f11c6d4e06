"""template.yaml and the rules of webhooks agree."""

from domain.webhooks.delivering import MAX_ATTEMPTS, PAUSES
from tests.contract.files import template

RESOURCES = template()["Resources"]


def test_the_queue_gives_a_message_as_many_tries_as_the_rules_have() -> None:
    queue = RESOURCES["WebhooksQueue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == MAX_ATTEMPTS
    assert queue["MessageRetentionPeriod"] >= 2 * sum(PAUSES), "the messages behind it wait too"
    assert max(PAUSES) <= 12 * 3600, "SQS hides a message for 12 hours at most"


def test_a_try_ends_before_the_message_is_given_to_somebody_else() -> None:
    function = RESOURCES["DeliverWebhookFunction"]["Properties"]
    queue = RESOURCES["WebhooksQueue"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"], "AWS's advice for a queue"
    assert function["Events"]["Queued"]["Properties"]["BatchSize"] == 1
