"""The HTTP API of the deployed stack: keys, people, and nobody."""

import base64
import io
import json
import urllib.error
import urllib.request
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from zipfile import ZipFile

import pytest

from likeness_client import ApiError, LikenessApi, NewPicture
from local.front_door import address, make_key
from tests.cloud import eventually
from tests.e2e.large_pictures import large_pictures_come_by_links
from tests.e2e.stack import SMALL, Stack, photos

PASSWORD = "Correct-horse-battery-9"


class Answer(NamedTuple):
    status: int
    body: Any


def ask(
    stack: Stack, path: str, token: str | None = None, method: str = "GET", body: object = None
) -> Answer:
    """Call the API as any client does."""
    request = urllib.request.Request(  # noqa: S310 - the laptop's own address
        address(stack.cloud, stack.outputs) + path,
        method=method,
        headers={} if token is None else {"Authorization": f"Bearer {token}"},
        data=None if body is None else json.dumps(body).encode(),
    )
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return Answer(answer.status, json.load(answer))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.load(error))


def signed_in(stack: Stack, name: str, tenant: str, role: str) -> str:
    """Return the ID token of a new person."""
    pool, cognito = stack.outputs["UserPoolId"], stack.cloud.client("cognito-idp")
    attributes = {"custom:tenant": tenant, "custom:role": role}
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=name,
        UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
    )
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True
    )
    answer = cognito.initiate_auth(
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    return str(answer["AuthenticationResult"]["IdToken"])


def test_keys_and_people_are_let_in_and_nobody_else(stack: Stack) -> None:
    key = make_key(stack.cloud, "door")
    person = signed_in(stack, "someone@example.org", "door", "viewer")
    for token in (key, person):
        found = ask(stack, "/v1/models", token)
        assert found == (200, {"object": "list", "data": [], "next": None})
    head, claims, sign = person.split(".")
    payload = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = json.dumps(payload | {"custom:tenant": "victim"}).encode()
    forged = f"{head}.{base64.urlsafe_b64encode(other).decode().rstrip('=')}.{sign}"
    for token in ("x", key[:-1] + ("0" if key[-1] != "0" else "1"), forged):
        refused = ask(stack, "/v1/models", token)
        assert (refused.status, refused.body["code"]) == (401, "unauthorized")
    assert ask(stack, "/v1/models").status == 401


def test_an_owner_invites_changes_and_removes_people(stack: Stack) -> None:
    key = make_key(stack.cloud, "people-door")
    invited = ask(stack, "/v1/members", key, "POST", {"email": "ada@example.org", "role": "owner"})
    assert invited.status == 200, invited.body
    member = f"/v1/members/{invited.body['id']}"
    assert ask(stack, f"{member}:role", key, "POST", {"role": "viewer"}).body["role"] == "viewer"
    listed = ask(stack, "/v1/members", key).body["data"]
    assert [(one["id"], one["role"]) for one in listed] == [(invited.body["id"], "viewer")]
    stranger = make_key(stack.cloud, "stranger")
    assert ask(stack, member, stranger, "DELETE").status == 404
    assert ask(stack, member, key, "DELETE").status == 200
    assert ask(stack, "/v1/members", key).body["data"] == []


def send(form: dict[str, Any], body: bytes) -> int:
    """Send a file with a signed form, as a browser does; return the status."""
    edge = "edge-of-a-part"
    head = 'Content-Disposition: form-data; name="{}"'
    parts = [f"{head.format(name)}\r\n\r\n{value}" for name, value in form["fields"].items()]
    text = "".join(f"--{edge}\r\n{part}\r\n" for part in parts).encode()
    file = f'--{edge}\r\n{head.format("file")}; filename="x"\r\n\r\n'.encode()
    request = urllib.request.Request(  # noqa: S310 - the laptop's own address
        form["url"],
        data=text + file + body + f"\r\n--{edge}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={edge}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


@pytest.mark.usefixtures("quick_training")
def test_from_a_key_to_the_files_of_a_model(stack: Stack) -> None:
    key, stranger = make_key(stack.cloud, "door"), make_key(stack.cloud, "stranger")
    files = list(photos(77).values())
    wanted = {"files": [{"type": "image/jpeg", "size": len(body)} for body in files]}
    upload = ask(stack, "/v1/uploads", key, "POST", wanted).body
    assert [send(f, body) for f, body in zip(upload["forms"], files, strict=True)] == [204] * 6
    changed = upload["forms"][0]["fields"] | {"key": "tenants/door/uploads/x/request.json"}
    assert send({**upload["forms"][0], "fields": changed}, files[0]) == 403
    assert send(upload["forms"][0], files[0] + b"x") == 400
    assert send({"url": upload["forms"][0]["url"], "fields": {"key": "x"}}, b"x") == 403
    verdict = ask(stack, f"/v1/uploads/{upload['id']}/photos/0:inspect", key, "POST")
    assert verdict.body["verdict"] == "accepted"

    body = {"upload_id": upload["id"], "request": SMALL}
    assert ask(stack, "/v1/models", stranger, "POST", body).status == 404
    ask(stack, "/v1/models", key, "POST", body)
    job_id = ask(stack, f"/v1/uploads/{upload['id']}?wait=20", key).body["job_id"]
    job, version = {"status": "starting"}, ""
    while job["status"] in {"starting", "processing"}:
        job = ask(stack, f"/v1/jobs/{job_id}?wait=20&after={quote(version)}", key).body
        version = job["version"]
    assert (job["status"], job["model_id"]) == ("succeeded", job_id)
    assert stack.notice(upload["id"])["code"] == "ready"

    found = ask(stack, f"/v1/models/{job_id}/files", key).body["data"]
    for file in found:
        with urllib.request.urlopen(file["url"], timeout=60) as answer:  # noqa: S310
            assert sha256(answer.read()).hexdigest() == file["sha256"]
    assert any(file["path"].endswith(".safetensors") for file in found)
    assert ask(stack, f"/v1/models/{job_id}", key).body["gate"]["passed"]
    for path in (f"jobs/{job_id}", f"models/{job_id}", f"models/{job_id}/files"):
        assert ask(stack, f"/v1/{path}", stranger).status == 404
    assert ask(stack, f"/v1/jobs/{job_id}:cancel", key, "POST").body["outcome"] == "too_late"
    assert ask(stack, "/v1/usage", key).body["succeeded"] == 1
    pictures_are_drawn(stack, job_id, key, stranger)
    order = partial(ordered, stack, job_id, key)
    large_pictures_come_by_links(stack, "door", job_id, order, "stranger")
    data_are_exported(stack, job_id, key, stranger)
    everything_is_written_down(stack, job_id, key, stranger)
    assert ask(stack, "/v1/openapi.json").body["openapi"].startswith("3.1")


def data_are_exported(stack: Stack, job_id: str, key: str, stranger: str) -> None:
    """The tenant's archive is begun, waited for, and downloaded by its link."""
    made = ask(stack, "/v1/exports", key, "POST", {})
    place = f"/v1/exports/{made.body['id']}"
    assert (made.status, ask(stack, place, stranger).status) == (202, 404)
    eventually(lambda: ask(stack, place, key).body["status"] == "succeeded")
    link = ask(stack, f"{place}/file", key).body
    with urllib.request.urlopen(link["url"], timeout=60) as answer:  # noqa: S310
        body = answer.read()
    assert sha256(body).hexdigest() == link["sha256"]
    with ZipFile(io.BytesIO(body)) as archive:
        assert job_id in archive.read("records/models.json").decode()
        assert b'"action": "training.accepted"' in archive.read("records/audit.json")
        assert b"secret_sha256" not in archive.read("records/keys.json")


def everything_is_written_down(stack: Stack, job_id: str, key: str, stranger: str) -> None:
    """The audit trail of the deployed stack has the API's deeds and the workflow's own."""
    found = ask(stack, "/v1/audit?limit=100", key).body["data"]
    deeds = {(one["action"], about) for one in found for about in one["about"]}
    assert ("training.accepted", f"job_id:{job_id}") in deeds
    assert ("GET /v1/models/{model_id}/files", f"model_id:{job_id}") in deeds
    assert ("POST /v1/models/{model_id}/pictures", f"model_id:{job_id}") in deeds
    others = ask(stack, "/v1/audit", stranger).body["data"]
    assert job_id not in str([one for one in others if one["who"] == "stack"])
    assert stack.likeness("keys", "list", "--tenant", "door")
    assert {one["who"].partition(":")[0] for one in found} >= {"key", "stack"}


@pytest.mark.usefixtures("quick_training")
def test_the_python_client_goes_from_a_folder_to_pictures(stack: Stack, tmp_path: Path) -> None:
    for name, body in photos(78).items():
        (tmp_path / name).write_bytes(body)
    (tmp_path / "photo-0.txt").write_text("a photo of a sks person, smiling")
    key = make_key(stack.cloud, "client")
    with LikenessApi(address(stack.cloud, stack.outputs), key) as api:
        upload = api.upload(tmp_path)
        assert upload.files == 7
        started = api.train(upload.id, SMALL)
        seen = [job.percent for job in api.follow_job(started.id)]
        assert seen == sorted(seen)
        model = api.wait_for_job(started.id).model_id
        assert model is not None
        assert stack.notice(upload.id)["code"] == "ready"
        order = NewPicture(prompt="a photo of a sks person", num_inference_steps=2)
        drawn = api.draw(model, order)
        (picture,) = api.save_pictures(drawn, tmp_path / "out.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
        files = {path.name for path in api.save_files(model, tmp_path / "files")}
        assert "pytorch_lora_weights.safetensors" in files
        with pytest.raises(ApiError) as refused:
            api.get_model("f" * 32)
        assert refused.value.code == "not_found"


def ordered(stack: Stack, model: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """Order pictures, and return the order when it has ended."""
    made = ask(stack, f"/v1/models/{model}/pictures?wait=20", key, "POST", body).body
    while made["status"] in {"queued", "drawing"}:
        made = ask(stack, f"/v1/pictures/{made['id']}?wait=20", key).body
    return dict(made)


def pictures_are_drawn(stack: Stack, model: str, key: str, stranger: str) -> None:
    """Order pictures of the new model as we and as OpenAI's clients do."""
    wanted = {"prompt": "a photo of a sks person", "num_inference_steps": 2, "seed": 7}
    address = f"/v1/models/{model}/pictures"
    assert ask(stack, address, stranger, "POST", wanted).status == 404
    made = ordered(stack, model, key, wanted)
    assert (made["status"], made["seed"]) == ("succeeded", 7), made
    (image,) = made["images"]
    with urllib.request.urlopen(image["url"], timeout=60) as answer:  # noqa: S310
        assert sha256(answer.read()).hexdigest() == image["sha256"]
    assert ask(stack, f"/v1/pictures/{made['id']}", stranger).status == 404
    body = {"model": model, "prompt": wanted["prompt"], "response_format": "b64_json"}
    drawn = ask(stack, "/v1/images/generations", key, "POST", body)
    assert base64.b64decode(drawn.body["data"][0]["b64_json"]).startswith(b"\x89PNG"), drawn
