"""Options that mean nothing on a base are refused where the request is checked, by their names."""

from typing import Any

import pytest

from contracts.base import AdapterWidths, BaseCard
from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError
from contracts.shared import layout
from contracts.shared.base_options import unfit_options
from domain.intake.accepting import accept_request
from domain.ports.storage import read_document, write_document
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake, put_upload
from tests.unit.training_kit import CARD

ZIMAGE = CARD.model_copy(update={"family": "zimage", "prediction_type": "flow_prediction"})
PHOTOS = {f"{n}.jpg": bytes([n]) for n in range(5)}


def asked(**options: Any) -> TrainingRequest:
    return TrainingRequest(instance_prompt="sks", class_prompt="a person", **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"snr_gamma": 0, "noise_offset": 0},
        {"train_text_encoder": False},
        {"target_modules": ("to_q", "feed_forward.w2")},
        {"resolution": 80, "resolutions": (64, 96)},
        {"mixed_precision": "bf16", "use_dora": True, "enable_bucket": True, "use_ema": True},
        {"adapter_file": "x.safetensors"},
    ],
)
def test_what_a_zimage_can_do_has_no_problem(options: dict[str, Any]) -> None:
    assert unfit_options(asked(**options), ZIMAGE) == {}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("snr_gamma", 5, "flow matching"),
        ("noise_offset", 0.1, "pure noise"),
        ("train_text_encoder", True, "no adapter"),
        ("text_encoder_lr", 1e-4, "no adapter"),
        ("text_encoder_rank", 4, "no adapter"),
        ("text_encoder_alpha", 4, "no adapter"),
        ("target_modules", ("to_q", "ff.net.2"), "no layers ff.net.2; it has to_q"),
        ("resolution", 72, "a multiple of 16"),
        ("resolutions", (64, 72), "a multiple of 16"),
        ("mixed_precision", "fp16", "choose bf16 or no"),
    ],
)
def test_what_means_nothing_on_a_zimage_is_named_with_the_reason(
    field: str, value: Any, why: str
) -> None:
    found = unfit_options(asked(**{field: value}), ZIMAGE)
    assert [*found] == [field]
    assert why in found[field]


def test_a_unet_has_all_options_but_the_layers_of_a_transformer() -> None:
    options = {
        "snr_gamma": 5,
        "noise_offset": 0.1,
        "train_text_encoder": True,
        "resolution": 72,
        "mixed_precision": "fp16",
        "target_modules": ("to_q", "ff.net.2"),
    }
    assert unfit_options(asked(**options), CARD) == {}
    assert [*unfit_options(asked(target_modules=("feed_forward.w1",)), CARD)] == ["target_modules"]


def test_a_card_that_asks_for_trained_text_encoders_is_refused_unless_the_request_says_no() -> None:
    training = CARD.training.model_copy(update={"train_text_encoder": True})
    card = ZIMAGE.model_copy(update={"training": training})
    assert [*unfit_options(asked(), card)] == ["train_text_encoder"]
    assert unfit_options(asked(train_text_encoder=False), card) == {}


WIDTHS = AdapterWidths(network={"to_q": 500_000, "to_out.0": 500_000, "ff.net.2": 1}, text=300_000)
WIDE = CARD.model_copy(
    update={
        "adapter_widths": WIDTHS,
        "training": CARD.training.model_copy(update={"target_modules": ("to_q", "to_out.0")}),
    }
)


@pytest.mark.parametrize(
    ("options", "field", "fits"),
    [
        ({"rank": 256, "train_text_encoder": False}, "rank", 130),
        ({"rank": 128, "train_text_encoder": True}, "rank", 100),
        (
            {"rank": 16, "text_encoder_rank": 1024, "train_text_encoder": True},
            "text_encoder_rank",
            382,
        ),
        ({"rank": 200, "text_encoder_rank": 8, "train_text_encoder": True}, "rank", 130),
        ({"sweep": {"rank": [8, 512]}, "train_text_encoder": False}, "sweep.rank", 130),
    ],
)
def test_a_rank_whose_adapter_could_not_be_published_is_refused_with_the_one_that_fits(
    options: dict[str, Any], field: str, fits: int
) -> None:
    found = unfit_options(asked(**options), WIDE)
    assert [*found] == [field]
    assert f"; {fits} fits" in found[field]
    assert unfit_options(asked(**options), CARD) == {}, "this card does not tell it"


@pytest.mark.parametrize(
    "options",
    [
        {"rank": 130, "train_text_encoder": False},
        {"rank": 512, "target_modules": ("ff.net.2",), "train_text_encoder": False},
        {"rank": 512, "adapter_type": "lokr"},
        {},
    ],
)
def test_an_adapter_that_fits_and_a_lokr_are_left_to_the_trainer(options: dict[str, Any]) -> None:
    assert unfit_options(asked(**options), WIDE) == {}


def test_an_upload_with_such_an_option_is_refused_and_its_problems_are_kept() -> None:
    intake = memory_intake()
    key = layout.bases.card_key(intake.bases.base_id)
    changes = {"family": "zimage", "prediction_type": "flow_prediction"}
    card = read_document(intake.bases.storage, key, BaseCard).model_copy(update=changes)
    write_document(intake.bases.storage, key, card)
    request = {**REQUEST, "snr_gamma": 5, "noise_offset": 0.1}
    with pytest.raises(InvalidRequestError) as refused:
        accept_request(announced(put_upload(intake, PHOTOS, request)), intake, NOW)
    assert refused.value.facts == {"code": "option_not_for_base", "problems": 2}
    kept = read_document(
        intake.models, layout.models.problems_key("acme", "first"), RequestProblems
    )
    assert [problem.field for problem in kept.problems] == ["snr_gamma", "noise_offset"]
    assert not intake.jobs.queued()
