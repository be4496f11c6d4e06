"""InspectPhotos answers a summary and a decision; WhatToTrain reads the decision alone."""

import re

from contracts.documents.photos import PhotoSummary
from contracts.documents.stages import PhotoInspection, TrainingDecision
from tests.contract.files import states

INSPECTION = PhotoInspection(job_id="0" * 32, accepted=9, refused=1, dry_run=True)
JOB = {"job": "{% $states.input.job %}"}


def test_the_state_hands_on_every_field_of_the_summary_and_of_the_decision() -> None:
    output = states()["InspectPhotos"]["Output"]
    of_answer = "{{% $states.result.Payload.{} %}}"
    assert output == JOB | {
        "photos": {name: of_answer.format(name) for name in PhotoSummary.model_fields},
        "decision": {name: of_answer.format(name) for name in TrainingDecision.model_fields},
    }


def test_what_to_train_reads_the_decision_alone() -> None:
    choices = states()["WhatToTrain"]["Choices"]
    read = {re.sub(r"^\{% (\S+) = true %\}$", r"\1", choice["Condition"]) for choice in choices}
    assert read == {f"$states.input.decision.{name}" for name in TrainingDecision.model_fields}


def test_an_execution_of_the_older_definition_finds_the_decision_in_the_answer() -> None:
    """It reads ``photos.dry_run`` and ``photos.sweep`` of what InspectPhotos answers."""
    photos = INSPECTION.model_dump(mode="json")
    assert (photos["dry_run"], photos["sweep"]) == (True, False)


def test_the_state_of_an_older_execution_is_still_a_summary() -> None:
    """A redrive sends TrainAdapter the input of that time: the summary with the decision in it."""
    photos = INSPECTION.model_dump(mode="json")
    assert PhotoSummary.model_validate(photos) == INSPECTION.summary()
