"""Where tensors are in a file: without gaps, without overlaps, up to the file's end."""

import json

import pytest

from contracts.shared.weights.safetensors import (
    MAX_HEADER_BYTES,
    TensorEntry,
    WeightsError,
    read_layout,
)

Entry = dict[str, object]


def entry(start: object, end: object, shape: object = (2, 2), dtype: object = "F32") -> Entry:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def file_of(header: object, body: int = 32) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(body)


def why(data: bytes) -> str:
    with pytest.raises(WeightsError) as caught:
        read_layout(data)
    return str(caught.value)


def test_tensors_are_told_in_the_order_of_their_bytes() -> None:
    header = {
        "b": entry(16, 24, dtype="BF16"),
        "__metadata__": {"format": "pt"},
        "c": entry(24, 32, dtype="F16"),
        "a": entry(0, 16),
    }
    data = file_of(header)
    assert read_layout(data) == (
        len(data) - 32,
        [
            TensorEntry("a", "F32", (2, 2), 0, 16),
            TensorEntry("b", "BF16", (2, 2), 16, 24),
            TensorEntry("c", "F16", (2, 2), 24, 32),
        ],
    )


def test_an_empty_tensor_and_a_single_number_are_tensors() -> None:
    header = {"none": entry(0, 0, shape=(0, 4)), "one": entry(0, 4, shape=())}
    _, entries = read_layout(file_of(header, body=4))
    assert [(found.name, found.shape) for found in entries] == [("none", (0, 4)), ("one", ())]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (entry(0, 16), entry(20, 36), "offsets_wrong"),  # a gap
        (entry(0, 16), entry(12, 28), "offsets_wrong"),  # an overlap
        (entry(0, 16), entry(0, 16), "offsets_wrong"),  # the same bytes twice
        (entry(4, 20), entry(20, 36), "offsets_wrong"),  # a gap before the first
        (entry(0, 16), entry(16, 28), "offsets_wrong"),  # fewer bytes than its shape has
        (entry(0, 16), entry(16, 36), "offsets_wrong"),  # more of them
        (entry(0, 16), entry(16, 8), "offsets_wrong"),  # backwards
        (entry(0, 8, dtype="F16"), entry(8, 16, dtype="F16"), "size_wrong"),  # the file goes on
        (entry(0, 16), entry(16, 32, dtype="F64"), "dtype_unknown"),
    ],
)
def test_bytes_that_do_not_add_up_are_refused(first: Entry, second: Entry, reason: str) -> None:
    assert why(file_of({"a": first, "b": second})) == reason


def test_a_file_without_tensors_is_refused() -> None:
    assert why(file_of({}, body=0)) == "size_wrong"


@pytest.mark.parametrize(
    "header",
    [
        [],
        "text",
        {"a": []},
        {"a": {"dtype": "F32", "shape": [2]}},
        {"a": entry(0, 16, shape=3)},
        {"a": entry(-16, 0)},
        {"a": entry(0, 16, shape=(2, -2))},
        {"a": entry(0, 16.0)},
        {"a": entry(False, 16)},
        {"a": entry(0, 16, shape=(True, 4))},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}},
    ],
)
def test_a_header_that_is_none_is_refused(header: object) -> None:
    assert why(file_of(header)) == "header_damaged"


def test_a_header_ends_within_the_file_and_is_never_large() -> None:
    header = {"a": entry(0, 16)}
    text = json.dumps(header).encode()
    assert why((len(text) + 1).to_bytes(8, "little") + text) == "header_damaged"
    assert why((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + bytes(MAX_HEADER_BYTES + 9)) == (
        "header_damaged"
    )


def test_a_header_as_large_as_one_may_be_is_read() -> None:
    text = json.dumps({"a": entry(0, 16)}).encode().ljust(MAX_HEADER_BYTES)
    start, _ = read_layout(MAX_HEADER_BYTES.to_bytes(8, "little") + text + bytes(16))
    assert start == 8 + MAX_HEADER_BYTES
