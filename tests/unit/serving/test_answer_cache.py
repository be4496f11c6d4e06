"""Answers from memory: for the same request of the same model alone, and within their bytes."""

import base64
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from contracts.documents.package import GenerationInfo
from serving.answer_cache import Answer, AnswerCache, answer_key
from serving.picture_request import PictureRequest
from serving.tensors import parse_request
from tests.unit.serving.test_tensors import BASE, ask

ASKED: dict[str, Any] = {"seed": 7, "num_inference_steps": 10}


def start_image(colour: str, strength: float, mask: str | None = None) -> PictureRequest:
    """A request with an image to start from, and a mask of one grey."""
    words: dict[str, Any] = {**ASKED, "strength": strength}
    if mask is not None:
        words["mask_image"] = encoded(Image.new("L", (8, 8), mask))
    image = encoded(Image.new("RGB", (8, 8), colour)).encode()
    return parse_request(b"a photo", b"", json.dumps(words).encode(), BASE, image)


def encoded(image: Image.Image) -> str:
    """Return a PNG in base64."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def key(request: PictureRequest, caller: str = "a", weights: tuple[str, ...] = ("w 1.0",)) -> str:
    found = answer_key(request, caller, weights)
    assert found is not None
    return found


def test_the_same_request_has_the_same_key() -> None:
    assert key(ask(**ASKED)) == key(ask(**ASKED))
    assert len(key(ask(**ASKED))) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"num_inference_steps": 11},
        {"guidance_scale": 3.0},
        {"height": 256},
        {"width": 256},
        {"scheduler": "DDIMScheduler"},
        {"num_images_per_prompt": 2},
        {"output_format": "jpeg"},
        {"output_format": "webp"},
        {"style": "cinematic"},
        {"prompt_weights": False},
        {"clip_skip": 1},
    ],
)
def test_whatever_changes_the_picture_changes_the_key(change: dict[str, Any]) -> None:
    assert key(ask(**{**ASKED, **change})) != key(ask(**ASKED))


def test_a_mask_changes_the_key() -> None:
    requests = [start_image("red", 0.5, mask) for mask in (None, "white", "grey")]
    assert len({key(request) for request in requests}) == 3


def test_words_models_and_weights_change_the_key() -> None:
    keys = {
        key(ask(**ASKED)),
        key(ask("another photo", **ASKED)),
        key(ask("a photo", "blurred", **ASKED)),
        key(ask(**ASKED), caller="b"),
        key(ask(**ASKED), weights=("w 0.5",)),
        key(ask(**ASKED), weights=("w 1.0", "v 1.0")),
        key(ask(**ASKED), weights=()),
    }
    assert len(keys) == 7


def test_another_start_image_or_strength_changes_the_key() -> None:
    asked = (("red", 0.5), ("blue", 0.5), ("red", 0.6))
    keys = {key(start_image(colour, strength)) for colour, strength in asked}
    assert len({key(ask(**ASKED)), *keys}) == 4


def test_quality_counts_where_a_format_has_one() -> None:
    jpegs = {key(ask(**ASKED, output_format="jpeg", quality=quality)) for quality in (50, 90)}
    assert len(jpegs) == 2
    assert key(ask(**ASKED, quality=50)) == key(ask(**ASKED, quality=90)), "png has none"


def test_what_has_no_seed_or_wants_none_from_memory_has_no_key() -> None:
    assert answer_key(ask(num_inference_steps=10), "a", ()) is None
    assert answer_key(ask(**ASKED, use_cache=False), "a", ()) is None


# --- the memory -----------------------------------------------------------------------------

INFO = GenerationInfo(
    base_sha256="0" * 64,
    adapter_sha256=None,
    seeds=(7,),
    num_inference_steps=1,
    guidance_scale=1.0,
    lora_scale=1.0,
    scheduler="DDIMScheduler",
    width=8,
    height=8,
    seconds=3.0,
)


def answer(*sizes: int) -> Answer:
    return Answer(tuple(bytes(size) for size in sizes), INFO)


def test_an_old_answer_says_that_it_is_one_and_took_no_time() -> None:
    cache, given = AnswerCache(100), answer(10, 20)
    cache.put("k", given)
    found = cache.find("k")
    assert found is not None
    assert found.pictures == given.pictures
    assert found.info == INFO.model_copy(update={"cached": True, "seconds": 0.0})
    assert (cache.hits, cache.bytes, given.size) == (1, 30, 30)
    assert cache.answers["k"].info == INFO


def test_what_is_not_there_is_no_hit() -> None:
    cache = AnswerCache(100)
    cache.put(None, answer(10))
    assert cache.find("k") is None
    assert cache.find(None) is None
    assert (cache.hits, cache.bytes, list(cache.answers)) == (0, 0, [])


def test_an_answer_is_kept_once() -> None:
    cache = AnswerCache(100)
    cache.put("k", answer(10))
    cache.put("k", answer(20))
    assert cache.bytes == 10


def test_the_least_recently_used_are_forgotten_by_bytes() -> None:
    cache = AnswerCache(30)
    for name in "abc":
        cache.put(name, answer(10))
    assert list(cache.answers) == ["a", "b", "c"], "all the capacity is used"
    cache.find("a")
    cache.put("d", answer(15))
    assert (list(cache.answers), cache.bytes) == (["a", "d"], 25)


def test_what_is_larger_than_the_memory_is_not_kept() -> None:
    cache = AnswerCache(30)
    cache.put("a", answer(10))
    cache.put("large", answer(31))
    cache.put("just", answer(30))
    assert (list(cache.answers), cache.bytes) == (["just"], 30)


def test_a_request_is_found_again_however_it_was_made() -> None:
    cache, request = AnswerCache(100), ask(**ASKED)
    cache.put(key(request), answer(10))
    assert cache.find(key(replace(request))) is not None


def test_what_erased_models_have_drawn_is_forgotten_and_not_kept_again() -> None:
    cache, mine = AnswerCache(100), "1" * 32
    drawn = replace(answer(10), job_ids=frozenset({mine, "2" * 32}))
    cache.put("mine", drawn)
    cache.put("other", replace(answer(30), job_ids=frozenset({"3" * 32})))
    cache.drop({mine})
    assert ([*cache.answers], cache.bytes) == (["other"], 30)
    cache.put("mine", drawn)
    assert cache.find("mine") is None
    cache.allow({mine})
    cache.put("mine", drawn)
    assert cache.find("mine") is not None
