"""What the rules need of the topics: notices for owners, status changes for subscribers."""

from collections.abc import Sequence
from typing import Protocol

from contracts.documents.notice import Notice
from contracts.documents.status import StatusChange


class Notifier(Protocol):
    """Sends notices to the owner's systems; may deliver one twice, under the same notice_id."""

    def publish(self, notice: Notice) -> None:
        """Send the notice."""
        ...


class StatusPublisher(Protocol):
    """Sends status changes to subscribers; may deliver one twice."""

    def publish(self, changes: Sequence[StatusChange]) -> None:
        """Send the changes, in order."""
        ...
