"""Runs the stages of erase_subject with a crash at one call to AWS, and again to their end."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3

from aws import clients
from aws.wiring import erasing_services, receipt_services, stopping_services
from contracts.documents.erasure import ErasureSubject
from domain.erasure.erasing import erase_stores
from domain.erasure.receipts import sign_receipt
from domain.erasure.stopping import stop_work


class CrashError(Exception):
    """The process dies here."""


class Calls:
    """Counts the calls to AWS of all boto3 clients made from now on, and dies at one of them."""

    def __init__(self) -> None:
        self.count = 0
        self.die_at: int | None = None
        self.after = False
        """Whether the call has its effect, and only its answer is lost."""
        session = boto3.setup_default_session() or boto3.DEFAULT_SESSION
        clients.forget_clients()
        session.events.register("before-call.*.*", self._before)
        session.events.register("after-call.*.*", self._after)

    def arm(self, die_at: int | None, *, after: bool = False) -> None:
        """Count from 0 again, and die at this call; None: at none."""
        self.count, self.die_at, self.after = 0, die_at, after

    def _before(self, **_: Any) -> None:  # noqa: ANN401 - botocore's keywords
        self.count += 1
        if self.count == self.die_at and not self.after:
            raise CrashError

    def _after(self, **_: Any) -> None:  # noqa: ANN401
        if self.count == self.die_at and self.after:
            raise CrashError


def run_stages(subject: ErasureSubject) -> None:
    """Run every stage as the state machine does: a stage that dies is called again."""

    def stop() -> bool:
        return stop_work(subject, stopping_services(), now()).open == 0

    def erase() -> bool:
        return erase_stores(subject, erasing_services()).remaining == 0

    def sign() -> bool:
        return bool(sign_receipt(subject, receipt_services(), now()))

    for stage in (stop, erase, sign):
        while not survived(stage):
            continue


def survived(stage: Callable[[], bool]) -> bool:
    """Return whether the stage has ended its work."""
    try:
        return stage()
    except CrashError:
        return False


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
