"""Which trial of a sweep is the best, by what the gate measured. Pure rules."""

from collections.abc import Iterable, Sequence

from contracts.documents.sweep import TrialReport


def rank_trials(trials: Iterable[TrialReport]) -> tuple[TrialReport, ...]:
    """Return the trials with their places, best first.

    Trials that were stopped early follow, those that came farthest first; failed trials are last.
    """
    found = list(trials)
    ranked = by_merit(trial for trial in found if trial.stopped_after_steps is None)
    placed = [trial.model_copy(update={"place": n}) for n, trial in enumerate(ranked, start=1)]
    stopped = by_merit(trial for trial in found if trial.stopped_after_steps is not None)
    stopped.sort(key=lambda trial: trial.stopped_after_steps or 0, reverse=True)  # stable
    return (*placed, *stopped, *(trial for trial in found if trial.code is not None))


def best_of(trials: Iterable[TrialReport], count: int) -> set[str]:
    """Return the names of the ``count`` best trials; of fewer, if fewer have not failed."""
    return {trial.name for trial in by_merit(trials)[:count]}


def by_merit(trials: Iterable[TrialReport]) -> list[TrialReport]:
    """Return the trials that have not failed, best first."""
    return sorted((trial for trial in trials if trial.code is None), key=merit, reverse=True)


def merit(trial: TrialReport) -> tuple[float, ...]:
    """Return the key to compare trials by: likeness, prompt following, class drift, then cost.

    Differences below 0.01 are noise with so few pictures. The trainer, which chooses the checkpoint
    of each trial by the same likeness, ignores them as well. Of equal trials the one with fewer
    steps and a smaller rank wins: it costs less and holds less of the photos.
    """
    return (
        rounded(trial.identity),
        rounded(trial.prompt_following),
        -rounded(trial.class_drift, unknown=1.0),
        -(trial.max_train_steps or 0),
        -(trial.rank or 0),
        -(trial.learning_rate or 0),
    )


def rounded(score: float | None, unknown: float = -1.0) -> float:
    """Return a score without its noise; a score that was not measured counts least."""
    return unknown if score is None else round(score, 2)


def ranking_text(trials: Sequence[TrialReport]) -> str:
    """Return sentences that name the delivered trial, the stopped ones and the failed ones.

    >>> best = TrialReport(name="rank8", job_id="0" * 32, place=1)
    >>> lost = TrialReport(name="rank64", job_id="1" * 32, code="gate_failed")
    >>> ranking_text([best, lost])
    'It is the best of 2 trials: rank8. Without a model: rank64 (gate_failed).'
    >>> ranking_text([best, TrialReport(name="rank4", job_id="2" * 32, stopped_after_steps=100)])
    'It is the best of 2 trials: rank8. Stopped early: rank4 (after 100 steps).'
    """
    best = [f"It is the best of {len(trials)} trials: {t.name}." for t in trials if t.place == 1]
    stopped = [
        f"{trial.name} (after {trial.stopped_after_steps} steps)"
        for trial in trials
        if trial.stopped_after_steps is not None
    ]
    early = [f"Stopped early: {', '.join(stopped)}."] if stopped else []
    lost = [f"{trial.name} ({trial.code})" for trial in trials if trial.code is not None]
    failed = [f"Without a model: {', '.join(lost)}."] if lost else []
    return " ".join([*best, *early, *failed, *repeated_text(trials)])


def repeated_text(trials: Sequence[TrialReport]) -> list[str]:
    """Return a sentence with the steps that were trained and paid twice; none where none were.

    >>> repeated_text([TrialReport(name="rank4", job_id="2" * 32, repeated_steps=100)])
    ['Trained twice, as checkpoints of earlier rungs were gone: rank4 (100 steps).']
    """
    again = [f"{one.name} ({one.repeated_steps} steps)" for one in trials if one.repeated_steps]
    listed = ", ".join(again)
    return [f"Trained twice, as checkpoints of earlier rungs were gone: {listed}."] if again else []
