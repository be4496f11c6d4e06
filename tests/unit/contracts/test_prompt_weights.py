"""Weights in prompts, as A1111's users write them, and what is refused rather than misread."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.shared.words.prompt_weights import PromptError, literal, read_tags, read_weights


def spans(text: str) -> list[tuple[str, float]]:
    (part,) = read_weights(text).parts
    return [(span.text, round(span.weight, 4)) for span in part]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", []),
        ("a photo of sks", [("a photo of sks", 1)]),
        ("a (photo)", [("a ", 1), ("photo", 1.1)]),
        ("a ((photo))", [("a ", 1), ("photo", 1.21)]),
        ("a [photo]", [("a ", 1), ("photo", 0.9091)]),
        ("(photo:1.3)", [("photo", 1.3)]),
        ("( photo : 1.3 )", [(" photo ", 1.3)]),
        ("(photo:.5)", [("photo", 0.5)]),
        ("(photo:-1)", [("photo", -1)]),
        ("(photo:15e-1)", [("photo", 1.5)]),
        ("(photo:1.5", [("photo:1.5", 1.1)]),
        ("(photo:)", [("photo:", 1.1)]),
        ("(photo:1.2.3)", [("photo:1.2.3", 1.1)]),
        ("(a (b:2) c:1.5)", [("a ", 1.5), ("b", 3), (" c", 1.5)]),
        ("([a])", [("a", 1)]),
        (r"\(photo\)", [("(photo)", 1)]),
        (r"(a \(b\):1.2)", [("a (b)", 1.2)]),
        (r"a \\ b", [("a \\ b", 1)]),
        (r"C:\dogs", [(r"C:\dogs", 1)]),
        ("(never closed", [("never closed", 1.1)]),
        ("never opened)", [("never opened)", 1)]),
        ("never opened:1.2)", [("never opened:1.2)", 1)]),
        ("ratio 16:9", [("ratio 16:9", 1)]),
        ("(ratio 16:9, dog)", [("ratio 16:9, dog", 1.1)]),
        ("one|other", [("one|other", 1)]),
        ("(one|other)", [("one|other", 1.1)]),
        ("小明 (微笑:1.2)", [("小明 ", 1), ("微笑", 1.2)]),
        ("()", []),
        ("(a [b) c]", [("a ", 1.1), ("b", 1), (" c", 0.9091)]),
    ],
)
def test_brackets_weigh_what_is_in_them(text: str, read: list[tuple[str, float]]) -> None:
    assert spans(text) == read


@pytest.mark.parametrize(
    "text", ["[cat:dog:0.5]", "[dog:10]", "a [cat|dog] b", "[(cat):dog: .5 ]", "[a|b"]
)
def test_what_changes_between_steps_is_refused_or_never_misread(text: str) -> None:
    if text == "[a|b":  # not closed, so A1111 reads it as text too
        assert spans(text) == [("a|b", 0.9091)]
        return
    with pytest.raises(PromptError, match="are not supported"):
        read_weights(text)


@pytest.mark.parametrize(
    "text",
    [
        "(dog:11)",
        "(((dog:5):5):5)",
        "(dog:-10.5)",
        "(" * 60 + "dog",
        "(dog:1e9)",
        "(dog:1E400)",
        f"((dog:1{'0' * 400}):0)",  # not a number
    ],
)
def test_a_weight_beyond_all_sense_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match=r"^a weight is beyond 10$"):
        read_weights(text)


@pytest.mark.parametrize("text", ["([a" * 666, f"a{' ' * 1990}b", "[a|" * 660, "(" * 2000])
def test_no_prompt_takes_long_to_read(text: str) -> None:
    """0.03 s at most; it took up to 0.18 s (2026-11-30), several times for each request."""
    began = time.process_time()
    read_weights(text)
    assert time.process_time() - began < 0.1


def test_break_begins_a_new_chunk_as_a_word_of_its_own() -> None:
    parts = read_weights("a dog BREAK (red:1.2) BREAKFAST").parts
    assert [[span.text for span in part] for part in parts] == [["a dog"], ["red", " BREAKFAST"]]
    assert read_weights("a BREAK b").plain is None
    assert read_weights("a (big:1.2) dog BREAK [red] <lora:x:1>").words == "a big dog red "
    weighed = read_weights("(a BREAK b:1.2) BREAK").parts
    assert weighed == ((("a", 1.2),), (("b", 1.2),), ())


def test_a_file_of_another_tool_is_left_out_and_reported() -> None:
    prompt = read_weights("a dog <lora:my_style:0.8>, <LYCO:x:1>red")
    assert (prompt.plain, prompt.ignored) == ("a dog , red", ("lora_tag",))
    assert read_weights("a < b").ignored == ()


def test_a_keyword_that_joins_pictures_elsewhere_is_a_word_and_reported() -> None:
    prompt = read_weights("a cat AND a dog")
    assert (prompt.plain, prompt.ignored) == ("a cat AND a dog", ("and_keyword",))
    assert read_weights("SAND and bANDs").ignored == ()


def test_a_literal_prompt_has_no_weights() -> None:
    text = r"a (dog:2) \( BREAK <lora:a:1>"
    assert (literal(text).plain, literal(text).ignored) == (text, ())


SIGNS = st.text(alphabet="ab ()[]:|\\.12<>-", max_size=40)


@given(SIGNS)
def test_every_text_is_read_or_refused_in_our_words(text: str) -> None:
    try:
        prompt = read_weights(text)
    except PromptError as error:
        assert str(error).startswith(("a weight is", "[from:to:when]"))  # noqa: PT017 (not always)
        return
    for part in prompt.parts:
        assert all(span.text for span in part)


@given(st.text(alphabet="abc ,.é小", max_size=40))
def test_a_text_without_brackets_is_as_it_was(text: str) -> None:
    assert read_weights(text).plain == text


@pytest.mark.parametrize(
    ("text", "plain", "ignored"),
    [
        ("a (small) [red] dog", "a (small) [red] dog", ()),
        ("a (red:1.5) dog", "a (red:1.5) dog", ("weights",)),
        ("at ten (10:30) <lora:me:0.8>", "at ten (10:30) ", ("lora_tag", "weights")),
        ("a dog AND a cat BREAK", "a dog AND a cat BREAK", ()),
    ],
)
def test_where_no_weights_are_read_brackets_are_text_and_tags_are_left_out(
    text: str, plain: str, ignored: tuple[str, ...]
) -> None:
    prompt = read_tags(text)
    assert (prompt.plain, prompt.ignored) == (plain, ignored)
