"""How far a sweep is: the average percent of its trials."""

from datetime import datetime

from domain.ports.jobs import Jobs


def raise_sweep_percent(trial_id: str, jobs: Jobs, now: datetime) -> None:
    """Raise the percent of the sweep that this job is a trial of, if it is one."""
    trial = jobs.get(trial_id)
    sweep = None if trial is None or trial.trial_of is None else jobs.get(trial.trial_of)
    if sweep is None or not sweep.trials:
        return
    rows = [jobs.get(job_id) for job_id in sweep.trials]
    percents = [0 if row is None else row.percent for row in rows]
    jobs.raise_percent(sweep.job_id, sum(percents) // len(percents), now)
