"""Who the subject is in a prompt: the rule, and that every part of Likeness follows it."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.documents.training import TaskPhoto, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.words.prompts import (
    caption_for,
    has_placeholder,
    likely_trigger,
    name_subject,
    names_subject,
)
from tests.unit.training_kit import CARD
from trainer.config.recipe import make_recipe, plan_task

WORDS = {
    "a photo of TOK person in TOKYO": "a photo of sks person in TOKYO",
    "<<TOK>>": "sks",
    "<<tok>> and <<Tok>>": "sks and sks",
    "[trigger] and [TRIGGER]": "sks and sks",
    "<<TOK>>s": "sks s",
    "my<<TOK>>": "my sks",
    "<<TOK>>'s dog": "sks's dog",
    "<<TOK>><<TOK>>": "sks sks",
    "<s0><s1> man": "sks man",
    "<s0>": "sks",
    "<s> and <strong>": "<s> and <strong>",
    "TOK, TOK. (TOK) TOK! TOK-like": "sks, sks. (sks) sks! sks-like",
    "tok Tok toks TOKs": "tok Tok toks TOKs",
    "TOK_1 éTOK TOKé TOKe\u0301 9TOK": "TOK_1 éTOK TOKé TOKe\u0301 9TOK",
    "TOK\u0301": "TOK\u0301",
    "一张TOK的照片": "一张sks的照片",
    "TOK의 사진": "sks의 사진",
    "TOKさん": "sksさん",
    "TOK\nTOK\tTOK": "sks\nsks\tsks",
    "STOCK TOKEN": "STOCK TOKEN",
    "": "",
}


@pytest.mark.parametrize(("prompt", "named"), WORDS.items())
def test_a_placeholder_becomes_the_trigger_word_and_nothing_else_does(
    prompt: str, named: str
) -> None:
    assert name_subject(prompt, "sks") == named


@pytest.mark.parametrize(("prompt", "named"), WORDS.items())
def test_a_prompt_names_the_subject_where_a_placeholder_was(prompt: str, named: str) -> None:
    assert has_placeholder(prompt) == (prompt != named)
    assert names_subject(prompt, "sks") == (prompt != named)


@pytest.mark.parametrize("trigger", ["sks", "zoë", "小明", "ohwx man", "my_dog", r"a\1b", "TOK"])
def test_any_trigger_word_can_be_named(trigger: str) -> None:
    assert name_subject("x <<TOK>>", trigger) == f"x {trigger}"
    assert names_subject(f"a photo of {trigger}, smiling", trigger)
    assert names_subject(f"a photo of {trigger.upper()}", trigger)
    assert names_subject(unicodedata.normalize("NFD", f"a photo of {trigger}"), trigger)


@pytest.mark.parametrize("prompt", ["sksz", "asks", "sks_1", "s ks", "sksé", "task"])
def test_a_word_that_holds_the_trigger_word_does_not_name_the_subject(prompt: str) -> None:
    assert not names_subject(prompt, "sks")


@pytest.mark.parametrize(
    ("prompt", "trigger", "names"),
    [
        ("фото Аня", "аня", True),
        ("фото Аняша", "аня", False),
        ("राम की तस्वीर", "राम", True),
        ("रामायण", "राम", False),
        ("صورة ليلى", "ليلى", True),
        ("a photo of ohwx  Man.", "ohwx man", True),
        ("a photo of ohwx mans", "ohwx man", False),
        ("my_dog_2", "my_dog", False),
        ("my dog", "my_dog", False),
        ("一张小明的照片", "小明", True),
    ],
)
def test_words_have_borders_in_every_script(prompt: str, trigger: str, names: bool) -> None:
    assert names_subject(prompt, trigger) is names


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    parts=st.lists(
        st.one_of(st.sampled_from(["<<TOK>>", "[trigger]", "<s0>", "TOK", "sks"]), st.text()),
        max_size=6,
    ),
    trigger=st.one_of(st.just("sks"), st.sampled_from(["小明", "ohwx man", "zoë", "0x"])),
)
@example(parts=["<<TOK>>", "s"], trigger="sks")
@example(parts=["a", "<<TOK>>"], trigger="小明")
def test_a_prompt_with_a_placeholder_names_the_subject_in_the_trigger_word_itself(
    parts: list[str], trigger: str
) -> None:
    prompt = "".join(parts)
    named = name_subject(prompt, trigger)
    assert not has_placeholder(named)
    assert names_subject(named, trigger) == names_subject(prompt, trigger)
    assert name_subject(named, trigger) == named


def test_a_photo_is_trained_under_words_that_name_the_subject() -> None:
    assert caption_for(None, "a photo of TOK", "sks") == "a photo of sks"
    assert caption_for("TOK smiling", "a photo of TOK", "sks") == "sks smiling"
    assert caption_for("smiling in TOKYO", "a TOK", "sks") == "a sks, smiling in TOKYO"
    assert caption_for("<<TOK>>s", "a TOK", "sks") == "sks s"


def test_the_word_that_was_probably_meant_is_the_one_that_the_class_lacks() -> None:
    assert likely_trigger("a photo of zwx person", "a photo of a person") == "zwx"
    assert likely_trigger("a photo of a Doppler dog", "a photo of a dog") == "Doppler"
    assert likely_trigger("a photo of a person", "a photo of a person") is None
    assert likely_trigger("a red zwx person", "a person") is None
    assert likely_trigger("a photo of zoe\u0308", "a photo") == "zoë"


@pytest.mark.parametrize(("prompt", "named"), [pair for pair in WORDS.items() if pair[0]])
def test_the_trainer_says_these_words(prompt: str, named: str) -> None:
    request = TrainingRequest(instance_prompt=prompt, class_prompt="a", sample_prompts=(prompt,))
    photos = (TaskPhoto(index=0, file="0.png", sha256="0" * 64),)
    task = TrainingTask(job_id="0" * 32, request=request, photos=photos)
    assert make_recipe(task, CARD, plan_task(task, CARD, [0])).instance_prompt == named
