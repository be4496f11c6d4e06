"""domain.ports.takedown in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from contracts.documents.api.verification import PictureToVerify, PictureVerdict
from contracts.documents.takedown import TakedownAnswer, TakedownCase, TakedownOrder
from domain.pictures.verifying import VerifyingServices, verify
from domain.ports.takedown import FoundMarks, place_of
from domain.takedown.deciding import DecidingServices, decide


class MemoryTakedowns:
    def __init__(self) -> None:
        self.cases: dict[str, TakedownCase] = {}

    def add(self, case: TakedownCase) -> None:
        assert case.case_id not in self.cases
        self.cases[case.case_id] = case

    def get(self, case_id: str) -> TakedownCase | None:
        return self.cases.get(case_id)

    def newest(self, limit: int, before: str | None) -> Sequence[TakedownCase]:
        rows = sorted(self.cases.values(), key=place_of, reverse=True)
        return [row for row in rows if before is None or place_of(row) < before][:limit]

    def replace(self, before: TakedownCase, after: TakedownCase) -> bool:
        if self.cases.get(before.case_id) != before:
            return False
        self.cases[before.case_id] = after
        return True


class MemoryMarks:
    """Finds what a test has put in."""

    def __init__(self, found: FoundMarks) -> None:
        self.found = found
        self.read_files: list[tuple[bytes, bytes]] = []

    def read(self, file: bytes, png: bytes) -> FoundMarks:
        self.read_files.append((file, png))
        return self.found


class DirectVerifier:
    """The function verify_picture without Lambda."""

    def __init__(self, services: VerifyingServices) -> None:
        self.services = services

    def verify(self, given: PictureToVerify) -> PictureVerdict | None:
        return verify(given, self.services)


class MemoryModelIds:
    def __init__(self, by_adapter: Mapping[str, str]) -> None:
        self._by_adapter = by_adapter

    def by_adapter(self) -> Mapping[str, str]:
        return self._by_adapter


class MemoryOperators:
    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []

    def publish(self, subject: str, text: str) -> None:
        self.published.append((subject, text))


class DirectDecider:
    """The function decide_takedown without Lambda."""

    def __init__(self, services: DecidingServices, now: datetime) -> None:
        self.services, self.now = services, now
        self.orders: list[TakedownOrder] = []

    def decide(self, order: TakedownOrder) -> TakedownAnswer:
        self.orders.append(order)
        return decide(order, self.services, self.now)
