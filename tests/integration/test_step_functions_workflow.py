"""Our own workflow on the embedded AWS: every stage may fail and be redriven."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from contracts.documents.stages import DryRunInput
from tests.integration.play_kit import STAGES, TRIALS, Play

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud.server import Cloud


@pytest.fixture(scope="module")
def stages(cloud: Cloud) -> Play:
    return Play(cloud)


@pytest.fixture
def play(stages: Play) -> Iterator[Play]:
    yield stages
    stages.mend()


def test_without_faults_every_stage_is_entered_once(play: Play) -> None:
    arn = play.start()
    assert play.ended(arn)["status"] == "SUCCEEDED"
    assert play.entered(arn) == Counter([*STAGES, "IsRepeat", "WhatToTrain"])


def test_a_dry_run_goes_to_its_notice_and_trains_nothing(play: Play) -> None:
    arn = play.start(dry_run=True, sweep=True)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    stages = ["AcceptRequest", "InspectPhotos", "NotifyOwner"]
    assert play.entered(arn) == Counter([*stages, "IsRepeat", "WhatToTrain"])
    assert set(play.given(arn, "NotifyOwner")) == set(DryRunInput.model_fields)


@pytest.mark.parametrize("stage", STAGES)
def test_a_failed_stage_notifies_the_owner_and_a_redrive_goes_on_from_it(
    play: Play, stage: str
) -> None:
    play.fault(stage, "NoMercyError")
    arn = play.start()
    first = play.ended(arn)
    assert (first["status"], first["error"]) == ("FAILED", "NoMercyError")
    assert play.entered(arn)["NotifyFailure"] == 1
    play.fault(stage, None)
    play.redrive(arn)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    entered = play.entered(arn)
    assert [entered[each] for each in STAGES] == [2 if each == stage else 1 for each in STAGES]
    assert (entered["FailJob"], entered["NotifyFailure"]) == (2, 1)


@pytest.mark.parametrize("sweep", [False, True])
def test_a_large_set_is_captioned_before_its_training_and_after_a_redrive(
    play: Play, *, sweep: bool
) -> None:
    play.fault("CaptionPhotos", "NoMercyError")
    arn = play.start(captions=True, sweep=sweep)
    assert play.ended(arn)["error"] == "NoMercyError"
    assert play.entered(arn)["NotifyFailure"] == 1
    play.fault("CaptionPhotos", None)
    play.redrive(arn)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    entered = play.entered(arn)
    training = "SweepAdapter" if sweep else "TrainAdapter"
    assert (entered["CaptionPhotos"], entered[training], entered["InspectPhotos"]) == (2, 1, 1)


def test_a_stage_may_fail_again_after_a_redrive(play: Play) -> None:
    play.fault("PublishAdapter", "FirstError")
    arn = play.start()
    play.ended(arn)
    play.fault("PublishAdapter", "SecondError")
    play.redrive(arn)
    assert play.ended(arn)["error"] == "SecondError"
    play.fault("PublishAdapter", None)
    play.redrive(arn)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    assert play.entered(arn)["TrainAdapter"] == 1


# --- a sweep --------------------------------------------------------------------------------


def test_a_sweep_is_one_execution_for_its_owner_and_one_for_its_trials(play: Play) -> None:
    arn = play.start(sweep=True)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    stages = ["SweepAdapter" if stage == "TrainAdapter" else stage for stage in STAGES]
    assert play.entered(arn) == Counter([*stages, "IsRepeat", "WhatToTrain"])
    (child,) = play.children(arn)
    assert play.entered(child) == Counter(
        ["PlanSweep", "RunTrials", *["TrainAdapter"] * len(TRIALS), "WasLastRung", "RankSweep"]
    )
    assert play.given(arn, "PublishAdapter")["trained"]["job"] == {"job_id": TRIALS[-1]}


@pytest.mark.parametrize(("rungs", "rounds"), [(2, [3, 2]), (5, [3, 2, 1, 0])])
def test_a_sweep_with_rungs_plans_each_of_them_and_ranks_what_all_have_left(
    play: Play, rungs: int, rounds: list[int]
) -> None:
    arn = play.start(sweep=True, rungs=rungs)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    (child,) = play.children(arn)
    entered = play.entered(child)
    assert (entered["PlanSweep"], entered["RunTrials"]) == (len(rounds), len(rounds))
    assert (entered["TrainAdapter"], entered["RankSweep"]) == (sum(rounds), 1)
    outcomes = play.given(child, "RankSweep")["outcomes"]
    assert [each["job"]["rung"] for each in outcomes] == [
        number for number, count in enumerate(rounds) for _ in range(count)
    ]


def test_trials_that_fail_do_not_sink_the_sweep(play: Play) -> None:
    play.fault("TrainAdapter", "GateFailedError", *TRIALS[1:])
    arn = play.start(sweep=True)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    play.fault("TrainAdapter", None)
    assert play.given(arn, "PublishAdapter")["trained"]["job"] == {"job_id": TRIALS[0]}
    (child,) = play.children(arn)
    outcomes = play.given(child, "RankSweep")["outcomes"]
    assert [each.get("failure", {}).get("Error") for each in outcomes] == [
        None, "GateFailedError", "GateFailedError",
    ]  # fmt: skip


def test_a_sweep_that_fails_as_a_whole_has_one_notice_and_is_redriven_in_a_new_one(
    play: Play,
) -> None:
    play.fault("TrainAdapter", "TrainingFailedError", *TRIALS)
    arn = play.start(sweep=True)
    ended = play.ended(arn)
    assert ended["status"] == "FAILED"
    assert '"Error": "SweepFailedError"' in play.given(arn, "NotifyFailure")["failure"]["Cause"]
    assert play.entered(arn)["NotifyFailure"] == 1
    play.fault("TrainAdapter", None)
    play.redrive(arn)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    assert len(set(play.children(arn))) == 2
    assert play.entered(arn)["InspectPhotos"] == 1
    assert play.entered(arn)["NotifyFailure"] == 1


@pytest.mark.parametrize("stage", ["PlanSweep", "RankSweep"])
def test_a_stage_of_a_sweep_that_fails_reaches_the_one_way_out(play: Play, stage: str) -> None:
    play.fault(stage, "NoMercyError")
    arn = play.start(sweep=True)
    play.ended(arn)
    assert play.entered(arn)["NotifyFailure"] == 1
    play.fault(stage, None)
    play.redrive(arn)
    assert play.ended(arn)["status"] == "SUCCEEDED"
