"""Which checkpoint is exported."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")

from contracts.documents.training import GateCandidate  # noqa: E402
from local.embedded_base import PORTRAITS  # noqa: E402
from tests.smoke.gate_kit import attach, filled, small_base  # noqa: E402
from tests.smoke.trainer_kit import full_recipe  # noqa: E402
from trainer.evaluation.gate import SamplingRequests  # noqa: E402
from trainer.evaluation.judge import ClassifierJudge  # noqa: E402
from trainer.evaluation.subjects import Shown  # noqa: E402
from trainer.model import lora  # noqa: E402
from trainer.model.sampling import SamplingRequest, make_pictures, to_images  # noqa: E402
from trainer.optimisation.checkpoint import Progress, TrainingState  # noqa: E402
from trainer.optimisation.checkpoint_choice import (  # noqa: E402
    CheckpointEvaluation,
    candidate_steps,
    choose,
    merit,
    read_candidates,
    save_candidate,
    with_fewer_steps,
)
from trainer.photos.photos import Photo  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]


def candidate(step: int, identity: float | None, *, passed: bool = True) -> GateCandidate:
    return GateCandidate(
        step=step, passed=passed, identity=identity, prompt_following=None, class_drift=None
    )


def chosen_step(*candidates: GateCandidate) -> int:
    """Return the step that the trainer chooses; the candidates are given last step first."""
    return max(candidates, key=merit).step


def test_candidates_are_saved_at_two_steps_before_the_last() -> None:
    assert candidate_steps(320) == (192, 256)
    assert candidate_steps(2) == (1,)
    assert candidate_steps(1) == ()


def test_the_candidate_of_the_highest_likeness_that_passes_is_chosen() -> None:
    last, earlier = candidate(320, 0.80), candidate(256, 0.90)
    assert chosen_step(last, earlier) == 256
    assert chosen_step(last, candidate(256, 0.90, passed=False)) == 320
    assert chosen_step(candidate(320, 0.8, passed=False), candidate(192, 0.9, passed=False)) == 192


def test_the_later_step_of_equal_candidates_is_chosen() -> None:
    assert chosen_step(candidate(320, 0.901), candidate(256, 0.899), candidate(192, 0.902)) == 320


def test_candidates_are_read_back_under_the_names_that_restore_takes(tmp_path: Path) -> None:
    tensors = {
        "weight/unet.to_q.lora_A.default.weight": torch.ones(2, 3),
        "optimizer/exp_avg/unet.to_q.lora_A.default.weight": torch.zeros(2, 3),
    }
    for step, fingerprint in ((192, "mine"), (256, "foreign")):
        save_candidate(tmp_path, fingerprint, TrainingState(Progress(step, [], 0.0), tensors))
    (tmp_path / "kept-000300.safetensors").write_bytes(b"torn")

    candidates = read_candidates(tmp_path, "mine")

    assert list(candidates) == [192]
    assert list(candidates[192]) == ["unet.to_q.lora_A.weight"]
    assert torch.equal(candidates[192]["unet.to_q.lora_A.weight"], torch.ones(2, 3))


def test_the_step_whose_images_are_like_the_photos_is_loaded_into_the_networks(
    tmp_path: Path,
) -> None:
    base = small_base(tmp_path)
    networks = attach(base, 0.0)
    weights = {step: filled(networks, b) for step, b in ((2, -3.0), (4, 3.0), (6, 0.0))}
    requests = SamplingRequests(
        [SamplingRequest("a photo of sks person", 1)],
        [],
        [SamplingRequest("a photo of a person", 9)],
    )
    lora.restore(networks, weights[4])
    drawn = make_pictures(with_fewer_steps(base), requests.subject, 64, TimeLimit(), "photos")
    photos = [Photo(number, "", False, image) for number, image in enumerate(to_images(drawn))]
    judge = ClassifierJudge(PORTRAITS / "likeness")

    first, *others = choose(
        base,
        networks,
        dict(weights),
        CheckpointEvaluation(full_recipe(), requests, Shown(photos, []), judge, TimeLimit()),
    )

    assert first.step == 4
    assert first.identity is not None
    assert all(first.identity > (other.identity or 0.0) + 0.02 for other in others)
    loaded = lora.weights(networks)
    assert all(torch.equal(loaded[key], weights[4][key]) for key in loaded)
