"""The gate: bad adapters on a small base, and the shipped judge and floors on drawings.

``make quality`` repeats this with twenty trained adapters.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")

from contracts.base import BaseCard, GateFloors  # noqa: E402
from local.embedded_base import PORTRAITS  # noqa: E402
from local.portraits import Character, Circumstance, draw, held_out_character  # noqa: E402
from local.portraits import circumstance as moment  # noqa: E402
from local.portraits.moments import situation  # noqa: E402
from tests.smoke.gate_kit import attach, small_base  # noqa: E402
from tests.smoke.trainer_kit import full_recipe  # noqa: E402
from trainer.evaluation.gate import Evidence, SamplingRequests, draw_evidence, examine  # noqa: E402
from trainer.evaluation.judge import ClassifierJudge  # noqa: E402
from trainer.evaluation.validation_images import ValidationSampler  # noqa: E402
from trainer.model.base import Base  # noqa: E402
from trainer.model.sampling import Pictures, SamplingRequest  # noqa: E402
from trainer.photos.photos import Photo  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]
SIDE, SMALL = 64, GateFloors(min_effect=1e-6)
REQUESTS = SamplingRequests(
    [SamplingRequest("a photo of sks person", 1)], [], [SamplingRequest("a photo of a person", 2)]
)


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return small_base(tmp_path)


@pytest.mark.parametrize(
    ("b", "codes"),
    [(0.5, ()), (0.0, ("gate_no_effect",)), (float("nan"), ("gate_broken_pictures",))],
)
def test_an_adapter_of_zeros_or_nan_is_refused(
    base: Base, b: float, codes: tuple[str, ...]
) -> None:
    evidence = draw_evidence(base, attach(base, b), REQUESTS, SIDE, TimeLimit())
    assert examine(evidence, [], None, SMALL).codes == codes


def test_an_autoencoder_that_draws_black_is_refused(base: Base) -> None:
    networks = attach(base, 0.5)
    last = base.pipeline.vae.decoder.conv_out
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, -1.0)
    evidence = draw_evidence(base, networks, REQUESTS, SIDE, TimeLimit())
    assert examine(evidence, [], None, SMALL).codes == ("gate_broken_pictures",)


# --- the shipped judge and its floors; drawings replace an adapter's images ---------------------

ONE, OTHER = held_out_character(8_100_001), held_out_character(8_100_002)
CLASS = [held_out_character(8_100_010 + number) for number in range(6)]
MOMENTS = [moment(8_100_100 + number) for number in range(6)]


def drawn(people: list[Character], moments: list[Circumstance]) -> Pictures:
    shown = [np.asarray(draw(p, m, SIDE)) for p, m in zip(people, moments, strict=True)]
    return np.stack(shown).astype(np.float32) / 255


def evidence_of(subject: list[Character], after: list[Character]) -> Evidence:
    """Return drawings of ``subject`` and, for the class, of ``after``."""
    prompts = [", ".join(["a photo of a person", *situation(m)]) for m in MOMENTS]
    requests = [SamplingRequest(prompt, number) for number, prompt in enumerate(prompts)]
    base = drawn(CLASS, MOMENTS)
    return Evidence(
        SamplingRequests(requests, [], requests),
        np.concatenate([base, base]),
        np.concatenate([drawn(subject, MOMENTS), drawn(after, MOMENTS)]),
    )


@pytest.mark.parametrize(
    ("shown", "after", "code"),
    [
        ([ONE] * 6, CLASS, None),
        ([OTHER] * 6, CLASS, "gate_not_alike"),
        ([ONE] * 6, [ONE] * 6, "gate_class_drift"),
    ],
)
def test_the_shipped_floors_refuse_another_person_and_a_lost_class(
    shown: list[Character], after: list[Character], code: str | None
) -> None:
    card = BaseCard.model_validate_json((PORTRAITS / "base.json").read_bytes())
    judge = ClassifierJudge(PORTRAITS / str(card.judge))
    photos = [draw(ONE, moment(n), SIDE) for n in range(8_100_200, 8_100_204)]

    report = examine(evidence_of(shown, after), photos, judge, card.gate)

    assert report.codes == (() if code is None else (code,))
    assert report.passed == (code is None)


def test_an_adapter_that_ignores_the_circumstances_of_prompts_is_refused() -> None:
    card = BaseCard.model_validate_json((PORTRAITS / "base.json").read_bytes())
    judge = ClassifierJudge(PORTRAITS / str(card.judge))
    right = evidence_of([ONE] * 6, CLASS)
    ignoring = np.concatenate([drawn([ONE] * 6, [MOMENTS[0]] * 6), right.without[6:]])
    photos = [draw(ONE, moment(n), SIDE) for n in range(8_100_200, 8_100_204)]
    report = examine(Evidence(right.requests, right.without, ignoring), photos, judge, card.gate)
    assert report.codes == ("gate_ignores_prompt",)


@pytest.mark.parametrize(("shown", "alike"), [(ONE, True), (OTHER, False)])
def test_validation_images_are_measured_by_the_judge(
    base: Base, tmp_path: Path, shown: Character, *, alike: bool
) -> None:
    judge = ClassifierJudge(PORTRAITS / "likeness")
    moments = enumerate(map(moment, range(8_100_200, 8_100_204)))
    photos = tuple(Photo(n, "", False, draw(ONE, one, SIDE)) for n, one in moments)
    sample_prompt = ", ".join(["a photo of sks person", *situation(MOMENTS[2])])
    sampler = ValidationSampler(
        base, full_recipe(), (sample_prompt,), tmp_path, TimeLimit(), judge, photos
    )
    figures = sampler.measure(drawn([shown] * 3, MOMENTS[:3]))
    assert (figures["identity"] > 0.8) == alike
    assert figures["prompt_following"] == 1
    assert sampler.measure(np.zeros((3, SIDE, SIDE, 3), np.float32)) == {}
    assert replace(sampler, judge=None).measure(drawn([shown] * 3, MOMENTS[:3])) == {}
