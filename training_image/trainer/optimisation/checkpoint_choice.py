"""The choice of the checkpoint to export: the last step is not always the best.

A training saves its weights as candidates at two earlier steps. A few images are sampled with each
candidate and with the last weights. The candidate whose images are most like the photos wins; a
candidate that misses a floor of the gate wins only if all do. Without a judge there is no choice.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from contracts.documents.training import GateCandidate, GateReport
from trainer.config.recipe import Recipe
from trainer.evaluation.gate import Evidence, SamplingRequests
from trainer.evaluation.judge import Judge
from trainer.evaluation.subjects import Shown, examine_subjects
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.sampling import SamplingRequest, make_pictures
from trainer.optimisation.checkpoint import TrainingState
from trainer.process.results import log, write_atomically
from trainer.process.time_limit import TimeLimit

CANDIDATE_SHARES = (0.6, 0.8)
"""The shares of all steps after which a candidate is saved."""

SUBJECT_PICTURES, CLASS_PICTURES = 4, 2
"""The number of the gate's images that are sampled with each candidate."""

STEPS_SHARE = 0.5
"""The share of the base's sampling steps: fewer steps are enough to compare."""

CANDIDATE_PREFIX = "kept-"
"""The prefix of candidate files; earlier versions of the trainer wrote the same one."""

Candidates = dict[int, dict[str, Tensor]]
"""The weights of each candidate by the names of ``lora.weights``, by step."""


def candidate_steps(steps: int) -> tuple[int, ...]:
    """Return the steps after which candidates are saved.

    >>> candidate_steps(400), candidate_steps(1)
    ((240, 320), ())
    """
    wanted = {round(share * steps) for share in CANDIDATE_SHARES}
    return tuple(sorted(wanted - {0, steps}))


def save_candidate(folder: Path, fingerprint: str, state: TrainingState) -> None:
    """Save a step's weights beside the checkpoints, until the task is finished."""
    path = folder / f"{CANDIDATE_PREFIX}{state.progress.step:06d}.safetensors"
    write_atomically(path, save(state.adapter(), metadata={"fingerprint": fingerprint}))


def read_candidates(folder: Path, fingerprint: str) -> Candidates:
    """Return the candidates of this training; files of another training are ignored."""
    candidates: Candidates = {}
    for path in sorted(folder.glob(f"{CANDIDATE_PREFIX}*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                if file.metadata()["fingerprint"] == fingerprint:
                    step = int(path.stem.removeprefix(CANDIDATE_PREFIX))
                    candidates[step] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError):
            log(f"candidate {path.name} cannot be read and is ignored")
    return candidates


@dataclass(frozen=True)
class CheckpointEvaluation:
    """What candidates are evaluated with."""

    recipe: Recipe
    requests: SamplingRequests
    """The gate's sampling requests; the first few of each subject and class are used."""
    shown: Shown
    """The photos that likeness is measured against, and those of the training: a candidate whose
    images are copies of these misses a floor."""
    judge: Judge
    limit: TimeLimit

    @property
    def side(self) -> int:
        """The side of the images in pixels."""
        return self.recipe.resolution


def choose(
    base: Base, networks: lora.Networks, weights: Candidates, evaluation: CheckpointEvaluation
) -> tuple[GateCandidate, ...]:
    """Load the best candidate into ``networks``; return the candidates, best first."""
    quick, few = with_fewer_steps(base), first_requests(evaluation.requests, evaluation.recipe)
    with lora.disabled(networks):
        without = make_pictures(
            quick, few.all, evaluation.side, evaluation.limit, "quick pictures of the base"
        )
    candidates = []
    for step in sorted(weights, reverse=True):
        lora.restore(networks, weights[step])
        images = make_pictures(
            quick, few.all, evaluation.side, evaluation.limit, f"pictures of step {step}"
        )
        evidence = Evidence(few, without, images)
        report = examine_subjects(
            evidence, evaluation.recipe, evaluation.shown, evaluation.judge, base.card.gate
        )
        candidates.append(candidate_of(step, report))
    best_first = sorted(candidates, key=merit, reverse=True)  # stable: the later step of equals
    lora.restore(networks, weights[best_first[0].step])
    steps = ", ".join(map(str, sorted(weights)))
    log(f"checkpoint of step {best_first[0].step} chosen from steps {steps}")
    return tuple(best_first)


def candidate_of(step: int, report: GateReport) -> GateCandidate:
    """Return what the gate measured on a candidate's images."""
    return GateCandidate(
        step=step,
        passed=report.passed,
        identity=report.identity,
        prompt_following=report.prompt_following,
        class_drift=report.class_drift,
    )


def merit(candidate: GateCandidate) -> tuple[bool, float]:
    """Return the sort key of a candidate; differences of likeness below 0.01 are noise."""
    alike = -1.0 if candidate.identity is None else candidate.identity
    return candidate.passed, round(alike, 2)


def first_requests(requests: SamplingRequests, recipe: Recipe) -> SamplingRequests:
    """Return the first few sampling requests of each subject and class."""
    return SamplingRequests(
        first_of_each(requests.subject, len(recipe.subjects), SUBJECT_PICTURES),
        [],
        first_of_each(requests.of_class, len(recipe.class_prompts), CLASS_PICTURES),
    )


def first_of_each(requests: list[SamplingRequest], blocks: int, few: int) -> list[SamplingRequest]:
    """Return the first few of each of ``blocks`` blocks of equal length."""
    each = len(requests) // blocks
    return [one for start in range(0, blocks * each, each) for one in requests[start:][:each][:few]]


def with_fewer_steps(base: Base) -> Base:
    """Return the same base with fewer sampling steps."""
    inference = base.card.inference
    steps = max(1, round(STEPS_SHARE * inference.num_inference_steps))
    own = inference.model_copy(update={"num_inference_steps": steps})
    return replace(base, card=base.card.model_copy(update={"inference": own}))
