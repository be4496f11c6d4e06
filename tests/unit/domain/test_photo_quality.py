"""Advice on photos that can be used but are not good."""

import pytest

from domain.intake.photo_quality import OLD_DAYS, advice_on, old_among
from domain.ports.decoder import PhotoMetrics

GOOD = PhotoMetrics(sharpness=400, brightness=120, contrast=50, fingerprint=0)


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({}, ()),
        ({"sharpness": 39.0}, ("blurred",)),
        ({"brightness": 34.0}, ("too_dark",)),
        ({"brightness": 226.0}, ("too_bright",)),
        ({"contrast": 11.0, "sharpness": 1.0}, ("blurred", "low_contrast")),
    ],
)
def test_what_is_not_good_is_reported(change: dict[str, float], advice: tuple[str, ...]) -> None:
    assert advice_on(GOOD._replace(**change), []) == advice  # type: ignore[arg-type]


@pytest.mark.parametrize(("bits", "similar"), [(0b111, True), (0b1111, False)])
def test_a_burst_is_distinguished_from_two_poses(bits: int, similar: bool) -> None:
    advice = advice_on(GOOD._replace(fingerprint=bits), [None, GOOD])
    assert advice == (("similar_photo",) if similar else ())


def test_a_photo_without_metrics_gets_no_advice() -> None:
    assert advice_on(None, [GOOD]) == ()


@pytest.mark.parametrize(
    ("days", "old"),
    [
        ([OLD_DAYS, 0], [False, False]),
        ([OLD_DAYS + 1, 0, None], [False, True, False]),
        ([None, None], [False, False]),
        ([], []),
    ],
)
def test_a_photo_is_old_beside_a_much_newer_one(days: list[int | None], old: list[bool]) -> None:
    assert old_among(days) == old
