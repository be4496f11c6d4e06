"""Which step's weights are taken: the last is not always the best.

A training leaves its weights at two earlier steps beside its states. Each of them, and the last, is
looked at in a few quick pictures; the one that looks most like the photos wins, among those that
miss no floor if there are any. Without a judge there is nothing to choose by.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from contracts.documents.training import GateCandidate, GateReport
from trainer.evaluation.gate import Evidence, SamplingRequests, examine
from trainer.evaluation.judge import Judge
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import make_pictures
from trainer.optimisation.checkpoint import TrainingState
from trainer.process.results import log, write_atomically
from trainer.process.time_limit import TimeLimit

CANDIDATE_SHARES = (0.6, 0.8)
"""Of the steps, after which weights are kept."""

SUBJECT_PICTURES, CLASS_PICTURES = 4, 2
"""How many of the gate's pictures each candidate is chosen by."""

STEPS_SHARE = 0.5
"""Of the base's sampling steps: enough to compare."""

Candidates = dict[int, dict[str, Tensor]]
"""Weights as ``lora.weights`` names them, by step."""


def candidate_steps(steps: int) -> tuple[int, ...]:
    """Return after which steps of a training weights are kept.

    >>> candidate_steps(400), candidate_steps(1)
    ((240, 320), ())
    """
    wanted = {round(share * steps) for share in CANDIDATE_SHARES}
    return tuple(sorted(wanted - {0, steps}))


def save_candidate(folder: Path, fingerprint: str, state: TrainingState) -> None:
    """Leave a step's weights beside the states, until the task is finished."""
    path = folder / f"kept-{state.progress.step:06d}.safetensors"
    write_atomically(path, save(state.adapter(), metadata={"fingerprint": fingerprint}))


def read_candidates(folder: Path, fingerprint: str) -> Candidates:
    """Return what this training left; a file of another one is passed over."""
    candidates: Candidates = {}
    for path in sorted(folder.glob("kept-*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                if file.metadata()["fingerprint"] == fingerprint:
                    step = int(path.stem.removeprefix("kept-"))
                    candidates[step] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError):
            log(f"{path.name} cannot be used")
    return candidates


@dataclass(frozen=True)
class CheckpointEvaluation:
    """How candidates are looked at."""

    requests: SamplingRequests
    """The gate's; the first few of them are used."""
    photos: list[Image.Image]
    """Real ones."""
    judge: Judge
    side: int
    limit: TimeLimit


def choose(
    base: Base, networks: lora.Networks, weights: Candidates, evaluation: CheckpointEvaluation
) -> tuple[GateCandidate, ...]:
    """Leave the best of the weights in ``networks``; return what was looked at, best first."""
    quick, few = with_fewer_steps(base), first_requests(evaluation.requests)
    with lora.disabled(networks):
        without = make_pictures(
            quick, few.all, evaluation.side, evaluation.limit, "quick pictures of the base"
        )
    candidates = []
    for step in sorted(weights, reverse=True):
        lora.restore(networks, weights[step])
        made = make_pictures(
            quick, few.all, evaluation.side, evaluation.limit, f"pictures of step {step}"
        )
        evidence = Evidence(few, without, made)
        report = examine(evidence, evaluation.photos, evaluation.judge, base.card.gate)
        candidates.append(candidate_of(step, report))
    best_first = sorted(candidates, key=merit, reverse=True)  # stable: of equals the later step
    lora.restore(networks, weights[best_first[0].step])
    log(f"step {best_first[0].step} is taken of {', '.join(map(str, sorted(weights)))}")
    return tuple(best_first)


def candidate_of(step: int, report: GateReport) -> GateCandidate:
    """Return what a few pictures say of a step."""
    return GateCandidate(
        step=step,
        passed=report.passed,
        identity=report.identity,
        prompt_following=report.prompt_following,
        class_drift=report.class_drift,
    )


def merit(candidate: GateCandidate) -> tuple[bool, float]:
    """Return what candidates are compared by; a hundredth of likeness is below the noise."""
    alike = -1.0 if candidate.identity is None else candidate.identity
    return candidate.passed, round(alike, 2)


def first_requests(requests: SamplingRequests) -> SamplingRequests:
    """Return the first few shots."""
    return SamplingRequests(
        requests.subject[:SUBJECT_PICTURES], [], requests.of_class[:CLASS_PICTURES]
    )


def with_fewer_steps(base: Base) -> Base:
    """Return the same base with fewer sampling steps."""
    inference = base.card.inference
    steps = max(1, round(STEPS_SHARE * inference.num_inference_steps))
    own = inference.model_copy(update={"num_inference_steps": steps})
    return replace(base, card=base.card.model_copy(update={"inference": own}))
