"""A prompt that the endpoint would refuse is refused with the request, not in the trained job."""

import json
from hashlib import sha256
from typing import Any

import pytest

from contracts.base import BaseCard
from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError
from contracts.shared import layout
from contracts.shared.words.prompt_limits import (
    LOWER_BOUND,
    UPPER_BOUND,
    PromptReader,
    count_bytes,
    unfit_prompts,
)
from domain.intake.accepting import accept_request
from domain.intake.services import IntakeServices
from domain.intake.unfit_prompts import prompts_refused_on
from domain.ports.storage import read_document, write_document
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake, put_upload
from tests.unit.training_kit import CARD

PHOTOS = {f"{n}.jpg": bytes([n]) for n in range(5)}
BYTES = [chr(number) for number in (*range(33, 127), *range(161, 173), *range(174, 324))]
VOCABULARY = json.dumps({token: 0 for letter in BYTES for token in (letter, f"{letter}</w>")})
FILES = {
    "tokenizer/vocab.json": VOCABULARY.encode(),
    "tokenizer/merges.txt": "#version: 0.2\nå °\nå° \u0131</w>\n".encode(),  # 小's bytes
}
FULL = "é" * 300
"""600 bytes, and as many tokens of a vocabulary that joins none of them."""

LONG, PARTS, CHANGING = "é" * 301, "a BREAK " * 8 + "a", "a [cat|dog] in Rome"


def asked(**options: Any) -> TrainingRequest:
    return TrainingRequest.model_validate(
        {"instance_prompt": "a photo of TOK", "class_prompt": "a person", **options}
    )


BY_BYTES = PromptReader(count_bytes)


def test_what_the_endpoint_draws_is_taken() -> None:
    prompts = ["a (red:1.3) hat", "(a [b) c]", r"\[a|b\]", "BREAK " * 7, FULL, "TOK " * 99]
    assert unfit_prompts(asked(sample_prompts=prompts), "sd1", BY_BYTES) == {}


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        (LONG, "at most 8 of CLIP's chunks, of 75 tokens each"),
        (PARTS, "at most 8 of CLIP's chunks, of 75 tokens each"),
        (CHANGING, "are not supported"),
        ("a (dog:11)", "a weight is beyond 10"),
        ("a \x00 dog", "a control character"),
    ],
)
def test_every_prompt_that_the_gate_draws_is_judged(prompt: str, why: str) -> None:
    two = [
        {"trigger_word": word, "instance_prompt": f"{word} {prompt}", "class_prompt": prompt}
        for word in ("anna", "rex")
    ]
    one = asked(instance_prompt=f"TOK {prompt}", sample_prompts=["a", prompt])
    several = TrainingRequest.model_validate({"subjects": two})
    found = [unfit_prompts(request, "sdxl", BY_BYTES) for request in (one, several)]
    assert [*found[0]] == ["instance_prompt", "sample_prompts.1"]
    assert [*found[1]] == [
        f"subjects.{n}.{name}_prompt" for n in (0, 1) for name in ("instance", "class")
    ]
    assert all(why in text for unfit in found for text in unfit.values())


def test_brackets_are_text_to_a_zimage_and_its_prompts_have_512_tokens() -> None:
    request = asked(sample_prompts=[CHANGING, "a (dog:11)", PARTS, "a" * 400, "é" * 257])
    found = unfit_prompts(request, "zimage", BY_BYTES)
    assert found == {"sample_prompts.4": "at most 512 tokens on this base"}
    tagged = asked(sample_prompts=["é" * 200 + "<lora:me:1>" * 15])
    assert unfit_prompts(tagged, "zimage", BY_BYTES) == {}


@pytest.mark.parametrize("text", ["", "a dog", FULL, "İ" * 9, "Ⱥ" * 9, "क़" * 9, "ẞ" * 9])
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    forms = (text, text.lower(), text.upper())
    assert LOWER_BOUND.count(text) == 0
    assert all(len(form.encode()) <= UPPER_BOUND.count(form) for form in forms)


class Reads:
    """A base's files, which remembers those that were read."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.read = files, list[str]()

    def __call__(self, path: str) -> bytes | None:
        self.read.append(path)
        return self.files.get(path)


def test_the_tokenizer_is_read_only_where_bytes_do_not_decide() -> None:
    base = Reads(FILES)
    assert prompts_refused_on(asked(sample_prompts=["a (dog:2)" * 20, "é" * 128]), CARD, base) == {}
    assert not base.read
    chinese = asked(sample_prompts=["小" * 400])  # 1,200 bytes; pairs of them are joined
    assert [*prompts_refused_on(chinese, CARD, base)] == ["sample_prompts.0"]
    fits = asked(sample_prompts=["小小 " * 133])  # 798 bytes, 399 tokens
    assert prompts_refused_on(fits, CARD, base) == {}
    assert "tokenizer/vocab.json" in base.read


def test_a_base_of_shorter_chunks_takes_shorter_prompts() -> None:
    short = Reads(FILES | {"tokenizer/tokenizer_config.json": b'{"model_max_length": 48}'})
    fits, too_long = asked(sample_prompts=["é" * 184]), asked(sample_prompts=["é" * 185])
    assert prompts_refused_on(fits, CARD, short) == {}
    assert "46 tokens each" in prompts_refused_on(too_long, CARD, short)["sample_prompts.0"]
    assert prompts_refused_on(too_long, CARD, Reads(FILES)) == {}


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"model_max_length": "x"}', b'{"model_max_length": 1e30}']
)
def test_a_tokenizer_s_settings_that_say_nothing_mean_75_tokens(body: bytes) -> None:
    base = Reads(FILES | {"tokenizer/tokenizer_config.json": body})
    found = prompts_refused_on(asked(sample_prompts=[LONG]), CARD, base)
    assert "75 tokens each" in found["sample_prompts.0"]


def test_without_a_tokenizer_of_clips_kind_only_what_is_certain_is_refused() -> None:
    request = asked(sample_prompts=[LONG, PARTS, CHANGING])
    found = prompts_refused_on(request, CARD, Reads({}))
    assert [*found] == ["sample_prompts.1", "sample_prompts.2"]
    zimage = CARD.model_copy(update={"family": "zimage", "prediction_type": "flow_prediction"})
    base = Reads(FILES)
    assert prompts_refused_on(asked(sample_prompts=["é" * 300]), zimage, base) == {}
    assert not base.read, "a language model's tokenizer is not one of CLIP's kind"


def intake_with_tokenizer() -> IntakeServices:
    intake = memory_intake()
    prefix = layout.bases.base_prefix(intake.bases.base_id)
    card = read_document(intake.bases.storage, prefix + layout.bases.BASE_FILE, BaseCard)
    files = card.files | {path: sha256(body).hexdigest() for path, body in FILES.items()}
    write_document(
        intake.bases.storage,
        prefix + layout.bases.BASE_FILE,
        card.model_copy(update={"files": files}),
    )
    for path, body in FILES.items():
        intake.bases.storage.write(prefix + path, body)
    return intake


def test_an_upload_with_such_a_prompt_is_refused_and_its_problems_are_kept() -> None:
    intake = intake_with_tokenizer()
    request = {**REQUEST, "sample_prompts": ["a", LONG, CHANGING]}
    with pytest.raises(InvalidRequestError) as refused:
        accept_request(announced(put_upload(intake, PHOTOS, request)), intake, NOW)
    assert refused.value.facts == {"code": "prompt_not_drawable", "problems": 2}
    kept = read_document(
        intake.models, layout.models.problems_key("acme", "first"), RequestProblems
    )
    assert [problem.field for problem in kept.problems] == ["sample_prompts.1", "sample_prompts.2"]
    assert not any("é" in problem.message or "cat" in problem.message for problem in kept.problems)
    assert not intake.jobs.queued()


def test_an_upload_with_a_long_prompt_that_fits_is_accepted() -> None:
    intake = intake_with_tokenizer()
    request = {**REQUEST, "sample_prompts": [FULL, "(smiling:1.3) " * 20]}
    accepted = accept_request(announced(put_upload(intake, PHOTOS, request)), intake, NOW)
    assert accepted.status == "accepted"
