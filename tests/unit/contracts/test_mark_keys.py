"""Every key of the marks comes from one secret, and always comes out the same."""

import json

import pytest

from contracts.shared.pictures.mark_keys import (
    PURPOSES,
    MarkSecret,
    MarkSecretError,
    derive_keys,
    from_text,
    mark_id,
    marking_keys,
    parse_secret,
    reading_keys,
    to_text,
)

SEED, OLD = "s" * 32, "o" * 32


def test_keys_never_change_as_pictures_outlive_releases() -> None:
    keys = derive_keys(SEED, "serving")
    assert keys.watermark.hex().startswith("6d9ff9e50b145381")
    assert keys.signing.hex().startswith("4b924b5d45f23650")
    assert mark_id(keys.watermark, "0" * 32) == 65978176


def test_purposes_and_seeds_have_keys_of_their_own() -> None:
    keys = [derive_keys(seed, purpose) for seed in (SEED, OLD) for purpose in PURPOSES]
    assert len({key for one in keys for key in (one.watermark, one.signing)}) == 8


def test_a_previous_seed_is_read_and_never_marks() -> None:
    secret = MarkSecret(seed=SEED, previous_seeds=(OLD,))
    assert marking_keys(secret, "serving") == derive_keys(SEED, "serving")
    assert reading_keys(secret) == [derive_keys(s, p) for s in (SEED, OLD) for p in PURPOSES]


def test_what_cloudformation_generates_is_a_secret() -> None:
    assert parse_secret(json.dumps({"schema_version": 1, "seed": SEED})).seed == SEED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON: top-secret",
        "{}",
        '{"seed": "short"}',
        json.dumps({"seed": SEED, "sead": "top-secret"}),
        json.dumps({"seed": SEED, "certificates": "top-secret"}),
    ],
)
def test_a_bad_secret_is_an_error_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(MarkSecretError, match="the marks' secret is not valid") as caught:
        parse_secret(text)
    assert "top-secret" not in str(caught.value)
    assert "short" not in str(caught.value).replace("at least", "")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "document"),
        (json.dumps({"seed": "short"}), "seed"),
        (json.dumps({"seed": SEED, "previous_seeds": [OLD, "short"]}), "previous_seeds.1"),
    ],
)
def test_a_bad_secret_s_error_says_where_it_is_bad(text: str, place: str) -> None:
    with pytest.raises(MarkSecretError) as caught:
        parse_secret(text)
    assert str(caught.value).startswith(f"the marks' secret is not valid: {place}: ")


def test_ids_differ_between_models_and_keys() -> None:
    models = [f"{number:032x}" for number in range(300)]
    ids = {mark_id(key * 32, model) for key in (b"a", b"b") for model in models}
    assert len(ids) == 600
    assert all(0 <= one < 2**32 for one in ids)


def test_a_key_travels_as_text() -> None:
    assert from_text(to_text(bytes(range(32)))) == bytes(range(32))


def test_text_that_is_no_key_is_none() -> None:
    with pytest.raises(ValueError, match="Only base64"):
        from_text("not a key!")
