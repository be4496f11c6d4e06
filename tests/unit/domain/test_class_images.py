"""Class images travel from the job that made them to every later one, and only they."""

import json
from hashlib import sha256

import pytest

from contracts.documents.class_images import (
    ClassImageOrder,
    ClassImageSet,
    class_image_key,
    orders_of,
)
from contracts.documents.stages import TrainingEvent
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from domain.ports.storage import ObjectMissingError, read_document, write_document
from domain.training.class_images import find_class_images, keep_class_images
from domain.training.following import follow
from domain.training.launching import launch
from tests.fakes.storage import MemoryStorage
from tests.unit.training_kit import BASE_SHA256, CARD, NOON, REQUEST, World, job_id

ORDER = ClassImageOrder(
    class_prompt=REQUEST.class_prompt, resolution=64, count=REQUEST.num_class_images
)
KEY = class_image_key(BASE_SHA256, ORDER)
MADE = layout.models.made_class_images_prefix(job_id(1), KEY)
KEPT = layout.models.class_images_prefix(KEY)


def make(models: MemoryStorage, data: bytes = b"latents", recipe: str = "a" * 64) -> ClassImageSet:
    """Leave a set as the trainer does."""
    digest = sha256(data).hexdigest()
    prior = ClassImageSet(
        key=KEY,
        base_id=CARD.base_id,
        base_sha256=BASE_SHA256,
        resolution=64,
        count=REQUEST.num_class_images,
        recipe_sha256=recipe,
        file=f"{digest}.safetensors",
        sha256=digest,
    )
    models.write(MADE + prior.file, data)
    write_document(models, MADE + layout.container.CLASS_IMAGES_FILE, prior)
    return prior


def event_of(key: str) -> TrainingEvent:
    detail = {"bucket": {"name": "models"}, "object": {"key": key}}
    return TrainingEvent.model_validate({"detail": detail})


def channel_names(world: World) -> list[str]:
    (request,) = world.trainer.requests.values()
    return [channel["ChannelName"] for channel in request["InputDataConfig"]]


def test_a_request_without_prior_preservation_orders_nothing() -> None:
    assert orders_of(REQUEST, 64) == (ORDER,)
    assert orders_of(REQUEST.model_copy(update={"with_prior_preservation": False}), 64) == ()


@pytest.mark.parametrize("change", [{"class_prompt": "a cat"}, {"resolution": 128}, {"count": 51}])
def test_sets_of_different_orders_have_different_keys(change: dict[str, object]) -> None:
    assert class_image_key(BASE_SHA256, ORDER.model_copy(update=change)) != KEY
    assert class_image_key("c" * 64, ORDER) != KEY


def test_a_set_that_a_job_made_reaches_every_later_job() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    assert layout.container.CLASS_IMAGES_CHANNEL not in channel_names(world)

    prior = make(world.models)
    follow(world.services, event_of(MADE + layout.container.CLASS_IMAGES_FILE), NOON)
    assert world.models.objects[KEPT + prior.file] == b"latents"

    later = World(models=world.models)
    later.enter(2)
    launch(later.launching, NOON)
    assert channel_names(later)[-1] == layout.container.CLASS_IMAGES_CHANNEL
    manifest = json.loads(world.models.objects[layout.models.class_images_manifest_key(job_id(2))])
    assert manifest == [
        {"prefix": "s3://models/priors/"},
        f"{KEY}/prior.json",
        f"{KEY}/{prior.file}",
    ]


def test_tasks_of_one_class_share_one_set() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    make(world.models)
    keep_class_images(world.models, MADE + layout.container.CLASS_IMAGES_FILE)
    (task,) = read_document(world.models, layout.models.plan_key(job_id(1)), TrainingPlan).tasks
    assert len(find_class_images(world.models, [task, task], CARD)) == 1


def test_an_event_of_a_kept_set_changes_nothing() -> None:
    world = World()
    make(world.models)
    follow(world.services, event_of(MADE + layout.container.CLASS_IMAGES_FILE), NOON)
    before = dict(world.models.objects)
    follow(world.services, event_of(KEPT + layout.container.CLASS_IMAGES_FILE), NOON)
    follow(world.services, event_of(MADE + layout.container.CLASS_IMAGES_FILE), NOON)
    assert world.models.objects == before


def test_a_set_whose_file_is_not_there_yet_is_tried_again() -> None:
    models = MemoryStorage()
    prior = make(models)
    models.delete(MADE + prior.file)
    with pytest.raises(ObjectMissingError):
        keep_class_images(models, MADE + layout.container.CLASS_IMAGES_FILE)
    assert KEPT + layout.container.CLASS_IMAGES_FILE not in models.objects


def test_a_set_of_a_newer_recipe_takes_the_place_and_the_old_file_stays_readable() -> None:
    models = MemoryStorage()
    old = make(models)
    keep_class_images(models, MADE + layout.container.CLASS_IMAGES_FILE)
    new = make(models, b"newer", "b" * 64)
    keep_class_images(models, MADE + layout.container.CLASS_IMAGES_FILE)
    assert read_document(models, KEPT + layout.container.CLASS_IMAGES_FILE, ClassImageSet) == new
    assert {KEPT + old.file, KEPT + new.file} <= set(models.objects)


def test_a_set_that_is_kept_already_is_not_copied_again() -> None:
    models = MemoryStorage()
    prior = make(models)
    for _ in range(2):
        keep_class_images(models, MADE + layout.container.CLASS_IMAGES_FILE)
    assert len(models.versions[KEPT + prior.file]) == 1
    assert len(models.versions[KEPT + layout.container.CLASS_IMAGES_FILE]) == 1
