"""Real faces on the deployed stack: two people are kept apart before anything is paid."""

import json
import urllib.request

import pytest

from contracts.codes import CODES
from contracts.documents.photos import PhotoReport
from contracts.shared.layout.models import photo_report_key
from local.front_door import make_key
from tests.e2e.stack import SMALL, Stack
from tests.e2e.test_http_api import ask, send
from tests.fakes.people import ASTRONAUT, candid, photo, png, portraits

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


def test_one_photo_is_judged_with_its_face_before_its_training(stack: Stack) -> None:
    key = make_key(stack.cloud, "faces")
    bodies = [*portraits()[:2], candid()[0], nobody()]
    files = [{"type": "image/png", "size": len(body)} for body in bodies]
    upload = ask(stack, "/v1/uploads", key, "POST", {"files": files}).body
    for form, body in zip(upload["forms"], bodies, strict=True):
        assert send(form, body) == 204
    photos = f"/v1/uploads/{upload['id']}/photos"

    def codes(number: int, more: str = "") -> set[str]:
        query = f"preset=face&face_checks=photos{more}"
        judged = ask(stack, f"{photos}/{number}:inspect?{query}", key, "POST")
        assert judged.status == 200, judged.body
        return set(judged.body["codes"])

    refusals = {"no_face", "other_person", "ambiguous_faces"}
    assert not codes(0) & refusals
    assert not codes(1, "&same_person_as=0") & refusals
    assert codes(2, "&same_person_as=0") == {"other_person"}
    assert codes(3) == {"no_face"}
    erased = ask(stack, f"{photos}/2", key, "DELETE")
    assert (erased.status, erased.body["number"]) == (200, 2)
    left = ask(stack, photos, key).body["data"]
    assert [one["number"] for one in left] == [0, 1, 3]
    with urllib.request.urlopen(left[0]["url"], timeout=60) as answer:  # noqa: S310
        assert answer.read() == bodies[0]
    listing = stack.cloud.client("s3").list_object_versions(
        Bucket=stack.outputs["UploadsBucketName"],
        Prefix=f"tenants/faces/uploads/{upload['id']}/002",
    )
    assert not listing.get("Versions")
    assert not listing.get("DeleteMarkers")


def test_one_view_of_a_person_is_trained_and_its_owner_hears_what_more_photos_would_help(
    stack: Stack,
) -> None:
    """By the real trainer, on crops of one photo."""
    whole = photo(ASTRONAUT)
    crops = {
        f"{n}.png": png(whole.crop((n * 8, n * 4, 512 - n * 8, 512 - n * 4))) for n in range(6)
    }
    stack.upload("astronaut", crops, {**SMALL, "preset": "face", "face_checks": "photos"})
    stack.execution("astronaut")
    notice = stack.notice("astronaut")
    assert notice["code"] == "ready" or notice["code"].startswith("gate_"), "the base is untrained"
    for code in ("little_variety", "few_photos"):
        assert CODES[code].hint in notice["text"]
    job_id = stack.record("astronaut").job_id
    report = stack.document(photo_report_key(job_id), PhotoReport)
    assert ["similar_photo" in one.codes for one in report.photos].count(True) == 5


def nobody() -> bytes:
    """Return a part of a photo without a face."""
    return png(photo(ASTRONAUT).crop((0, 260, 300, 512)))
