"""request.json is read with every alias, and all its problems are reported at once."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.documents.upload.request import TrainingRequest
from domain.requests.aliases import ALIASES
from domain.requests.merge import parse_request
from domain.requests.request_json import RequestRefusedError
from tests.fakes.intake import REQUEST


def problems_of(body: bytes | dict[str, Any]) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        parse_request(body if isinstance(body, bytes) else json.dumps(body).encode())
    return {problem.field: problem.message for problem in caught.value.problems}


def test_two_prompts_are_enough() -> None:
    parsed = parse_request(json.dumps(REQUEST).encode())
    assert parsed.request == TrainingRequest(**REQUEST)
    assert parsed.renamed == {}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("network_dim", "rank"),
        ("lora_rank", "rank"),
        ("num_train_steps", "max_train_steps"),
        ("lr", "rank"),
    ],
)
def test_other_tools_names_mean_ours(theirs: str, ours: str) -> None:
    if theirs == "lr":
        ours = "learning_rate"
    value = 0.001 if ours == "learning_rate" else 12
    parsed = parse_request(json.dumps({**REQUEST, theirs: value}).encode())
    assert getattr(parsed.request, ours) == value
    assert parsed.renamed == {theirs: ours}


def test_every_alias_leads_to_a_field() -> None:
    assert set(ALIASES.values()) <= set(TrainingRequest.model_fields)
    assert not set(ALIASES) & set(TrainingRequest.model_fields)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert problems_of({**REQUEST, "max_train_step": 3, "qqq": 1}) == {
        "max_train_step": "Unknown name; did you mean max_train_steps?",
        "qqq": "Unknown name.",
    }


@pytest.mark.parametrize(
    "body",
    [
        *({name: 1} for name in ("negative_prompt", "request", "instance_name", "hr_scale")),
        {"num_inference_steps": 30, "model": "sdxl", "prompt": "a", "strength": 1},
        {"sweep": {"rank": [4, 8], "seed": [1, 2]}},
        {"consent": {"instance_prompt": "a"}},
    ],
)
def test_a_name_that_only_looks_like_another_is_no_hint(body: dict[str, object]) -> None:
    assert "did you mean" not in str(problems_of({**REQUEST, **body}))


def test_all_problems_are_reported_at_once_and_none_repeats_a_value() -> None:
    secret = "my secret words"
    problems = problems_of({"instance_prompt": "", "rank": secret, "seed": -1, "resolution": 511})
    assert set(problems) == {"instance_prompt", "class_prompt", "rank", "seed", "resolution"}
    assert secret not in str(problems)


def test_a_problem_is_reported_under_the_name_that_was_used() -> None:
    assert set(problems_of({**REQUEST, "network_dim": 0})) == {"network_dim"}


def test_one_field_under_two_names_is_refused() -> None:
    assert set(problems_of({**REQUEST, "network_dim": 4, "rank": 8})) == {"rank"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"\xff\xfe{}", ""),
        (b'{"seed": NaN}', ""),
        (b'{"seed": 1, "seed": 2}', "seed"),
        (b"[" * 60_000, ""),
        (b'{"seed": ' + b"9" * 10_000 + b"}", ""),
    ],
)
def test_what_is_not_json_is_described_plainly(body: bytes, field: str) -> None:
    assert list(problems_of(body)) == [field]


def test_a_name_inside_a_field_is_shown_without_its_control_characters() -> None:
    assert "consent.a?b?c" in problems_of({**REQUEST, "consent": {"a\x00b\u202ec": 1}})


def test_a_byte_order_mark_is_no_problem() -> None:
    assert parse_request(b"\xef\xbb\xbf" + json.dumps(REQUEST).encode()).renamed == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
names = st.sampled_from([*TrainingRequest.model_fields, *ALIASES]) | st.text(max_size=12)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(names, json_values, max_size=8))
def test_any_object_is_either_a_request_or_a_list_of_problems(document: dict[str, Any]) -> None:
    with suppress(RequestRefusedError):
        parse_request(json.dumps({**REQUEST, **document}).encode())
