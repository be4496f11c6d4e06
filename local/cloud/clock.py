"""What AWS does with time alone: once a minute, objects expire and alarms are evaluated."""

import logging
import threading
import time

from ministack.services import cloudwatch

from local.cloud import lifecycle

log = logging.getLogger(__name__)

PERIOD_SECONDS = 60.0


def work_until(stopped: threading.Event) -> None:
    """Do this work once a minute, until the server stops."""
    while not stopped.wait(PERIOD_SECONDS):
        try:
            lifecycle.sweep(time.time())
            cloudwatch._evaluate_all_alarms()
        except Exception:  # the next minute may go better
            log.exception("lifecycle rules or alarms were not applied")
