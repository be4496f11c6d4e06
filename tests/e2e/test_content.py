"""Content rules on the deployed stack: the filter of photos, the age estimate, and both stages."""

import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.shared.layout.models import photo_report_key
from local.demo.picture import generate
from local.demo.upload import TENANT
from local.front_door import make_key
from tests.cloud import eventually
from tests.e2e.stack import SMALL, Stack, photos
from tests.e2e.test_http_api import ask
from tests.fakes.people import png, portraits

BLUE, YELLOW = (20, 40, 250), (250, 250, 20)
CHILD = (0, 30, 255)
"""The tiny age estimate takes blue faces for children's."""


def tinted(body: bytes, colour: tuple[int, int, int], share: float = 0.5) -> bytes:
    """Return a photo with a share of a colour."""
    with Image.open(io.BytesIO(body)) as image:
        whole = image.convert("RGB")
    return png(Image.blend(whole, Image.new("RGB", whole.size, colour), share))


def reported(stack: Stack, upload: str) -> tuple[PhotoVerdict, ...]:
    """Return the verdicts on an upload's photos, as they are kept."""
    return stack.document(photo_report_key(stack.record(upload).job_id), PhotoReport).photos


@pytest.mark.usefixtures("quick_training", "content_checks")
def test_photos_are_filtered_and_the_second_stage_decides_on_pictures(
    stack: Stack, tmp_path: Path
) -> None:
    files = {name: tinted(body, BLUE) for name, body in photos(95).items()}
    files["anna.png"] = tinted(photos(96, count=1)["photo-0.jpg"], YELLOW, 0.8)
    stack.upload("filtered", files, SMALL)
    stack.execution("filtered")
    notice = stack.notice("filtered")
    assert notice["code"] == "ready"
    assert ("anna.png", ["photo_not_allowed"]) in stack.named(notice)
    verdicts = [one.content for one in reported(stack, "filtered")]
    scores = sorted(content.refused or 0 for content in verdicts if content is not None)
    assert scores[-2] < 0.5 <= scores[-1]
    model = notice["model"]
    endpoint, target = model["endpoint_name"], model["target_model"]
    drawn = generate(stack.cloud, endpoint, target, "a photo of a sks person", seed=5,
                     num_inference_steps=2)  # fmt: skip
    assert drawn.size == (64, 64), "the first stage flags every picture, the second overrules it"
    start = tmp_path / "start.png"
    Image.new("RGB", (64, 64)).save(start)
    printed = stack.likeness(
        "generate", target, "<<TOK>>", "--endpoint", endpoint, "--seed", "5", "--image", str(start),
        "--strength", "0.1", "--num-inference-steps", "10", "--out", str(tmp_path / "me.png"),
    )  # fmt: skip
    assert "unsafe_picture" in printed
    let_one_through(stack, stack.record("filtered").job_id, start.read_bytes())


def let_one_through(stack: Stack, model: str, start: bytes) -> None:
    """Appeal a withheld picture: a grant draws this one request, and no other."""
    key = make_key(stack.cloud, TENANT)
    order = {"prompt": "<<TOK>>", "image": b64encode(start).decode(), "strength": 0.1, "seed": 5,
             "num_inference_steps": 10}  # fmt: skip

    def drawn(**more: object) -> dict[str, Any]:
        path = f"/v1/models/{model}/pictures?wait=20"
        made = ask(stack, path, key, "POST", order | more).body
        return dict(ask(stack, f"/v1/pictures/{made['id']}?wait=20", key).body)

    withheld = drawn()
    assert withheld["failure"]["code"] == "unsafe_picture"
    path = f"/v1/refusals/{withheld['refusal_id']}:appeal"
    appeal = ask(stack, path, key, "POST", {"words": "a black square"}).body
    evidence = stack.likeness("appeals", "read", appeal["id"])
    assert '"seed":5' in evidence
    assert "granted" in stack.likeness("appeals", "grant", appeal["id"])
    eventually(lambda: drawn()["status"] == "succeeded")
    assert drawn(seed=6)["failure"]["code"] == "unsafe_picture"
    why = ("--why", "rule_is_right")
    assert "refused" in stack.likeness("appeals", "refuse", appeal["id"], *why)
    eventually(lambda: drawn()["status"] == "failed")


@pytest.mark.usefixtures("content_checks")
def test_a_photo_with_a_child_s_face_is_refused_before_anything_is_paid(stack: Stack) -> None:
    bodies = portraits()
    children = {f"child-{n}.png": tinted(body, CHILD, 0.6) for n, body in enumerate(bodies[:4])}
    adults = {f"adult-{n}.png": body for n, body in enumerate(bodies[4:])}
    stack.configure(
        "inspect-photos", stack.settings("inspect-photos") | {"CONTENT_FILTER_ID": "none"}
    )
    stack.upload("children", children | adults, {**SMALL, "face_checks": "photos"})
    execution = stack.execution("children")
    notice = stack.notice("children")
    assert (notice["code"], execution["error"]) == ("too_few_photos", "TooFewPhotosError")
    assert stack.named(notice) == [(name, ["photo_of_minor"]) for name in sorted(children)]
    assert "TrainAdapter" not in stack.states(execution)
    ages = [(photo.verdict, photo.content) for photo in reported(stack, "children")]
    assert len(ages) == len(bodies)
    for verdict, content in ages:
        assert content is not None
        assert (verdict == "refused") == ((content.under_18 or 0) >= 0.9)
