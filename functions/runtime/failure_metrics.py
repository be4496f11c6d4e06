"""Metric of failures that an operator has to fix, counted when their notices are sent."""

from contracts.codes import CODES
from contracts.documents.notice import Notice
from domain.ports.notifier import Notifier
from runtime.metrics import report


class CountingNotifier:
    """Sends notices through another notifier, and counts those that an operator has to act on."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def publish(self, notice: Notice) -> None:
        """Send the notice."""
        self._notifier.publish(notice)
        if notice.status == "failed" and CODES[notice.code].who == "operator":
            report("ServiceFailures", 1)
        if notice.code == "quota_zero":
            report("QuotaZero", 1)
        if notice.code == "training_denied":
            report("TrainingDenied", 1)
        if notice.code == "price_unknown":
            report("PriceUnknown", 1)
