"""The watermark's setting, checked without the library that embeds it."""

import pytest

from serving.output.watermark import NoWatermark, WatermarkError, check_setting


@pytest.mark.parametrize(("text", "side"), [("", 64), (None, 64), ("likeness", 256)])
def test_a_setting_that_fits_the_base_is_accepted(text: str | None, side: int) -> None:
    check_setting(text, side)


@pytest.mark.parametrize(("text", "side"), [("likeness", 64), ("likenesses", 512), ("ü", 512)])
def test_a_setting_that_does_not_fit_is_an_error(text: str, side: int) -> None:
    with pytest.raises(WatermarkError, match="LIKENESS_WATERMARK"):
        check_setting(text, side)


def test_without_a_watermark_every_size_is_accepted() -> None:
    NoWatermark().check(64, 64)
