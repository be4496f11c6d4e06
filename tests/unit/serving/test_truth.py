"""What no picture is: one colour, or nothing but the ends of the scale."""

import numpy as np

from serving.output.truth import MAX_SATURATED, MIN_RANGE, Pixels, is_degenerate


def picture(share: float) -> Pixels:
    """Return a picture of which this share of the values is 0 or 1."""
    values = np.linspace(0.2, 0.8, 1200, dtype=np.float32)
    values[: round(share * 1200)] = np.arange(round(share * 1200)) % 2
    pixels: Pixels = values.reshape(20, 20, 3)
    return pixels


def test_a_picture_of_colours_is_one() -> None:
    assert not is_degenerate(picture(0))
    assert not is_degenerate(picture(0.99))


def test_a_picture_at_the_limit_of_saturation_is_one_and_beyond_it_none() -> None:
    assert not is_degenerate(picture(MAX_SATURATED))
    assert is_degenerate(picture(MAX_SATURATED + 1 / 1200))


def test_one_colour_is_no_picture_and_two_that_differ_in_one_channel_are() -> None:
    flat = np.full((4, 4, 3), 0.5, dtype=np.float32)
    assert is_degenerate(flat)
    flat[0, 0, 1] += 2 * MIN_RANGE
    assert not is_degenerate(flat)
