"""Which words may name a subject, and where such a word travels."""

import json
import unicodedata

import pytest
from pydantic import ValidationError

from contracts.documents import picture
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.words.prompts import name_subject, names_subject
from contracts.shared.words.triggers import is_trigger_word
from domain.serving.warm_up import picture_request

PROMPTS = {"instance_prompt": "a photo of TOK", "class_prompt": "a photo"}
GOOD = [
    "zoë",
    "小明",
    "ohwx man",
    "my_dog",
    "my-dog",
    "राम",
    "ليلى",
    "Аня",
    "김철수",
    "12",
    "a" * 24,
]
BAD = {
    "empty": "",
    "one letter": "a",
    "one letter that was two": "e\u0308",
    "too long": "a" * 25,
    "a path": "../x",
    "a path's part": "a/b",
    "a double space": "ohwx  man",
    "a space behind": "ohwx ",
    "a line": "ohwx\nman",
    "another space": "ohwx\u00a0man",
    "an invisible joiner": "oh\u200dwx",
    "an invisible space": "oh\u200bwx",
    "a turned direction": "ab\u202ec",
    "a filler that is a letter": "ab\u3164",
    "a selector that is a mark": "ab\ufe0f",
    "a mark without its letter": "\u0301ab",
    "a mark on a space": "a \u0301b",
    "a control": "a\x00b",
    "markup": "<s0>",
    "a quote": "a`b",
    "a picture": "a😀",
    "no letter": "__",
    "a lone surrogate": "a\ud800",
}


@pytest.mark.parametrize("word", GOOD)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_words_of_any_script_are_taken_and_kept_in_composed_form(
    word: str, form: "unicodedata._NormalizationForm"
) -> None:
    request = TrainingRequest(**PROMPTS, trigger_word=unicodedata.normalize(form, word))
    assert request.trigger_word == unicodedata.normalize("NFC", word)
    assert TrainingRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize("word", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_read_or_seen_is_refused(word: str) -> None:
    assert not is_trigger_word(unicodedata.normalize("NFC", word))
    with pytest.raises(ValidationError):
        TrainingRequest(**PROMPTS, trigger_word=word)


@pytest.mark.parametrize("word", GOOD)
def test_the_first_request_to_the_endpoint_carries_the_word_unchanged(word: str) -> None:
    inputs = json.loads(picture_request(word))["inputs"]
    prompt = next(one for one in inputs if one["name"] == picture.PROMPT)["data"][0]
    assert prompt == f"a photo of {word}"
    assert name_subject("a photo of <<TOK>>", word) == prompt
    assert names_subject(prompt, word)
