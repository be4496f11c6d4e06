"""Every case of the corpus gets its code; `make corpus` also measures time and memory."""

from collections import Counter

import pytest

from bench.intake import archives, photos, random_requests, requests
from contracts.codes import CODES
from contracts.errors import ArchiveRefusedError
from contracts.shared.rejection import PhotoRejectedError
from domain.intake.archives import open_archive
from domain.intake.uploads import find_place
from domain.ports.decoder import DecodeLimits
from domain.requests.merge import parse_request
from domain.requests.request_json import RequestRefusedError
from runtime.imaging.decode import answer
from runtime.imaging.sandbox import format_of

PHOTOS = [case for case in photos.cases() if not case.heavy]
REQUESTS = list(requests.requests())
ARCHIVES = [case for case in archives.cases() if not case.heavy]


def verdict(body: bytes) -> str | None:
    limits = DecodeLimits(min_side=64)._asdict()
    try:
        facts, _ = answer(body, {"kind": format_of(body), **limits})
    except PhotoRejectedError as error:
        return error.code
    refused: str | None = facts.get("refused")
    return refused


@pytest.mark.parametrize("case", PHOTOS, ids=lambda case: case.name)
def test_every_file_gets_its_verdict(case: photos.PhotoCase) -> None:
    assert case.code is None or case.code in CODES
    assert verdict(case.make()) == case.code


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_every_request_gets_its_answer(case: requests.RequestCase) -> None:
    fields: set[str] = set()
    try:
        parse_request(case.body)
    except RequestRefusedError as error:
        fields |= {problem.field.partition(".")[0] for problem in error.problems}
    assert fields == ({case.code} - {None})


@pytest.mark.parametrize("case", ARCHIVES, ids=lambda case: case.name)
def test_every_archive_gets_its_answer(case: archives.ArchiveCase) -> None:
    assert case.code is None or case.code in CODES
    found: object = None
    try:
        list(open_archive(case.make()).members)
    except ArchiveRefusedError as error:
        found = error.facts["code"]
    assert found == case.code


@pytest.mark.parametrize(("key", "good"), list(requests.object_keys()))
def test_every_key_is_accepted_or_refused(key: str, good: bool) -> None:
    assert (find_place(key) is not None) == good


def test_random_requests_are_accepted_or_answered() -> None:
    answers: Counter[str] = Counter()
    random_requests.run_random_requests(
        200, lambda sources: answers.update([random_requests.answer_to(sources)])
    )
    assert answers["unmapped"] == 0
    assert answers["request"] > 10
    assert answers["problems"] > 10
