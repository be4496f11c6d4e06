"""A stranger reports a picture, its watermark names the model, and an operator disables it."""

import io
import json
import time
from base64 import b64encode
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from contracts.marks import watermark
from contracts.marks.marking import Marker, Origin, Output
from contracts.shared.pictures.mark_keys import MarkSecret, mark_id, marking_keys, parse_secret
from local.demo.subscriber import Subscriber
from local.demo.upload import TENANT
from local.front_door import address, make_key
from local.portraits import album, upload_bytes
from tests.cloud import eventually
from tests.e2e.stack import BLOCKED, SMALL, Stack, photos
from tests.e2e.test_http_api import Answer, ask
from tests.e2e.test_schedules import call


def secret_of(stack: Stack) -> MarkSecret:
    """Return the stack's secret, which makes and reads its marks."""
    made = stack.cloud.client("cloudformation").describe_stack_resource(
        StackName="likeness", LogicalResourceId="MarksSecret"
    )["StackResourceDetail"]
    secrets = stack.cloud.client("secretsmanager")
    held = secrets.get_secret_value(SecretId=made["PhysicalResourceId"])
    return parse_secret(held["SecretString"])


def plain() -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(60, 200, (320, 320, 3), np.uint8))


def signed(stack: Stack, model: str) -> bytes:
    """Return a picture's file as a server of this stack writes those of the model."""
    marker = Marker(marking_keys(secret_of(stack), "serving"))
    return marker.mark(plain(), Origin(model=model, tool="Likeness"), Output("png")).file


def marked(stack: Stack, model: str) -> bytes:
    """Return such a picture, saved again as a JPEG: it has lost its content credentials."""
    pattern = watermark.pattern_of(marking_keys(secret_of(stack), "serving").watermark)
    image = watermark.embed(plain(), pattern, mark_id(pattern.key, model))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def report(stack: Stack, picture: bytes) -> Answer:
    body = {"picture": b64encode(picture).decode(), "reason": "intimate", "i_am": "shown_person"}
    return ask(stack, "/v1/takedowns", method="POST", body=body | {"words": "canary-words"})


def verdict(stack: Stack, picture: bytes) -> Answer:
    """Return what the stack says to a stranger of a picture's marks."""
    body = {"picture": b64encode(picture).decode()}
    return ask(stack, "/v1/verifications", method="POST", body=body)


def has_announced(operators: Subscriber, texts: list[str], words: str) -> bool:
    """Return whether the operators were told these words; keep all that they were told."""
    texts.extend(operators.texts())
    return any(words in text for text in texts)


def status_of_pictures(stack: Stack, model: str, key: str) -> str:
    order = {"prompt": "a photo of a sks person", "num_inference_steps": 2}
    found = ask(stack, f"/v1/models/{model}/pictures?wait=20", key, "POST", order)
    return str(found.body.get("code") or found.body["status"])


@pytest.mark.usefixtures("quick_training")
def test_a_reported_model_draws_nothing_until_it_is_restored(stack: Stack) -> None:
    operators = Subscriber(stack.cloud, stack.outputs["OperationsTopicArn"])
    key, operator = make_key(stack.cloud, TENANT), make_key(stack.cloud, "stack", scopes="operate")
    stack.upload("reported", photos(97), SMALL)
    assert stack.execution("reported")["status"] == "SUCCEEDED"
    assert stack.notice("reported")["code"] == "ready"
    model = stack.record("reported").job_id

    verified = verdict(stack, marked(stack, model)).body
    assert (verified["made_here"], verified["watermark"]) == (True, True)
    assert (verified["credentials"], verified["made_at"]) == ("absent", None)
    whole = verdict(stack, signed(stack, model)).body
    assert (whole["made_here"], whole["credentials"], whole["watermark"]) == (True, "ours", True)
    assert whole["made_at"] is not None
    made = report(stack, marked(stack, model))
    assert made.status == 200, made.body
    case = made.body["id"]
    path = f"/v1/takedowns/{case}"

    def found() -> object:
        return ask(stack, f"{path}/evidence", operator).body["case"]["models"]

    assert eventually(found) == [model]
    evidence = ask(stack, f"{path}/evidence", operator).body
    assert (evidence["case"]["watermark"], evidence["report"]["words"]) == (True, "canary-words")
    with urlopen(evidence["picture_url"], timeout=60) as picture:  # noqa: S310 - the laptop's own
        assert picture.read(4) == b"\x89PNG"
    texts: list[str] = []  # alarms come through the same topic
    eventually(lambda: has_announced(operators, texts, case))
    assert not any("canary" in text for text in texts)

    assert ask(stack, f"{path}:accept", key, "POST", {}).status == 403
    began = time.monotonic()
    assert ask(stack, f"{path}:accept", operator, "POST", {}).body["status"] == "accepted"
    assert status_of_pictures(stack, model, key) == "model_disabled"
    assert ask(stack, f"/v1/models/{model}/files", key).status == 451
    eventually(lambda: refused_by_the_endpoint(stack, model))
    assert time.monotonic() - began < 60
    assert ask(stack, path).body["status"] == "accepted"

    assert ask(stack, f"/v1/models/{model}:appeal", key, "POST").status == 200
    call(stack, "watch-takedowns")
    eventually(lambda: has_announced(operators, texts, f"{case}  the owner of a disabled model"))
    listed = stack.likeness("takedown", "list")
    assert f"{case}  accepted" in listed
    assert "appealed" in listed
    assert "restored" in stack.likeness("takedown", "restore", case)
    eventually(lambda: status_of_pictures(stack, model, key) == "succeeded")
    deeds = [one["action"] for one in ask(stack, "/v1/audit?limit=50", key).body["data"]]
    assert {"takedown.accepted", "takedown.restored"} <= set(deeds)


@pytest.mark.usefixtures("quick_training")
def test_a_refused_prompt_is_drawn_once_an_operator_grants_the_appeal(stack: Stack) -> None:
    key = make_key(stack.cloud, TENANT)
    stack.upload("appealed", photos(98), SMALL)
    assert stack.execution("appealed")["status"] == "SUCCEEDED"
    assert stack.notice("appealed")["code"] == "ready"
    model = stack.record("appealed").job_id
    prompt = f"a photo of a sks person, {BLOCKED}"
    order = {"prompt": prompt, "num_inference_steps": 2}

    def drawn(text: str = prompt) -> dict[str, Any]:
        wanted = order | {"prompt": text}
        made = ask(stack, f"/v1/models/{model}/pictures?wait=20", key, "POST", wanted).body
        found = ask(stack, f"/v1/pictures/{made['id']}?wait=20", key).body
        return dict(found)

    refused = drawn()
    assert refused["failure"]["code"] == "prompt_refused"
    disguised = "a photo of a sks person, FÓRBIDDEN_ph\u200br\u0430se"  # a Cyrillic letter
    assert drawn(disguised)["failure"]["code"] == "prompt_refused"
    path = f"/v1/refusals/{refused['refusal_id']}:appeal"
    appeal = ask(stack, path, key, "POST", {"words": "our own brand"}).body
    assert appeal["status"] == "open"
    operators = Subscriber(stack.cloud, stack.outputs["OperationsTopicArn"])
    call(stack, "watch-takedowns")
    eventually(lambda: has_announced(operators, [], f"{appeal['id']}  prompt_refused"))
    assert prompt in stack.likeness("appeals", "read", appeal["id"])
    assert "granted" in stack.likeness("appeals", "grant", appeal["id"])
    eventually(lambda: drawn()["status"] == "succeeded")
    assert drawn(f"{prompt}, smiling")["failure"]["code"] == "prompt_refused"
    why = ("--why", "rule_is_right")
    assert "refused" in stack.likeness("appeals", "refuse", appeal["id"], *why)
    eventually(lambda: drawn()["status"] == "failed")


def refused_by_the_endpoint(stack: Stack, model: str) -> bool:
    """Return whether the endpoint itself refuses the model, past the API."""
    row = stack.cloud.client("dynamodb").get_item(
        TableName=stack.outputs["ModelsTableName"],
        Key={"tenant": {"S": TENANT}, "model_id": {"S": model}},
    )["Item"]
    answer = stack.likeness(
        *("generate", row["target_model"]["S"], "a photo of a sks person"),
        *("--endpoint", stack.outputs["EndpointName"], "--out", "/dev/null"),
        *("--num-inference-steps", "2"),
    )
    return "adapter_invalid" in answer


def test_a_report_is_refused_when_it_is_no_picture(stack: Stack) -> None:
    assert report(stack, b"no picture").status == 422
    assert verdict(stack, b"no picture").body["code"] == "invalid_call"
    assert verdict(stack, upload_bytes(album(97, 1)[0].image)).body["made_here"] is False
    request = Request(address(stack.cloud, stack.outputs) + "/v1/takedowns", data=b"x" * 100)  # noqa: S310
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=60)  # noqa: S310
    assert json.load(refused.value)["code"] == "invalid_call"
