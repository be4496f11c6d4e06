"""``likeness base calibrate``: floors from gate reports."""

import pytest

from contracts.base import GateFloors
from contracts.documents.training import GateReport
from likeness_client.__main__ import main
from likeness_client.bases.calibrate import find_gaps, floors_of
from likeness_client.bases.errors import BaseRefusedError

EARLIER = GateFloors(min_effect=0.004, min_prompt_following=0.5)


def report(effect: float, identity: float | None, bare: float | None, drift: float) -> GateReport:
    return GateReport(
        passed=True, effect=effect, identity=identity, identity_base=bare, class_drift=drift
    )


def test_a_floor_is_halfway_between_the_worst_good_and_the_best_bad() -> None:
    reports = [report(0.2, 0.7, 0.1, 0.3), report(0.1, 0.8, 0.3, 0.2)]
    floors = floors_of(find_gaps(reports), EARLIER)
    assert floors == GateFloors(
        min_effect=0.05, min_identity=0.5, max_class_drift=0.65, min_prompt_following=0.5
    )


def test_without_a_judge_likeness_has_no_floor() -> None:
    reports = [report(0.2, None, None, 0.3), report(0.1, 0.8, 0.3, 0.2)]
    assert floors_of(find_gaps(reports), EARLIER).min_identity is None


def test_no_floor_is_written_where_good_and_bad_overlap() -> None:
    reports = [report(0.2, 0.4, 0.1, 0.3), report(0.1, 0.8, 0.45, 0.2)]
    with pytest.raises(BaseRefusedError, match=r"min_identity \(worst good 0.400, best bad 0.450"):
        floors_of(find_gaps(reports), EARLIER)


def test_one_person_is_not_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["base", "calibrate", "--photos", "."]) == 1
    assert "at least 2 people" in capsys.readouterr().err
