"""Advice on photos that can be used but are not good."""

import pytest

from contracts.documents.upload.request import TrainingRequest
from contracts.shared.people.thresholds import IntakeThresholds
from domain.intake.inspection import thresholds_of
from domain.intake.photo_quality import (
    OLD_DAYS,
    advice_on,
    old_among,
    quality_of,
    resembled,
    similar,
)
from domain.ports.decoder import PhotoMetrics
from tests.fakes.intake import REQUEST

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


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"sharpness": 40.0}, ()),
        ({"sharpness": 39.9}, ("blurred",)),
        ({"brightness": 35.0}, ()),
        ({"brightness": 34.9}, ("too_dark",)),
        ({"brightness": 225.0}, ()),
        ({"brightness": 225.1}, ("too_bright",)),
        ({"contrast": 12.0}, ()),
        ({"contrast": 11.9}, ("low_contrast",)),
        ({"sharpness": 1.0, "brightness": 1.0}, ("blurred", "too_dark")),
    ],
)
def test_every_threshold_is_where_it_was(changes: dict[str, float], codes: tuple[str, ...]) -> None:
    plain = PhotoMetrics(sharpness=500.0, brightness=128.0, contrast=50.0, fingerprint=0)
    assert advice_on(plain._replace(**changes), []) == codes  # type: ignore[arg-type]


@pytest.mark.parametrize(("bits", "alike"), [(0, True), (3, True), (4, False), (64, False)])
def test_so_many_bits_tell_two_moments_apart(bits: int, alike: bool) -> None:
    one = PhotoMetrics(500.0, 128.0, 50.0, fingerprint=0)
    other = one._replace(fingerprint=(1 << bits) - 1)
    assert similar(one, other) is alike
    assert advice_on(one, [None, other]) == (("similar_photo",) if alike else ())


@pytest.mark.parametrize(
    ("days", "old"),
    [
        ([], []),
        ([None, None], [False, False]),
        ([2000, 905, 904, None], [False, False, True, False]),
        ([1, 3 * 365 + 1], [False, False]),
    ],
)
def test_a_photo_is_old_after_three_years(days: list[int | None], old: list[bool]) -> None:
    assert old_among(days) == old


@pytest.mark.parametrize(("bits", "alike"), [(0, True), (48, True), (49, False)])
def test_so_many_bits_tell_a_crop_from_another_picture(bits: int, alike: bool) -> None:
    far = (1 << 768) - 1
    whole = PhotoMetrics(500.0, 128.0, 50.0, 0, views=(far, (1 << bits) - 1), mirrored=far)
    crop = PhotoMetrics(500.0, 128.0, 50.0, 0xFF, views=(0,), mirrored=far >> 100)
    assert resembled(crop, [whole]) == (0 if alike else None)
    assert resembled(whole, [None, crop]) == (1 if alike else None)


@pytest.mark.parametrize(
    ("change", "quality"),
    [
        ({}, 1),
        ({"sharpness": 38.0}, 0.95),
        ({"brightness": 17.5}, 0.5),
        ({"brightness": 240.0}, 0.5),
        ({"brightness": 255.0}, 0),
        ({"contrast": 3.0, "sharpness": 20.0}, 0.25),
    ],
)
def test_quality_is_the_worst_share_of_a_limit(change: dict[str, float], quality: float) -> None:
    assert quality_of(GOOD._replace(**change)) == quality  # type: ignore[arg-type]


def test_an_operators_limits_decide_on_advice_and_quality() -> None:
    strict = IntakeThresholds(min_sharpness=800, max_brightness=255, max_burst_bits=0)
    assert advice_on(GOOD, [GOOD._replace(fingerprint=1)], strict) == ("blurred",)
    assert quality_of(GOOD, strict) == 0.5
    assert quality_of(GOOD._replace(brightness=255), IntakeThresholds(max_brightness=255)) == 1


def test_a_request_may_only_demand_more_than_the_stack() -> None:
    stack = IntakeThresholds(quality_threshold=0.5, min_face_clarity=0.4)
    asked = {"quality_threshold": 0.2, "min_face_clarity": 0.9}
    request = TrainingRequest.model_validate({**REQUEST, **asked})
    found = thresholds_of(request, stack)
    assert (found.quality_threshold, found.min_face_clarity) == (0.5, 0.9)
    assert thresholds_of(TrainingRequest.model_validate(REQUEST), stack) == stack
