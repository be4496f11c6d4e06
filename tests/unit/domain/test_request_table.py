"""What uploads ask for and what is wrong with them, whole.

The answers are in goldens/requests.json and goldens/bad_requests.json. Each case is a request (or
its bytes), the photos' names and the files beside them.
"""

import json
from typing import Any

import pytest

from domain.requests.merge import RequestSources, merge_sources, parse_request
from domain.requests.request_json import MAX_PROBLEMS, RequestRefusedError, printable, problem_of
from tests.unit.golden_kit import check_golden

Given = tuple[Any, tuple[str, ...], dict[str, bytes]]
PROMPTS = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
OTHERS = {**PROMPTS, "instance_prompt": "a photo of zwx person"}
DWJZ, CAT = ("60_dwjz/a.jpg", "60_dwjz/b.jpg"), ("10_tgr big cat/a.jpg", "c.jpg")
TOML = b"network_dim = 8\nmax_train_epochs = 2\n"
AVATAR = b'{"n_steps": 300, "lora_r": 16}'
JUMPSTART = b'{"instance_prompt": "a photo of TOK dog", "class_prompt": "a photo of a dog", "x": 1}'

GIVEN: dict[str, Given] = {
    "a request alone": (PROMPTS, (), {}),
    "names of other tools": ({**PROMPTS, "network_dim": 4, "lr": 1e-4, "steps": 7}, (), {}),
    "a folder alone": (None, DWJZ, {}),
    "a folder with a class": (None, CAT, {}),
    "a folder and a preset": ({"preset": "face"}, DWJZ, {}),
    "a folder with a class and a preset": ({"preset": "style"}, CAT, {}),
    "a folder and a trigger word": ({"trigger_word": "zwx", **OTHERS}, DWJZ, {}),
    "a preset alone": ({"preset": "object"}, (), {}),
    "a preset and prompts": ({"preset": "style", **PROMPTS}, (), {}),
    "a toml file and its folder": (None, DWJZ, {"k.toml": TOML}),
    "a toml file and a request's words": (
        {"trigger_word": "zwx", **OTHERS},
        ("a.jpg", "b.jpg"),
        {"k.toml": TOML},
    ),
    "a toml file and a trigger word": ({"trigger_word": "zwx"}, ("a.jpg",), {"k.toml": TOML}),
    "a folder of many repeats": (None, ("1000_dwjz/a.jpg",), {"k.toml": TOML}),
    "a toml file and a request's prompt": (PROMPTS, ("a.jpg",), {"k.toml": TOML}),
    "a toml file and a stronger request": ({"rank": 2}, DWJZ, {"k.toml": TOML}),
    "an avatar config": (None, (), {"config.json": AVATAR}),
    "an avatar config and a toml file": (None, DWJZ, {"Config.json": AVATAR, "k.toml": TOML}),
    "an avatar config and a request": ({"max_train_steps": 5}, (), {"config.json": AVATAR}),
    "jumpstart's prompts": (None, (), {"dataset_info.json": JUMPSTART}),
    "jumpstart's prompts and a folder": (None, DWJZ, {"dataset_info.json": JUMPSTART}),
    "everything": (
        {"rank": 2, "preset": "face"},
        DWJZ,
        {"config.json": AVATAR, "k.toml": TOML, "dataset_info.json": JUMPSTART},
    ),
    "a sweep and a toml file": (
        {**PROMPTS, "sweep": {"rank": [2, 4]}},
        ("a.jpg",),
        {"k.toml": b"network_dim = 8\nmax_train_steps = 9\n"},
    ),
}

BAD: dict[str, Given] = {
    "nothing at all": (None, (), {}),
    "a folder and a prompt": ({"instance_prompt": "a photo of TOK"}, DWJZ, {}),
    "a folder and another trigger word": ({"trigger_word": "zwx"}, DWJZ, {}),
    "a prompt of nobody": ({**PROMPTS, "instance_prompt": "a photo of zwx dog"}, (), {}),
    "a prompt without the trigger word": ({"trigger_word": "zwx", **PROMPTS}, (), {}),
    "two subjects": (None, ("10_abc/a.jpg", "10_def/b.jpg"), {}),
    "two toml files": (PROMPTS, (), {"a.toml": TOML, "b/c.TOML": TOML}),
    "two avatar configs": (PROMPTS, (), {"a/config.json": AVATAR, "b/config.json": AVATAR}),
    "two of jumpstart's": (PROMPTS, (), {"a/dataset_info.json": b"{}", "dataset_info.json": b"{}"}),
    "a folder that is a year": (None, ("1001_dwjz/a.jpg",), {"k.toml": TOML}),
    "a toml file of nobody": (None, (), {"k.toml": TOML}),
    "problems of two files": ({"rank": 0}, DWJZ, {"k.toml": b"seed = 1.5"}),
    "a preset that is none": ({**PROMPTS, "preset": "cat"}, (), {}),
    "a preset that is no word": ({**PROMPTS, "preset": 3}, (), {}),
    "a sweep that is none": ({**PROMPTS, "sweep": 3}, (), {}),
    "names and values": (
        {
            "instance_prompt": "",
            "max_train_step": 3,
            "lernrate": 1,
            "qqq": 1,
            "x\ny" + "z" * 60: 1,
            "network_dim": 9999,
            "lora_alpha": "my words",
            "sample_prompts": ["ok", ""],
            "sweep": {"rank": [1, 9999], "rnk": [1]},
        },
        (),
        {},
    ),
    "one field under two names": ({**PROMPTS, "rank": 4, "network_dim": 4, "lora_rank": 4}, (), {}),
    "fields that contradict each other": (
        {**PROMPTS, "with_prior_preservation": True, "num_class_images": 0},
        (),
        {},
    ),
    "not json": (b'{"a": ', (), {}),
    "not utf-8": (b"\xff\xfe", (), {}),
    "a list": (b"[1]", (), {}),
    "a name twice": (b'{"b": 1, "a": 1, "a": 2, "b": 3, "c": 1}', (), {}),
    "not a number": (b'{"rank": NaN}', (), {}),
    "infinity": (b'{"rank": -Infinity}', (), {}),
    "a number without an end": (b'{"rank": ' + b"9" * 5000 + b"}", (), {}),
    "nested without an end": (b'{"a": ' + b"[" * 100_000, (), {}),
    "jumpstart's without json": (PROMPTS, (), {"dataset_info.json": b"x"}),
}


def outcome(given: Given) -> dict[str, Any]:
    request, photos, settings = given
    body = request if isinstance(request, bytes | None) else json.dumps(request).encode()
    try:
        found = merge_sources(RequestSources(body, settings, photos))
    except RequestRefusedError as refusal:
        return {"problems": [problem.model_dump(mode="json") for problem in refusal.problems]}
    return {
        "request": found.request.model_dump(mode="json", exclude_unset=True),
        "renamed": found.renamed,
        "origins": found.origins,
        "imported": [report.tool for report in found.imported],
    }


def test_uploads_ask_for_what_they_asked_for() -> None:
    found = {name: outcome(given) for name, given in GIVEN.items()}
    assert not [name for name, reported in found.items() if "problems" in reported]
    check_golden("requests", found)


def test_bad_requests_are_told_in_these_words() -> None:
    found = {name: outcome(given) for name, given in BAD.items()}
    assert not [name for name, reported in found.items() if "problems" not in reported]
    check_golden("bad_requests", found)


def test_problems_are_counted_all_and_told_so_many() -> None:
    many = {f"unknown_{n}": 1 for n in range(MAX_PROBLEMS + 5)}
    with pytest.raises(RequestRefusedError, match=f"{MAX_PROBLEMS} problems") as caught:
        parse_request(json.dumps({**PROMPTS, **many}).encode())
    assert len(caught.value.problems) == MAX_PROBLEMS == 50


def test_a_byte_order_mark_is_no_word() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(PROMPTS).encode()
    assert parse_request(body) == parse_request(json.dumps(PROMPTS).encode())


@pytest.mark.parametrize(
    ("text", "shown"), [("a\nb", "a?b"), ("x" * 41, "x" * 40), ("é€😀", "é€😀"), ("\u202e", "?")]
)
def test_a_stranger_s_word_is_short_and_without_control_characters(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("length", [280, 400])
def test_a_long_message_is_cut(length: int) -> None:
    """pydantic repeats an enumeration's values; none of ours is as long as this."""
    detail = {"loc": ("a" * 90, "b"), "type": "value_error", "msg": "Value error, " + "m" * length}
    problem = problem_of(detail, {})
    assert problem.field == ("a" * 40 + ".b")[:80]
    assert problem.message == ("m" * length + ".")[:300]
    deep = {"loc": ("a" * 40, "b" * 40, "c"), "type": "x", "msg": "Wrong..."}
    assert problem_of(deep, {"a" * 40: "theirs"}).message == "Wrong."
    assert problem_of(deep, {}).field == ("a" * 40 + "." + "b" * 40)[:80]
    assert problem_of({"loc": (), "type": "x", "msg": "m"}, {}).field == ""


def test_an_empty_request_lacks_both_prompts() -> None:
    with pytest.raises(RequestRefusedError) as caught:
        parse_request(b"{}")
    assert [problem.field for problem in caught.value.problems] == [
        "instance_prompt",
        "class_prompt",
    ]
