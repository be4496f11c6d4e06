"""How a job stands, in one line, whichever door it was asked at."""

from contracts.documents.record import WaitingFor

REASONS: dict[WaitingFor, str] = {
    "slot": "a training job to end",
    "capacity": "SageMaker to have an instance",
}


def job_line(status: str, stage: str, percent: int, words: str) -> str:
    """Return the line.

    >>> job_line("succeeded", "NotifyOwner", 100, "")
    'succeeded   NotifyOwner   100 %'
    """
    return f"{status:<10}  {stage:<13} {percent:3} %  {words}".rstrip()


def waiting_words(place: int, waiting_for: WaitingFor | None) -> str:
    """Return what a queued job waits for.

    >>> waiting_words(3, None)
    'place 3 in the queue, waits for a training job to end'
    """
    return f"place {place} in the queue, waits for {REASONS[waiting_for or 'slot']}"


def step_words(step: int | None, total_steps: int | None, eta_seconds: int) -> str:
    """Return how far a training is.

    >>> step_words(4, 10, 75)
    'step 4 of 10, about 75 s to the last one'
    """
    return f"step {step} of {total_steps}, about {eta_seconds} s to the last one"
