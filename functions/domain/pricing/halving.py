"""Successive halving: how far each trial of a sweep is trained, and how many go on. Pure rules.

All trials begin. After a few steps the gate judges each of them; one of ``reduction_factor`` goes
on, for ``reduction_factor`` times the steps, until one is left or the training is over. Decision
0057 says why the rule is ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from contracts.documents.rung import Rung
from contracts.documents.upload.grid import Halving
from contracts.documents.upload.request import TrainingRequest
from domain.pricing.grid import GridTrial, changed, trial_id

CountSteps = Callable[[TrainingRequest], int]
"""Returns the steps of a training with every default filled in."""


@dataclass(frozen=True)
class Rungs:
    """The rungs of a sweep; a sweep without halving has one, of all trials."""

    trials: list[GridTrial]
    """Every trial with its whole training."""
    counts: tuple[int, ...]
    """Trials in each rung."""
    reduction_factor: int = 1

    @property
    def are_several(self) -> bool:
        """Return whether any trial may be stopped early."""
        return len(self.counts) > 1

    def end_of(self, trial: GridTrial, number: int) -> int:
        """Return the step after which a trial's job of rung ``number`` ends."""
        steps = trial.request.max_train_steps or 1
        share: int = self.reduction_factor ** (len(self.counts) - 1 - number)
        return -(-steps // share)  # rounded up

    def rung_of(self, sweep_id: str, trial: GridTrial, number: int) -> Rung | None:
        """Return the part of the trial's training that rung ``number`` is; None without halving."""
        if not self.are_several:
            return None
        return Rung(
            training_id=trial_id(sweep_id, trial, 0),
            continues=trial_id(sweep_id, trial, number - 1) if number else None,
            first_step=self.end_of(trial, number - 1) if number else 0,
            last_step=self.end_of(trial, number),
            is_last=number == len(self.counts) - 1,
        )


def plan_rungs(
    halving: Halving | None, trials: Sequence[GridTrial], count_steps: CountSteps
) -> Rungs:
    """Return the rungs of a sweep's trials.

    With several rungs the steps of every trial are fixed now: the trainer would count them again
    for each rung, and may find fewer photos good enough.
    """
    if halving is None:
        return Rungs(list(trials), (len(trials),))
    steps = [count_steps(trial.request) for trial in trials]
    counts = trials_of_rungs(halving, len(trials), min(steps))
    if len(counts) == 1:
        return Rungs(list(trials), counts)
    fixed = [
        replace(trial, request=changed(trial.request, max_train_steps=count, num_train_epochs=None))
        for trial, count in zip(trials, steps, strict=True)
    ]
    return Rungs(fixed, counts, halving.reduction_factor)


def trials_of_rungs(halving: Halving, trials: int, steps: int) -> tuple[int, ...]:
    """Return how many trials each rung has.

    Args:
        halving: the request's.
        trials: in the first rung.
        steps: of the shortest training.

    >>> trials_of_rungs(Halving(reduction_factor=3, min_resource=100), 60, 800)
    (60, 20)
    >>> trials_of_rungs(Halving(reduction_factor=2, min_resource=100), 6, 800)
    (6, 3, 1)
    >>> trials_of_rungs(Halving(), 60, 150)
    (60,)
    """
    counts, factor = [trials], halving.reduction_factor
    while counts[-1] >= factor and steps // factor ** len(counts) >= halving.min_resource:
        counts.append(counts[-1] // factor)
    return tuple(counts)
