"""Which point of a sweep is the best, by what the gate of its base measured. Pure rules."""

from collections.abc import Iterable, Sequence

from contracts.documents.sweep import PointReport


def rank_points(points: Iterable[PointReport]) -> tuple[PointReport, ...]:
    """Return the points with their places, the best first; those that failed stand at the end."""
    found = list(points)
    ranked = sorted((point for point in found if point.code is None), key=merit, reverse=True)
    placed = [point.model_copy(update={"place": n}) for n, point in enumerate(ranked, start=1)]
    return (*placed, *(point for point in found if point.code is not None))


def merit(point: PointReport) -> tuple[float, ...]:
    """Return what points are compared by: likeness, then prompts, then the class, then thrift.

    A hundredth is below the noise of so few pictures, as it is for the trainer, which chooses the
    step of each point by the same likeness. Of equals the one with fewer steps and a smaller rank
    is taken: it costs less and holds less of the photos.
    """
    return (
        rounded(point.identity),
        rounded(point.prompt_following),
        -rounded(point.class_drift, unknown=1.0),
        -(point.max_train_steps or 0),
        -(point.rank or 0),
        -(point.learning_rate or 0),
    )


def rounded(measure: float | None, unknown: float = -1.0) -> float:
    """Return a measure without its noise; what was not measured counts least."""
    return unknown if measure is None else round(measure, 2)


def in_words(points: Sequence[PointReport]) -> str:
    """Say which point is delivered, and which failed.

    >>> best = PointReport(name="rank8", job_id="0" * 32, place=1)
    >>> lost = PointReport(name="rank64", job_id="1" * 32, code="gate_failed")
    >>> in_words([best, lost])
    'It is the best of 2 points: rank8. Without a model: rank64 (gate_failed).'
    """
    best = [f"It is the best of {len(points)} points: {p.name}." for p in points if p.place == 1]
    lost = [f"{point.name} ({point.code})" for point in points if point.code is not None]
    return " ".join([*best, *([f"Without a model: {', '.join(lost)}."] if lost else [])])
