"""How far a sweep is: the average percent of its trials' newest jobs."""

from datetime import datetime

from domain.ports.jobs import Jobs


def raise_sweep_percent(trial_id: str, jobs: Jobs, now: datetime) -> None:
    """Raise the percent of the sweep that this job is a trial of, if it is one."""
    trial = jobs.get(trial_id)
    sweep = None if trial is None or trial.trial_of is None else jobs.get(trial.trial_of)
    if sweep is None or not sweep.trials:
        return
    newest: dict[str, int] = {}
    for job_id in sweep.trials:  # a trial's later rungs come later
        row = jobs.get(job_id)
        name = job_id if row is None or row.trial is None else row.trial
        newest[name] = 0 if row is None else row.percent
    jobs.raise_percent(sweep.job_id, sum(newest.values()) // len(newest), now)
