"""What takedowns need: their cases, the marks of a picture, and somebody to tell."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from contracts.documents.api.verification import (
    PictureToVerify,
    PictureVerdict,
    WatermarkStated,
)
from contracts.documents.record import JobRecord
from contracts.documents.takedown import Credentials, TakedownAnswer, TakedownCase, TakedownOrder


class TakedownCases(Protocol):
    """The rows of all cases."""

    def add(self, case: TakedownCase) -> None:
        """Store a new case."""
        ...

    def get(self, case_id: str) -> TakedownCase | None:
        """Return the case as last written; None when there is none."""
        ...

    def newest(self, limit: int, before: str | None) -> Sequence[TakedownCase]:
        """Return at most ``limit`` cases, the newest first; ``before`` is a ``place_of``."""
        ...

    def replace(self, before: TakedownCase, after: TakedownCase) -> bool:
        """Store the change; False: somebody else has changed the case."""
        ...


def place_of(case: TakedownCase) -> str:
    """Return what cases are sorted by."""
    return f"{case.received_at}#{case.case_id}"


class FoundMarks(NamedTuple):
    """What the marks of a picture say."""

    credentials: Credentials
    model: str | None
    """Id of the model that our content credentials name."""
    watermark: int | None
    """Id of 32 bits under one of our keys."""
    watermark_key: bytes | None
    """That key, which resolves the id."""
    stated: WatermarkStated | None = None
    """What our content credentials say of the watermark."""
    made_at: str | None = None
    """When our content credentials were signed, ISO 8601 in UTC."""


class MarkReader(Protocol):
    """Reads the marks of this stack."""

    def read(self, file: bytes, png: bytes) -> FoundMarks:
        """Return what is found.

        Args:
            file: the file as it was sent, for its content credentials.
            png: the same picture as it was decoded, for its watermark.
        """
        ...


class Verifier(Protocol):
    """Reads the marks of a picture for somebody who waits."""

    def verify(self, given: PictureToVerify) -> PictureVerdict | None:
        """Return what they say; None: the file is no picture that can be decoded."""
        ...


class ModelIds(Protocol):
    """The ids of all models of the stack."""

    def by_adapter(self) -> Mapping[str, str]:
        """Return the id of each model, by the id in its pictures' marks.

        Both are equal but for a sweep: its pictures name the best trial.
        """
        ...


class JobRows(Protocol):
    """The rows of jobs."""

    def get(self, job_id: str) -> JobRecord | None:
        """Return the job's record; None when the job is unknown."""
        ...


class Operators(Protocol):
    """Who runs the stack."""

    def publish(self, subject: str, text: str) -> None:
        """Send a message; it holds opaque ids only."""
        ...


class Decider(Protocol):
    """Who may disable models."""

    def decide(self, order: TakedownOrder) -> TakedownAnswer:
        """Carry out an operator's order; the same order again changes nothing."""
        ...
