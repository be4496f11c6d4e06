"""How far a sweep is: as far as its points are on average."""

from datetime import datetime

from domain.ports.jobs import Jobs


def tell_sweep(point_id: str, jobs: Jobs, now: datetime) -> None:
    """Raise the percent of the sweep that a job is a point of; any other job has none."""
    point = jobs.get(point_id)
    sweep = None if point is None or point.point_of is None else jobs.get(point.point_of)
    if sweep is None or not sweep.points:
        return
    rows = [jobs.get(job_id) for job_id in sweep.points]
    percents = [0 if row is None else row.percent for row in rows]
    jobs.raise_percent(sweep.job_id, sum(percents) // len(percents), now)
