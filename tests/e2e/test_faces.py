"""Real faces on the deployed stack: two people are kept apart before anything is paid."""

import json

import pytest

from contracts.codes import CODES
from tests.e2e.stack import SMALL, Stack
from tests.fakes.people import candid, portraits

ANNA = "anna-schmidt"


@pytest.mark.usefixtures("quick_training")
def test_the_owner_hears_which_photos_show_another_person(stack: Stack) -> None:
    first, second = portraits(), candid()
    mixed = {f"{ANNA}-{n}.jpg": body for n, body in enumerate(first[:3])}
    mixed |= {f"ben-{n}.jpg": body for n, body in enumerate(second[:3])}
    request = {**SMALL, "face_checks": "photos"}
    stack.upload("two-people", mixed, request)
    stack.upload("one-person", {f"{n}.jpg": body for n, body in enumerate(first)}, request)
    execution = stack.execution("two-people")
    notice = stack.notice("two-people")
    assert notice["code"] == "several_persons"
    named = {name for name, codes in stack.named(notice) if codes == ["other_person"]}
    groups = [{f"{who}-{n}.jpg" for n in range(3)} for who in (ANNA, "ben")]
    assert named in groups
    assert "TrainAdapter" not in stack.states(execution)
    assert ANNA not in json.dumps(stack.history(execution), default=str)
    stack.execution("one-person")
    ready = stack.notice("one-person")
    assert ready["code"] == "ready"
    assert CODES["few_photos"].hint in ready["text"], "eight photos, and ten are advised"
