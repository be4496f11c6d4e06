"""A classifier's folder is read before it is used, and the operator's labels must be its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.shared.pictures.classifier import (
    CONFIG,
    FILES,
    PREPROCESSOR,
    ClassifierError,
    chosen_labels,
    is_under_age,
    minor_labels,
    read_config,
    read_folder,
)
from tests.fakes.tiny_vit import AGES, FILTER, tiny_vit, write_vit


def changed(name: str, **fields: Any) -> bytes:
    """Return a config of the tiny filter with other fields; None leaves a field out."""
    config = json.loads(tiny_vit(FILTER)[name]) | fields
    return json.dumps({key: value for key, value in config.items() if value is not None}).encode()


def test_a_whole_folder_says_its_labels_and_sizes(tmp_path: Path) -> None:
    config, preprocessor = read_folder(write_vit(tmp_path, AGES))
    assert config.labels == tuple(AGES)
    assert (config.image_size, preprocessor.size.height) == (32, 32)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_lacks_is_named(tmp_path: Path, name: str) -> None:
    (write_vit(tmp_path, FILTER) / name).unlink()
    with pytest.raises(ClassifierError, match=f"the folder lacks {name}"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model_type": "swin"}, "model_type"),
        ({"model_type": None}, "model_type"),
        ({"hidden_act": "relu"}, "hidden_act"),
        ({"num_channels": 1}, "num_channels"),
        ({"image_size": 30}, "do not divide"),
        ({"num_attention_heads": 3}, "do not divide"),
        ({"id2label": {"0": "one"}}, "at least two"),
        ({"id2label": {"1": "one", "2": "two"}}, "from 0"),
        ({"id2label": {"0": "one", "1": "one"}}, "are equal"),
    ],
)
def test_a_config_of_another_network_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClassifierError, match=reason):
        read_config(changed(CONFIG, **fields))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"1"])
def test_what_is_no_config_is_refused(body: bytes) -> None:
    with pytest.raises(ClassifierError, match=CONFIG):
        read_config(body)


@pytest.mark.parametrize(
    "fields",
    [{"size": {"height": 64, "width": 64}}, {"size": {"shortest_edge": 32}}, {"do_resize": False}],
)
def test_a_preprocessor_that_makes_other_pictures_is_refused(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    write_vit(tmp_path, FILTER)
    (tmp_path / PREPROCESSOR).write_bytes(changed(PREPROCESSOR, **fields))
    with pytest.raises(ClassifierError, match=PREPROCESSOR):
        read_folder(tmp_path)


@pytest.mark.parametrize("text", ["nfsw", "nsfw,gore", ",", ""])
def test_a_label_that_the_classifier_lacks_is_refused_with_those_that_it_has(text: str) -> None:
    with pytest.raises(ClassifierError, match="normal, nsfw"):
        chosen_labels(text, FILTER)


@pytest.mark.parametrize(
    ("label", "under"),
    [
        ("0-2", True), ("3 to 9", True), ("(8, 12)", True), ("17", True), ("age_5", True),
        ("10-19", False), ("18", False), ("15-20", False), ("more than 2", False), ("5+", False),
        ("over 3", False), ("child", False), ("", False),
    ],
)  # fmt: skip
def test_a_label_is_under_age_only_where_all_its_ages_are(label: str, *, under: bool) -> None:
    assert is_under_age(label) == under


def test_an_estimate_whose_labels_say_no_age_needs_them_named() -> None:
    with pytest.raises(ClassifierError, match="MinorLabels"):
        minor_labels("auto", ["child", "adult"])
    assert minor_labels("child", ["child", "adult"]) == ("child",)
    assert minor_labels("3-9,10-19", AGES) == ("3-9", "10-19")
