"""An upload's photos as a set: enough good ones, several moments, captions with the subject."""

import pytest

from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import PhotosTooSlowError, TooFewPhotosError
from domain.intake.photo_set import advice_on_captions, advice_on_samples, advice_on_set, summarise


@pytest.mark.parametrize(
    ("moments", "alike", "advised"),
    [
        (10, 0, ()),
        (9, 0, ("few_photos",)),
        (5, 5, ()),
        (5, 3, ("few_photos",)),
        (4, 1, ("few_photos", "little_variety")),
        (4, 0, ()),
    ],
)
def test_few_moments_are_little_variety(moments: int, alike: int, advised: tuple[str, ...]) -> None:
    codes = [()] * moments + [("similar_photo",)] * alike
    photos = [PhotoVerdict(index=n, verdict="accepted", codes=own) for n, own in enumerate(codes)]
    photos.append(PhotoVerdict(index=99, verdict="refused", codes=("similar_photo",)))
    assert advice_on_set(photos) == advised


def test_captions_of_which_none_names_the_subject_are_reported() -> None:
    assert advice_of(("smiling", None)) == ("captions_without_subject",)
    assert advice_of(("smiling", "TOK smiling")) == ()
    assert advice_of(("a SKS", "smiling")) == ()
    assert advice_of((None, None)) == ()


def test_sample_prompts_of_which_one_does_not_name_the_subject_are_reported() -> None:
    prompts = {"instance_prompt": "a photo of TOK", "class_prompt": "a dog", "trigger_word": "zwx"}

    def advised(*samples: str) -> tuple[str, ...]:
        request = TrainingRequest.model_validate({**prompts, "sample_prompts": samples})
        return advice_on_samples(request)

    assert advised("TOK at the beach", "a sks dog") == ("samples_without_subject",)
    assert advised("TOK at the beach", "a Zwx dog") == advised() == ()


def advice_of(captions: tuple[str | None, ...]) -> tuple[str, ...]:
    verdicts = [
        PhotoVerdict(index=index, verdict="accepted", caption=caption)
        for index, caption in enumerate(captions)
    ]
    return advice_on_captions(verdicts, "sks")


@pytest.mark.parametrize(
    ("codes", "second_subject", "error"),
    [
        ([()] * 5, 0, None),
        ([()] * 5 + [("too_dark",)], 0, None),
        ([()] * 4 + [("too_dark",)], 0, TooFewPhotosError),
        ([()] * 4 + [("not_inspected",)], 0, PhotosTooSlowError),
        ([()] * 3 + [("too_complex",)], 0, TooFewPhotosError),
        ([()] * 5, 5, None),
        ([()] * 5, 4, TooFewPhotosError),
        ([], 0, TooFewPhotosError),
    ],
)
def test_each_subject_needs_enough_good_photos(
    codes: list[tuple[str, ...]], second_subject: int, error: type[TooFewPhotosError] | None
) -> None:
    first = [
        PhotoVerdict(index=n, verdict="refused" if own else "accepted", codes=own)
        for n, own in enumerate(codes)
    ]
    second = [
        PhotoVerdict(index=100 + n, verdict="accepted", subject=1) for n in range(second_subject)
    ]
    report = PhotoReport(job_id="0" * 32, photos=(*first, *second))
    if error is None:
        summary = summarise(report, all_must_pass=False)
        refused = sum(bool(own) for own in codes)
        assert (summary.accepted, summary.refused) == (len(report.photos) - refused, refused)
        return
    with pytest.raises(error):
        summarise(report, all_must_pass=False)
