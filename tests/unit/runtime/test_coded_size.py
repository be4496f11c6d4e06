"""A picture's size is read from its own bitstream, in every form that the standards allow."""

from collections.abc import Iterable

import pytest

from runtime.imaging.coded_size import Size, av1_sizes, hevc_sizes
from tests.unit.runtime.bits_kit import BitWriter

ONES = (1 << 64) - 1
"""The value of fields that are passed over: whoever stops too early takes it for the size."""


def sequence(fields: BitWriter, width: int = 300, height: int = 200) -> bytes:
    """Return an AV1 sequence header's first bytes, with the fields before its size."""
    return fields.number(9, 4).number(8, 4).number(width - 1, 10).number(height - 1, 9).data()


def obu(kind: int, data: bytes, *, extended: bool = False, sized: bool = True) -> bytes:
    head = bytes([kind << 3 | extended << 2 | sized << 1, *([0] if extended else [])])
    return head + (bytes([len(data)]) if sized else b"") + data


def plain() -> BitWriter:
    """Neither a reduced header nor timing, and one operating point of a low level."""
    fields = BitWriter().number(0b0110, 4).number(0, 1).number(0, 1).number(0, 1)
    return fields.number(0, 5).number(0, 12).number(0, 5)


def with_points(levels: Iterable[int], *, timing: bool, model: bool, delays: bool) -> BitWriter:
    """Operating points with everything that they may have."""
    levels = list(levels)
    fields = BitWriter().number(0, 4).number(0, 1).number(timing, 1)
    if timing:
        fields.number(ONES, 64).number(1, 1).golomb(6).number(model, 1)
        if model:
            fields.number(9, 5).number(ONES >> 22, 42)
    fields.number(delays, 1).number(len(levels) - 1, 5)
    for level in levels:
        fields.number(ONES >> 52, 12).number(level, 5)
        if level > 7:
            fields.number(1, 1)
        if model:
            fields.number(1, 1).number(ONES >> 43, 21)
        if delays:
            fields.number(1, 1).number(15, 4)
    return fields


AV1 = {
    "plain": plain(),
    "reduced": BitWriter().number(0b0110, 4).number(1, 1).number(31, 5),
    "one point": with_points([4], timing=False, model=False, delays=False),
    "levels with and without a tier": with_points(
        [7, 8, 31], timing=False, model=False, delays=False
    ),
    "timing": with_points([4], timing=True, model=False, delays=False),
    "a decoder model": with_points([4, 12], timing=True, model=True, delays=False),
    "delays": with_points([4, 12], timing=False, model=False, delays=True),
    "everything": with_points([31] * 32, timing=True, model=True, delays=True),
}


@pytest.mark.parametrize("name", AV1)
def test_the_largest_frame_of_a_sequence_is_found(name: str) -> None:
    header = sequence(AV1[name])[:64]
    if name == "everything":  # longer than what is kept of a header: never a wrong size
        with pytest.raises(ValueError, match="too early"):
            av1_sizes(obu(1, header))
        return
    assert av1_sizes(obu(1, header)) == [Size(300, 200, 300, 200)]


def test_only_sequence_headers_count_whatever_else_is_in_an_obu() -> None:
    header = sequence(plain())
    data = obu(2, b"") + obu(1, header, extended=True) + obu(3, b"\xff" * 90) + obu(1, header)
    assert len(av1_sizes(data)) == 2
    assert len(av1_sizes(obu(2, b"") + obu(1, header, sized=False))) == 1
    long = bytes([3 << 3 | 2, 0x80 | 100, 1]) + bytes(228)  # two bytes of length: 100 + 128
    assert len(av1_sizes(long + obu(1, header))) == 1


@pytest.mark.parametrize(
    "data",
    [
        bytes([0x80 | 1 << 3 | 2, 0]),
        obu(1, sequence(plain()))[:-1],
        bytes([1 << 3 | 2, 0x80]),
        bytes([1 << 3 | 2, *[0x80] * 8, 0]),
        obu(2, b"") * 1001,
    ],
    ids=["a forbidden bit", "cut off", "no length", "a length of nine bytes", "too many"],
)
def test_obus_that_are_broken_have_no_size(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"OBU|length"):
        av1_sizes(data)


def test_a_thousand_obus_are_read() -> None:
    assert av1_sizes(obu(2, b"") * 999) == []


def test_the_type_of_an_obu_has_no_bit_of_its_flags() -> None:
    assert av1_sizes(bytes([2 << 3 | 2 | 1, 0])) == [], "a reserved bit is no forbidden one"


def parameter_set(
    chroma: int = 1,
    edges: tuple[int, int, int, int] | None = None,
    layers: tuple[tuple[int, int], ...] = (),
) -> bytes:
    """Return a sequence parameter set of 320 x 240: behind two bytes of its unit's head.

    Args:
        chroma: HEVC's number of the colour format.
        edges: left, right, top and bottom, in chroma samples; None: it is not cropped.
        layers: whether each sublayer has a profile and a level.
    """
    bits = BitWriter().number(33 << 9 | 1, 16).number(0, 4).number(len(layers), 3).number(1, 1)
    bits.number(ONES, 64).number(ONES >> 40, 24).number(93, 8)
    for profile, level in layers:
        bits.number(profile, 1).number(level, 1)
    if layers:
        bits.number(0, 2 * (8 - len(layers)))
    for profile, level in layers:
        bits.number((1 << 88 * profile) - 1, 88 * profile).number((1 << 8 * level) - 1, 8 * level)
    bits.golomb(0, chroma)
    if chroma == 3:
        bits.number(0, 1)
    bits.golomb(320, 240).number(edges is not None, 1).golomb(*(edges or ()))
    return bits.number(1, 8).data()


def config(*units: bytes, kind: int = 33, length_bytes: int = 4) -> bytes:
    """Return a hvcC box's content with these units in one array."""
    listed = b"".join(len(unit).to_bytes(2) + unit for unit in units)
    return bytes(21) + bytes([0xFC | length_bytes - 1, 1, kind]) + len(units).to_bytes(2) + listed


@pytest.mark.parametrize(
    ("chroma", "shown"),
    [(0, (317, 233)), (1, (314, 226)), (2, (314, 233)), (3, (317, 233))],
)
def test_edges_are_counted_in_samples_of_the_colour_format(
    chroma: int, shown: tuple[int, int]
) -> None:
    unit = parameter_set(chroma, (1, 2, 3, 4))
    assert hevc_sizes(config(unit), b"") == [Size(320, 240, *shown)]


@pytest.mark.parametrize("chroma", range(4))
def test_without_edges_the_whole_picture_is_shown(chroma: int) -> None:
    assert hevc_sizes(config(parameter_set(chroma)), b"") == [Size(320, 240, 320, 240)]


@pytest.mark.parametrize(
    "layers", [((0, 0),), ((1, 0),), ((0, 1),), ((1, 1), (0, 1)), ((1, 1),) * 6]
)
def test_sublayers_are_passed_over(layers: tuple[tuple[int, int], ...]) -> None:
    unit = parameter_set(layers=layers)
    guarded = unit[:2] + unit[2:].replace(b"\0\0", b"\0\0\3")
    assert hevc_sizes(config(guarded), b"") == [Size(320, 240, 320, 240)]


def test_sets_are_found_in_the_picture_too_and_no_other_units() -> None:
    unit, other = parameter_set(), bytes([34 << 1, 1, 0])
    for wide in (1, 2, 4):
        data = b"".join(len(one).to_bytes(wide) + one for one in (other, unit))
        assert len(hevc_sizes(config(length_bytes=wide), data)) == 1
        with pytest.raises(ValueError, match="longer"):
            hevc_sizes(config(length_bytes=wide), data[:-1])
    assert hevc_sizes(config(unit, kind=34), b"") == []
    assert len(hevc_sizes(config(unit, unit), b"")) == 2
