"""domain.pictures: an order is drawn, drawn again, cancelled or erased, with the seed it got."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.documents.api.pictures import (
    MAX_API_IMAGE_CHARACTERS,
    MAX_SEED,
    NewPicture,
    PictureRow,
    PictureTask,
)
from contracts.documents.model import ModelRecord
from contracts.documents.picture import (
    MAX_MASK_CHARACTERS,
    StoredPictures,
)
from contracts.errors import (
    EndpointMissingError,
    ModelNotReadyError,
    StageError,
    WarmUpFailedError,
)
from contracts.shared import layout
from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.words.picture_texts import MAX_PROMPT_CHARACTERS
from domain.pictures.drawing import (
    MAX_AGE,
    MAX_SLOW,
    PAUSES,
    STARTING_PAUSE,
    DrawingServices,
    draw,
    give_up,
)
from domain.pictures.ordering import (
    OVERDUE,
    OrderServices,
    UnknownPictureError,
    cancel,
    order,
    order_key,
    own_picture,
    prefix_of,
)
from domain.ports.aliases import VersionKey
from domain.ports.storage import DOCUMENT_LIMIT, read_document
from domain.serving.asking import PNG_SIGNATURE
from tests.fakes.aliases import MemoryAliases
from tests.fakes.endpoint_invoker import MemoryEndpointInvoker
from tests.fakes.endpoint_lifecycle import MemoryEndpointLifecycle
from tests.fakes.models import MemoryModels
from tests.fakes.ordered_pictures import MemoryPictureQueue, MemoryPictures
from tests.fakes.storage import MemoryStorage

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
WEIGHTS = "a" * 64
MODEL = ModelRecord(
    tenant="acme",
    model_id="1" * 32,
    target_model="1" * 32 + "-" + WEIGHTS[:12] + ".tar.gz",
    weights_sha256=WEIGHTS,
    base_id="base",
    trigger_word="sks",
    endpoint_name="endpoint",
    created_at=NOON.isoformat(),
)
SECRET = "a photo of sks at Zoë's birthday"
RETENTION = timedelta(days=30)
Action = Callable[[], object]


class Endpoint(MemoryEndpointInvoker):
    """Raises what it is told to, in turn, before it draws."""

    def __init__(self, *errors: StageError) -> None:
        super().__init__()
        self.deploy(MODEL.target_model, WEIGHTS)
        self.asked: list[bytes] = []
        self.errors = list(errors)
        self.meanwhile: Action = lambda: None

    def invoke(self, target_model: str, body: bytes) -> bytes:
        self.asked.append(body)
        self.meanwhile()
        if self.errors:
            raise self.errors.pop(0)
        return super().invoke(target_model, body)


class World:
    def __init__(self, *errors: StageError, on_demand: bool = True) -> None:
        self.time = NOON
        self.endpoint = Endpoint(*errors)
        self.lifecycle = MemoryEndpointLifecycle(on_demand=on_demand)
        self.pictures, self.queue = MemoryPictures(), MemoryPictureQueue()
        self.uploads, self.models = MemoryStorage("uploads"), MemoryModels()
        self.models.record(MODEL)
        self.aliases = MemoryAliases()
        self.orders = OrderServices(self.pictures, self.queue, self.uploads)
        self.services = DrawingServices(
            self.pictures,
            self.queue,
            self.uploads,
            self.models,
            self.endpoint,
            self.lifecycle,
            lambda: self.time,
            self.aliases,
        )

    def order(self, *, alias: str | None = None, **wanted: Any) -> PictureRow:
        new = NewPicture.model_validate({"prompt": SECRET} | wanted)
        return order(self.orders, MODEL, new, RETENTION, self.time, alias=alias)

    def draw(self) -> PictureRow:
        """Let a worker take the newest message, after its delay."""
        task, delay = self.queue.messages[-1]
        self.time += timedelta(seconds=delay)
        row = draw(self.services, task)
        assert row is not None
        return row

    def pass_seconds(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def kept(self, row: PictureRow) -> list[str]:
        return [one.key.rpartition("/")[2] for one in self.uploads.list(prefix_of(row), 99)]


def seeds_asked(world: World) -> set[int]:
    """Return the seeds in the requests that the endpoint got."""
    bodies = [json.loads(body)["inputs"] for body in world.endpoint.asked]
    arguments = [i["data"][0] for body in bodies for i in body if i["name"] == "gen_args"]
    return {json.loads(text)["seed"] for text in arguments}


def large_answer(tenant: str) -> str:
    """Return the key of a picture that the endpoint has stored."""
    return layout.uploads.answer_prefix(tenant_hash(tenant), [MODEL.model_id], "7" * 32) + "000.png"


def test_a_picture_that_was_too_large_for_an_answer_is_read_from_s3() -> None:
    world = World()
    world.order()
    world.endpoint.stored = f"s3://uploads/{large_answer('acme')}"
    world.uploads.write(large_answer("acme"), PNG_SIGNATURE + b"large")
    row = world.draw()
    assert row.status == "succeeded"
    assert world.uploads.read(prefix_of(row) + "000.png", 99) == PNG_SIGNATURE + b"large"


@pytest.mark.parametrize(
    ("stored", "code"),
    [
        (f"s3://uploads/{large_answer('acme')}", "erased"),
        (f"s3://uploads/{large_answer('globex')}", "warm_up_failed"),
        (f"s3://elsewhere/{large_answer('acme')}", "warm_up_failed"),
    ],
)
def test_another_s_picture_is_not_read_and_a_missing_one_was_erased(stored: str, code: str) -> None:
    world = World()
    world.order()
    world.uploads.write(large_answer("globex"), PNG_SIGNATURE + b"theirs")
    world.endpoint.stored = stored
    assert (world.draw().status, world.draw().code) == ("failed", code)


def test_an_order_is_drawn_and_lies_beside_its_picture() -> None:
    world = World()
    made = world.order(negative_prompt="blur", num_inference_steps=5, width=64, height=64)
    row = world.draw()
    assert (row.status, row.attempts, row.width, row.code) == ("succeeded", 1, 64, None)
    assert world.kept(row) == ["000.png", "order.json", "pictures.json"]
    about = read_document(world.uploads, prefix_of(row) + "pictures.json", StoredPictures)
    assert (about.prompt, about.negative_prompt) == (SECRET, "blur")
    assert about.arguments.num_inference_steps == 5
    assert about.files == {"000.png": row.files[0].sha256}
    assert (made.seed, seeds_asked(world)) == (row.seed, {row.seed})


def test_the_base_draws_alone_at_a_scale_of_0_and_another_s_weights_are_no_answer() -> None:
    world = World()
    world.order(lora_scale=0)
    assert world.draw().status == "succeeded"
    world.endpoint.deploy(MODEL.target_model, "b" * 64)
    world.order(lora_scale=0.5)
    assert (world.draw().status, world.draw().code) == ("failed", "warm_up_failed")


def test_fields_that_a_newer_server_has_added_are_left_out() -> None:
    world = World()
    world.order()
    answer = json.loads(world.endpoint.invoke(MODEL.target_model, b'{"inputs": []}'))
    info = next(one for one in answer["outputs"] if one["name"] == "info")
    info["data"] = [json.dumps(json.loads(info["data"][0]) | {"new": 1})]
    world.endpoint.babble = json.dumps(answer).encode()
    assert world.draw().status == "succeeded"


def test_while_it_is_drawn_an_order_says_so_and_its_row_goes_with_its_pictures() -> None:
    world, seen = World(), []
    made = world.order()
    world.endpoint.meanwhile = lambda: seen.append(world.pictures.get(made.picture_id))
    world.draw()
    (during,) = seen
    assert during is not None
    assert (during.status, during.attempts) == ("drawing", 1)
    assert made.delete_at == (NOON + RETENTION).timestamp()


def test_an_order_by_an_alias_counts_for_its_version_and_no_other_does() -> None:
    world = World()
    world.endpoint.meanwhile = lambda: world.pass_seconds(3)
    for alias in (None, "ada"):
        world.order(alias=alias)
        world.draw()
    (version,) = world.aliases.sums
    assert version == VersionKey("acme", "ada", MODEL.model_id)
    found = world.aliases.sums[version]
    assert (found.drawn, found.pictures, found.milliseconds) == (1, 1, 3000)


def test_an_open_order_counts_for_no_version() -> None:
    world = World(ModelNotReadyError(status=507))
    world.order(alias="ada")
    world.draw()
    assert world.aliases.sums == {}


def test_an_endpoint_may_take_longer_to_start_than_a_slow_picture() -> None:
    world = World(*[EndpointMissingError() for _ in range(MAX_SLOW + 1)])
    world.order()
    rows = [world.draw() for _ in range(MAX_SLOW + 2)]
    assert [row.status for row in rows] == [*["queued"] * (MAX_SLOW + 1), "succeeded"]


def test_any_seed_is_a_seed_of_ours() -> None:
    world = World()
    made = world.order(seed=-1)
    assert 0 <= made.seed < MAX_SEED
    world.draw()
    assert seeds_asked(world) == {made.seed}


def test_an_image_and_its_mask_reach_the_endpoint_and_stay_in_the_order() -> None:
    world = World()
    changing: dict[str, Any] = {"image": "aW1hZ2U=", "mask_image": "bWFzaw==", "strength": 0.5}
    row = world.order(prompt_weights=False, clip_skip=2, refiner_switch_at=0.8, **changing)
    world.draw()
    sent = {one["name"]: one["data"][0] for one in json.loads(world.endpoint.asked[0])["inputs"]}
    arguments = json.loads(sent["gen_args"])
    assert sent["image"] == "aW1hZ2U="
    assert arguments["mask_image"] == "bWFzaw=="
    assert (arguments["strength"], arguments["clip_skip"]) == (0.5, 2)
    assert arguments["refiner_switch_at"] == 0.8
    assert arguments["prompt_weights"] is False
    about = world.uploads.read(prefix_of(row) + "pictures.json", 1 << 20)
    for encoded in (b"aW1hZ2U=", b"bWFzaw=="):
        assert encoded not in about + row.model_dump_json().encode()
        assert encoded not in world.queue.messages[0].task.model_dump_json().encode()
        assert encoded in world.uploads.read(prefix_of(row) + "order.json", 1 << 20)


def test_the_largest_order_is_a_document_that_can_be_read() -> None:
    sizes = MAX_API_IMAGE_CHARACTERS + MAX_MASK_CHARACTERS + 4 * 2 * MAX_PROMPT_CHARACTERS
    assert sizes + 10_000 < DOCUMENT_LIMIT


def test_row_and_message_have_no_word_of_the_user() -> None:
    world = World(WarmUpFailedError(picture_code="unsafe_picture"))
    row = world.order(negative_prompt="Zoë with glasses")
    texts = [row.model_dump_json(), world.queue.messages[0].task.model_dump_json()]
    texts.append(world.draw().model_dump_json())
    assert "Zo" not in "".join(texts)


def test_drawing_again_never_draws_another_picture() -> None:
    world = World(*[ModelNotReadyError(status=507) for _ in range(7)])
    world.order()
    rows = [world.draw() for _ in range(8)]
    assert [row.status for row in rows] == [*["queued"] * 7, "succeeded"]
    assert {row.waiting_for for row in rows[:7]} == {"model_not_ready"}
    assert rows[7].waiting_for is None
    assert [delay for _, delay in world.queue.messages] == [0, *PAUSES, PAUSES[-1]]
    assert seeds_asked(world) == {rows[0].seed}
    other = world.order()
    assert other.seed != rows[0].seed


def test_a_given_seed_is_kept() -> None:
    world = World()
    assert world.order(seed=7).seed == 7
    world.draw()
    assert seeds_asked(world) == {7}


def test_an_endpoint_on_demand_is_woken() -> None:
    world = World(EndpointMissingError())
    world.order()
    row = world.draw()
    assert (row.status, row.waiting_for) == ("queued", "endpoint_starting")
    assert world.lifecycle.created == 1
    assert world.queue.messages[-1].delay_seconds == STARTING_PAUSE
    assert world.draw().status == "succeeded"


def test_an_endpoint_that_nobody_may_create_fails_the_order_at_once() -> None:
    world = World(EndpointMissingError(), on_demand=False)
    world.order()
    row = world.draw()
    assert (row.status, row.code) == ("failed", "endpoint_missing")


@pytest.mark.parametrize(
    "error",
    [
        ModelNotReadyError(reason="no_answer"),
        ModelNotReadyError(status=0),
        WarmUpFailedError(picture_code="not_in_time"),
    ],
    ids=repr,
)
def test_a_picture_that_takes_a_minute_is_not_tried_for_an_hour(error: StageError) -> None:
    world = World(*[error] * 9)
    world.order()
    rows = [world.draw() for _ in range(MAX_SLOW)]
    assert [row.status for row in rows] == [*["queued"] * (MAX_SLOW - 1), "failed"]
    assert rows[-1].code == "picture_too_slow"


def test_waiting_ends_after_an_hour() -> None:
    world = World(*[ModelNotReadyError(status=507) for _ in range(9)])
    world.order()
    assert world.draw().status == "queued"
    world.time += MAX_AGE
    row = world.draw()
    assert (row.status, row.code) == ("failed", "picture_not_in_time")
    assert len(world.queue.messages) == 2


@pytest.mark.parametrize("code", ["busy", "base_unavailable", "memory_pressure"])
def test_what_may_pass_is_asked_again(code: str) -> None:
    world = World(WarmUpFailedError(picture_code=code))
    world.order()
    row = world.draw()
    assert (row.status, row.waiting_for) == ("queued", code)
    assert world.draw().status == "succeeded"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WarmUpFailedError(picture_code="unsafe_picture"), "unsafe_picture"),
        (WarmUpFailedError(picture_code="invalid_argument"), "invalid_argument"),
        (WarmUpFailedError(status=404), "warm_up_failed"),
    ],
)
def test_what_will_not_pass_is_final(error: StageError, code: str) -> None:
    world = World(error)
    world.order()
    row = world.draw()
    assert (row.status, row.code) == ("failed", code)
    assert len(world.queue.messages) == 1


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"outputs": [{"name": "info", "data": []}]}'])
def test_an_answer_that_is_no_picture_is_a_failure(answer: bytes) -> None:
    world = World()
    world.endpoint.babble = answer
    world.order()
    assert world.draw().code == "warm_up_failed"


def test_the_picture_of_other_weights_is_not_delivered() -> None:
    world = World()
    world.endpoint.deploy(MODEL.target_model, "b" * 64)
    row = world.order()
    assert world.draw().code == "warm_up_failed"
    assert world.kept(row) == ["order.json"]


def test_a_message_that_comes_twice_draws_once() -> None:
    world = World()
    world.order()
    first, again = world.draw(), world.draw()
    assert first == again
    assert len(world.endpoint.asked) == 1


def test_a_cancelled_order_is_not_drawn() -> None:
    world = World()
    row = world.order()
    assert cancel(world.pictures, "acme", row.picture_id, NOON) == "canceled"
    assert world.draw().status == "canceled"
    assert world.endpoint.asked == []
    assert cancel(world.pictures, "acme", row.picture_id, NOON) == "too_late"


def test_what_is_drawn_for_a_cancelled_order_is_thrown_away() -> None:
    world = World()
    row = world.order()
    world.endpoint.meanwhile = lambda: cancel(world.pictures, "acme", row.picture_id, NOON)
    assert world.draw().status == "canceled"
    assert world.kept(row) == ["order.json"]


def test_what_was_erased_meanwhile_does_not_come_back() -> None:
    world = World()
    row = world.order()
    world.endpoint.meanwhile = lambda: world.uploads.delete(order_key(row))
    assert (world.draw().code, world.kept(row)) == ("erased", [])


def test_the_order_of_an_erased_model_fails() -> None:
    world = World()
    world.order()
    world.models.rows.clear()
    assert world.draw().code == "erased"
    assert world.endpoint.asked == []


def test_an_order_whose_workers_died_has_failed_and_stays_so() -> None:
    world = World()
    row = world.order()
    give_up(world.services, PictureTask(picture_id=row.picture_id))
    assert world.draw().code == "internal_error"
    give_up(world.services, PictureTask(picture_id="pic_" + "0" * 24))


def test_an_order_that_nobody_will_end_is_shown_as_failed() -> None:
    world = World()
    row = world.order()
    just_before = NOON + OVERDUE - timedelta(seconds=1)
    assert own_picture(world.pictures, "acme", row.picture_id, just_before) == row
    found = own_picture(world.pictures, "acme", row.picture_id, NOON + OVERDUE)
    assert (found.status, found.code) == ("failed", "internal_error")
    assert world.draw().status == "failed"


def test_who_ends_an_overdue_order_meanwhile_is_shown() -> None:
    world = World()
    row = world.order()
    drawn = row.model_copy(update={"status": "succeeded"})
    world.pictures.replace = OnceLate(world.pictures, drawn)  # type: ignore[method-assign]
    assert own_picture(world.pictures, "acme", row.picture_id, NOON + OVERDUE) == drawn


class OnceLate:
    """The first replacement comes too late: another one was there before."""

    def __init__(self, pictures: MemoryPictures, other: PictureRow) -> None:
        self.replace, self.other = pictures.replace, other

    def __call__(self, before: PictureRow, after: PictureRow) -> bool:
        self.replace(before, self.other)
        return self.replace(before, after)


def test_another_tenants_order_is_unknown() -> None:
    world = World()
    row = world.order()
    for who, name in (("globex", row.picture_id), ("acme", "pic_" + "0" * 24)):
        with pytest.raises(UnknownPictureError):
            cancel(world.pictures, who, name, NOON)
    assert world.pictures.get(row.picture_id) == row
