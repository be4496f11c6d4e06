"""The verdicts on an upload's photos: those of intake, and those of the trainer on the same photos.

A photo has the same index in both reports, and the owner's name for it is found by that index.
"""

from collections.abc import Iterable

from contracts.documents.photos import PhotoVerdict
from contracts.documents.training import TrainingResult
from domain.notices.services import NoticeServices
from domain.training.verdicts import find_result

TRAINER_ADVICE = {"face_small", "face_unclear"}
"""The trainer's codes on photos that it used but that could be better."""

SWEEP = "sweep_failed"

Verdicts = tuple[PhotoVerdict, ...]


def failed_result(job_id: str, code: str, services: NoticeServices) -> TrainingResult | None:
    """Return the trainer's result if it has this code; None when it was another stage.

    A failed sweep has a result for each trial. All trials have the same photos, so the first
    result with verdicts on them is taken.
    """
    results = [result for result in results_of(job_id, services) if failed_with(result, code)]
    return next((result for result in results if result.photos), next(iter(results), None))


def results_of(job_id: str, services: NoticeServices) -> Iterable[TrainingResult]:
    """Yield the newest result of the job, then those of its trials, as far as there are any."""
    record = services.jobs.get(job_id)
    trials = () if record is None else record.trials
    for one in (record, *(services.jobs.get(trial) for trial in trials)):
        found = None if one is None else find_result(services.documents, one)
        if found is not None:
            yield found[0]


def failed_with(result: TrainingResult, code: str) -> bool:
    """Return whether a notice with this code is about this result."""
    return result.failure is not None and code in {result.failure.code, SWEEP}


def combine(intake: Verdicts, trainer: Verdicts) -> Verdicts:
    """Return one verdict for each photo: a refusal by the trainer replaces what intake advised.

    >>> dark = PhotoVerdict(index=0, verdict="accepted", codes=("too_dark",))
    >>> small = PhotoVerdict(index=0, verdict="accepted", codes=("face_small",))
    >>> combine((dark,), (small,))[0].codes
    ('too_dark', 'face_small')
    >>> none = PhotoVerdict(index=0, verdict="refused", codes=("no_face",))
    >>> combine((dark,), (none,))[0].codes
    ('no_face',)
    """
    trained = {verdict.index: verdict for verdict in trainer}
    return tuple(_both(verdict, trained.get(verdict.index)) for verdict in intake)


def _both(intake: PhotoVerdict, trainer: PhotoVerdict | None) -> PhotoVerdict:
    if trainer is None or intake.verdict == "refused":
        return intake
    if trainer.verdict == "refused":
        return intake.model_copy(update={"verdict": "refused", "codes": trainer.codes})
    codes = (*intake.codes, *(code for code in trainer.codes if code in TRAINER_ADVICE))
    return intake.model_copy(update={"codes": codes})


def left_out_text(trainer: Verdicts) -> str:
    """Return how many photos the trainer left out; empty when it used all.

    >>> left_out_text((PhotoVerdict(index=0, verdict="refused", codes=("no_face",)),))
    'The trainer left out 1 of 1 photos; they are listed here.'
    """
    refused = sum(verdict.verdict == "refused" for verdict in trainer)
    if not refused:
        return ""
    return f"The trainer left out {refused} of {len(trainer)} photos; they are listed here."
