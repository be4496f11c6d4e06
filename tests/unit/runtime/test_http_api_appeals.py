"""A tenant appeals a refused prompt, name or picture; an operator lets exactly that through."""

from base64 import b64encode
from hashlib import sha256
from typing import Any, cast

import pytest

from contracts.documents.api.pictures import PictureOrder, PictureRow
from contracts.documents.api.webhooks import Webhook, WebhookSecret
from contracts.documents.appeal import AppealOrder, WithheldPicture
from contracts.documents.model import ModelRecord
from contracts.documents.picture import PictureArguments
from contracts.documents.status import UploadRow
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.shared import layout
from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.words.allowed_texts import hash_of_picture, hash_of_texts, marker_of
from domain.appeals.allowing import is_allowed
from domain.operating.orders import OPERATORS
from domain.pictures.ordering import order_key
from domain.ports.storage import write_document
from http_api.services import Limits, Services
from tests.unit.runtime.api_kit import ALL, NOON, call, context, services

OPERATOR = context("stack", "operate")
PICTURE = f"pic_{5:024x}"
PROMPT = "canary prompt of FAMOUS person"
OWNER = tenant_hash("acme")
WHY = {"why": "rule_is_right"}


def refused_picture(
    stores: Services,
    code: Any = "prompt_refused",
    tenant: str = "acme",
    model_id: str = f"{1:032x}",
    **more: Any,
) -> str:
    times = {"created_at": NOON.isoformat(), "updated_at": NOON.isoformat()}
    row = PictureRow(
        picture_id=PICTURE, tenant=tenant, model_id=model_id, status="failed", code=code,
        seed=1, count=1, delete_at=0, **times,
    )  # fmt: skip
    stores.pictures.pictures.add(row)
    order = PictureOrder(
        picture_id=PICTURE, tenant=tenant, model_id=row.model_id, prompt=PROMPT,
        negative_prompt="blur", created_at=NOON.isoformat(),
        **{"arguments": PictureArguments(seed=7), **more},
    )  # fmt: skip
    write_document(stores.uploads, order_key(row), order)
    return PICTURE


def withheld_picture(stores: Services, **more: Any) -> str:
    """An order of a model whose picture the safety checks have withheld."""
    model_id = f"{1:032x}"
    target = f"{model_id}-{'b' * 12}.tar.gz"
    model = ModelRecord(
        tenant="acme", model_id=model_id, target_model=target, weights_sha256="b" * 64,
        base_id="base", trigger_word="sks", endpoint_name="e", created_at=NOON.isoformat(),
    )  # fmt: skip
    stores.models.record(model)
    return refused_picture(stores, "unsafe_picture", **more)


def marker_of_picture(**more: Any) -> str:
    """The marker that the server looks for before it withholds the picture."""
    arguments = more.pop("arguments", PictureArguments(seed=7, prompt_weights=True))
    drawn_from = WithheldPicture.of("b" * 64, arguments, **more)
    return layout.models.allowed_key(
        marker_of(OWNER, hash_of_picture(OWNER, [PROMPT, "blur"], drawn_from.text))
    )


def allowed(stores: Services) -> list[str]:
    return [one.key for one in stores.documents.list(layout.models.ALLOWED_PREFIX, 9)]


def refused_upload(stores: Services, *fields: str) -> str:
    jobs: Any = stores.jobs
    jobs.uploads["acme/u7"] = UploadRow(refused_code="name_refused")
    request = (
        '{"instance_prompt": "a photo of sks person, famous person", "class_prompt": "a person"}'
    )
    key = layout.uploads.upload_prefix("acme", "u7") + layout.uploads.REQUEST_FILE
    stores.uploads.write(key, request.encode())
    problems = tuple(RequestProblem(field=field, message="It has a name.") for field in fields)
    if problems:
        place = layout.models.problems_key("acme", "u7")
        write_document(stores.documents, place, RequestProblems(problems=problems))
    return "u7"


def appeal(stores: Services, refusal: str, **more: Any) -> Any:
    body = {"words": "it is my own name"}
    return call(stores, "POST", f"/v1/refusals/{refusal}:appeal", body, **more)


def test_a_refused_order_and_upload_say_how_to_appeal() -> None:
    stores = services()
    refused_picture(stores)
    refused_upload(stores, "instance_prompt")
    assert call(stores, "GET", f"/v1/pictures/{PICTURE}").body["refusal_id"] == PICTURE
    assert call(stores, "GET", "/v1/uploads/u7").body["refusal_id"] == "u7"


@pytest.mark.parametrize("door", [f"/v1/pictures/{PICTURE}", "/v1/uploads/u7"])
def test_a_refusal_says_how_its_appeal_stands(door: str) -> None:
    stores = services()
    refused_picture(stores)
    refused_upload(stores, "instance_prompt")
    stands = [call(stores, "GET", door).body["appeal"]]
    made = appeal(stores, door.rpartition("/")[2]).body
    stands.append(call(stores, "GET", door).body["appeal"])
    for deed, body in (("grant", None), ("refuse", WHY)):
        call(stores, "POST", f"/v1/appeals/{made['id']}:{deed}", body, who=OPERATOR)
        stands.append(call(stores, "GET", door).body["appeal"])
    assert stands == [None, "open", "granted", "refused"]


def test_a_granted_prompt_leaves_a_marker_for_its_tenant_and_the_text_is_in_no_row() -> None:
    stores = services()
    made = appeal(stores, refused_picture(stores)).body
    assert (made["status"], made["code"], made["refusal_id"]) == ("open", "prompt_refused", PICTURE)
    rows: Any = stores.appeals
    assert "canary" not in rows.rows[made["id"]].model_dump_json()
    path = f"/v1/appeals/{made['id']}"
    evidence = call(stores, "GET", f"{path}/evidence", who=OPERATOR).body["text"]
    assert (evidence["texts"], evidence["words"]) == ([[PROMPT, "blur"]], "it is my own name")
    granted = call(stores, "POST", f"{path}:grant", who=OPERATOR)
    assert (granted.status, granted.body["status"]) == (200, "granted")
    marker = layout.models.allowed_key(marker_of(OWNER, hash_of_texts(OWNER, [PROMPT, "blur"])))
    assert [one.key for one in stores.documents.list(layout.models.ALLOWED_PREFIX, 9)] == [marker]
    assert call(stores, "GET", path).body["status"] == "granted"
    back = call(stores, "POST", f"{path}:refuse", WHY, who=OPERATOR)
    assert (back.body["status"], back.body["why"]) == ("refused", "rule_is_right")
    assert stores.documents.list(layout.models.ALLOWED_PREFIX, 9) == []


def test_a_granted_name_is_let_through_for_its_tenant_alone() -> None:
    stores = services()
    made = appeal(stores, refused_upload(stores, "instance_prompt")).body
    assert made["code"] == "name_refused"
    call(stores, "POST", f"/v1/appeals/{made['id']}:grant", who=OPERATOR)
    assert is_allowed("A photo of SKS person, famous-PERSON", "acme", stores.documents)
    assert not is_allowed("a photo of sks person, famous person", "globex", stores.documents)
    assert not is_allowed("another photo of sks person, famous person", "acme", stores.documents)
    assert not is_allowed("a person", "acme", stores.documents)


def test_a_granted_picture_is_one_request_of_one_model_and_is_kept_nowhere() -> None:
    stores = services()
    made = appeal(stores, withheld_picture(stores)).body
    assert (made["code"], made["refusal_id"]) == ("unsafe_picture", PICTURE)
    path = f"/v1/appeals/{made['id']}"
    text = call(stores, "GET", f"{path}/evidence", who=OPERATOR).body["text"]
    assert text["texts"] == [[PROMPT, "blur"]]
    assert (text["picture"]["weights_sha256"], text["picture"]["arguments"]["seed"]) == (
        "b" * 64,
        7,
    )
    assert [one.key for one in stores.uploads.list("", 9) if "png" in one.key] == []
    assert call(stores, "POST", f"{path}:grant", who=OPERATOR).body["status"] == "granted"
    assert allowed(stores) == [marker_of_picture()]
    assert allowed(stores) != [marker_of_picture(arguments=PictureArguments(seed=8))]
    assert not is_allowed(PROMPT, "acme", stores.documents), "the text is allowed nowhere else"
    call(stores, "POST", f"{path}:refuse", WHY, who=OPERATOR)
    assert allowed(stores) == []


@pytest.mark.parametrize("sent", [True, False])
def test_a_picture_that_starts_from_an_image_is_allowed_from_that_image_alone(sent: bool) -> None:
    stores = services()
    key = layout.uploads.tenant_pictures_prefix("acme") + "start.png"
    stores.uploads.write(key, b"start")
    image = "data:image/png;base64,c3Rh\ncnQ=" if sent else stores.uploads.uri(key)
    arguments = PictureArguments(seed=7, strength=0.5, mask_image=b64encode(b"mask").decode())
    refusal = withheld_picture(stores, image=image, arguments=arguments)
    made = appeal(stores, refusal).body
    call(stores, "POST", f"/v1/appeals/{made['id']}:grant", who=OPERATOR)
    hashes = {
        "image_sha256": sha256(b"start").hexdigest(), "mask_sha256": sha256(b"mask").hexdigest(),
    }  # fmt: skip
    assert allowed(stores) == [marker_of_picture(arguments=arguments, **hashes)]


def test_a_withheld_picture_has_no_appeal_once_its_model_or_its_image_is_gone() -> None:
    gone = services()
    assert appeal(gone, refused_picture(gone, "unsafe_picture")).status == 404
    for image in (
        "no base64!", "s3://uploads/tenants/globex/pictures/me.png",
        "s3://uploads/tenants/acme/pictures/gone.png",
        f"s3://uploads/answers/{OWNER}/11/{2:032x}/000.png",
    ):  # fmt: skip
        stores = services()
        assert appeal(stores, withheld_picture(stores, image=image)).status == 404


def test_what_no_rule_has_refused_has_no_appeal() -> None:
    stores = services()
    assert appeal(stores, refused_picture(stores, "generation_failed")).status == 404
    assert appeal(stores, refused_upload(stores)).status == 404
    for refusal in (f"pic_{9:024x}", "u9"):
        assert appeal(stores, refusal).status == 404
    gone = services()
    refused_picture(gone)
    gone.uploads.delete(layout.uploads.pictures_prefix("acme", PICTURE) + layout.uploads.ORDER_FILE)
    assert appeal(gone, PICTURE).status == 404


def test_nobody_else_appeals_reads_or_decides() -> None:
    stores = services()
    refused_picture(stores)
    viewer, other = context("acme", "read"), context("globex", *ALL)
    assert appeal(stores, PICTURE, who=viewer).status == 403
    assert appeal(stores, PICTURE, who=other).status == 404
    path = f"/v1/appeals/{appeal(stores, PICTURE).body['id']}"
    assert call(stores, "GET", path, who=other).status == 404
    for method, door, body in (
        ("GET", "/v1/appeals", None), ("GET", f"{path}/evidence", None),
        ("POST", f"{path}:grant", None), ("POST", f"{path}:refuse", WHY),
    ):  # fmt: skip
        assert call(stores, method, door, body).status == 403
        assert call(stores, method, door, body, who=OPERATOR).status == 200
        unknown = door.replace(path, f"/v1/appeals/ap_{'9' * 32}")
        if unknown != door:
            assert call(stores, method, unknown, body, who=OPERATOR).status == 404


def test_one_refusal_has_one_appeal_and_a_day_has_its_limit() -> None:
    stores = services(Limits(appeals_per_day=2))
    refused_picture(stores)
    first, second = appeal(stores, PICTURE), appeal(stores, PICTURE)
    assert first.body == second.body
    assert appeal(stores, PICTURE).status == 429
    listed = call(stores, "GET", "/v1/appeals", who=OPERATOR).body["data"]
    assert [one["appeal_id"] for one in listed] == [first.body["id"]]


def test_a_text_that_was_changed_since_is_shown_to_no_operator() -> None:
    stores = services()
    made = appeal(stores, refused_picture(stores)).body
    key = layout.uploads.appeal_key("acme", made["id"])
    stores.uploads.write(key, stores.uploads.read(key, 9999).replace(b"FAMOUS", b"unknown"))
    evidence = call(stores, "GET", f"/v1/appeals/{made['id']}/evidence", who=OPERATOR)
    assert evidence.body["text"] is None


@pytest.mark.parametrize(("action", "body"), [("grant", None), ("refuse", WHY)])
def test_the_tenant_hears_of_the_decision_once_and_the_trail_keeps_it(
    action: str, body: object
) -> None:
    stores = services()
    hook = Webhook(
        webhook_id=f"wh_{1:016x}", tenant="acme", url="https://hooks.example.org/",
        events=("appeal.decided",), secrets=(WebhookSecret(secret="whsec_" + "A" * 43 + "="),),
        created_at=NOON.isoformat(),
    )  # fmt: skip
    stores.webhooks.webhooks.add(hook)
    stores.webhooks.webhooks.add(
        hook.model_copy(update={"webhook_id": f"wh_{2:016x}", "events": ("job.ended",)})
    )
    made = appeal(stores, refused_picture(stores)).body
    for _ in range(2):
        call(stores, "POST", f"/v1/appeals/{made['id']}:{action}", body, who=OPERATOR)
    queue: Any = stores.webhooks.queue
    ((task, _),) = queue.messages
    status = {"grant": "granted", "refuse": "refused"}[action]
    assert (task.message.type, task.message.data["status"]) == ("appeal.decided", status)
    assert "canary" not in task.model_dump_json()
    trail = [one.action for one in stores.audit.of("acme", 9, None)]
    assert trail.count(f"appeal.{status}") == 1


@pytest.mark.parametrize("moment", ["before a marker is written", "after the grant has ended"])
def test_a_grant_and_a_refusal_at_once_leave_no_marker(moment: str) -> None:
    stores = services()
    made = appeal(stores, refused_picture(stores)).body
    path = f"/v1/appeals/{made['id']}"
    documents, appeals = cast("Any", stores.documents), cast("Any", stores.appeals)
    write, replace = documents.write, appeals.replace

    def refused_meanwhile(*given: Any) -> None:
        documents.write = write
        call(stores, "POST", f"{path}:refuse", WHY, who=OPERATOR)
        write(*given)

    def granted_meanwhile(before: Any, after: Any) -> bool:
        appeals.replace = replace
        call(stores, "POST", f"{path}:grant", who=OPERATOR)
        return bool(replace(before, after))

    if moment == "before a marker is written":
        documents.write = refused_meanwhile
        answer = call(stores, "POST", f"{path}:grant", who=OPERATOR)
    else:
        appeals.replace = granted_meanwhile
        answer = call(stores, "POST", f"{path}:refuse", WHY, who=OPERATOR)
    assert answer.body["status"] == call(stores, "GET", path).body["status"] == "refused"
    assert stores.documents.list(layout.models.ALLOWED_PREFIX, 9) == []


def test_a_grant_that_an_erasure_has_overtaken_leaves_nothing() -> None:
    stores = services()
    made = appeal(stores, refused_picture(stores)).body
    appeals: Any = stores.appeals
    real = appeals.get

    def get(appeal_id: str) -> Any:
        found = real(appeal_id)
        if found is not None and found.status == "granted":
            appeals.rows.clear()
            return None
        return found

    appeals.get = get
    answer = call(stores, "POST", f"/v1/appeals/{made['id']}:grant", who=OPERATOR)
    assert answer.status == 404
    assert stores.documents.list(layout.models.ALLOWED_PREFIX, 9) == []


def test_an_order_without_the_api_is_answered_with_the_appeal_and_its_text() -> None:
    stores = services()
    made = appeal(stores, refused_picture(stores)).body
    decider = stores.appeal_decider
    listed = decider.decide(AppealOrder(action="list"))
    assert (listed.outcome, [one.appeal_id for one in listed.appeals]) == ("listed", [made["id"]])
    one = decider.decide(AppealOrder(action="list", appeal_id=made["id"]))
    assert (one.outcome, one.appeals, one.text) == ("listed", listed.appeals, None)
    found = decider.decide(AppealOrder(action="read", appeal_id=made["id"]))
    assert (found.outcome, found.appeals) == ("listed", listed.appeals)
    assert found.text is not None
    assert found.text.texts == ((PROMPT, "blur"),)
    for tenant in (OPERATORS, "acme"):
        (entry,) = [one for one in stores.audit.of(tenant, 9, None) if one.who == "operator"]
        assert (entry.action, f"appeal_id:{made['id']}" in entry.about) == ("appeal.read", True)
    granted = decider.decide(AppealOrder(action="grant", appeal_id=made["id"]))
    (row,) = granted.appeals
    assert (granted.outcome, row.status, row.decided_at) == ("granted", "granted", NOON.isoformat())
    unknown = decider.decide(AppealOrder(action="grant", appeal_id=f"ap_{'9' * 32}"))
    assert (unknown.outcome, unknown.appeals) == ("unknown", ())


def test_a_grant_of_an_appeal_that_is_erased_meanwhile_is_unknown() -> None:
    stores = services()
    made = appeal(stores, refused_picture(stores)).body
    appeals: Any = stores.appeals

    def replace(*_: Any) -> bool:
        appeals.rows.clear()
        return False

    appeals.replace = replace
    order = AppealOrder(action="grant", appeal_id=made["id"])
    assert stores.appeal_decider.decide(order).outcome == "unknown"
    assert stores.documents.list(layout.models.ALLOWED_PREFIX, 9) == []


def test_of_two_appeals_at_once_against_one_refusal_the_first_counts() -> None:
    stores = services()
    refusal = refused_picture(stores)
    first = appeal(stores, refusal).body["id"]
    appeals: Any = stores.appeals
    appeals.rows[first] = appeals.rows[first].model_copy(update={"status": "granted"})
    real, asked = appeals.get, list[str]()

    def get(appeal_id: str) -> Any:
        asked.append(appeal_id)
        return None if len(asked) == 1 else real(appeal_id)  # the first one is stored just now

    appeals.get = get
    assert appeal(stores, refusal).body["status"] == "granted"
