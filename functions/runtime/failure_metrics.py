"""Counts the failures that somebody here has to mend, as their owners are told of them."""

from contracts.codes import CODES
from contracts.documents.notice import Notice
from domain.notices.notices import Notifier
from runtime.metrics import report


class CountingNotifier:
    """Carries notices on; each that goes out is counted once, if it is about a fault of ours."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def publish(self, notice: Notice) -> None:
        """Send the notice."""
        self._notifier.publish(notice)
        if notice.status == "failed" and CODES[notice.code].who == "operator":
            report("ServiceFailures", 1)
