"""The machines that an operator allows: what is refused, and what the owner hears."""

from typing import Any

import pytest

from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.run import RunOptions
from contracts.errors import InvalidRequestError
from contracts.shared import layout
from domain.intake.accepting import accept_request
from domain.ports.storage import read_document
from domain.requests.run_limits import RunLimits, run_problems
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake, put_upload

PHOTOS = {f"{n}.jpg": bytes([n]) for n in range(5)}
LIMITS = RunLimits(("ml.g5.2xlarge", "ml.p5.4xlarge"), max_run=3600, volume_size=80, spot=False)


@pytest.mark.parametrize(
    "run",
    [
        {},
        {"instance_type": "ml.p5.4xlarge", "use_spot_instances": False},
        {"max_run": 3600, "volume_size": 80},
    ],
)
def test_what_is_allowed_has_no_problem(run: dict[str, Any]) -> None:
    assert run_problems(RunOptions.model_validate(run), LIMITS) == ()
    assert run_problems(None, LIMITS) == ()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (
            {"instance_type": "ml.g6.2xlarge"},
            "This stack allows ml.g5.2xlarge, ml.p5.4xlarge.",
        ),
        (
            {"use_spot_instances": True},
            "This stack allows no spot instances: write false, or leave the field out.",
        ),
        ({"max_run": 3601}, "This stack allows at most 3600 seconds."),
        ({"volume_size": 81}, "This stack allows at most 80 GB."),
    ],
)
def test_a_refusal_names_what_is_allowed(run: dict[str, Any], message: str) -> None:
    (problem,) = run_problems(RunOptions.model_validate(run), LIMITS)
    assert (problem.field, problem.message) == (f"run.{next(iter(run))}", message)


def test_spot_is_fine_where_it_is_allowed() -> None:
    spot = RunOptions(use_spot_instances=True)
    assert run_problems(spot, LIMITS._replace(spot=True)) == ()


def test_an_upload_that_asks_for_a_forbidden_machine_is_refused_and_the_problems_are_kept() -> None:
    intake = memory_intake()
    request = {**REQUEST, "run": {"instance_type": "ml.g6.2xlarge", "max_run": 9999}}
    with pytest.raises(InvalidRequestError) as caught:
        accept_request(announced(put_upload(intake, PHOTOS, request)), intake, NOW)
    assert caught.value.facts == {"code": "run_not_allowed", "problems": 2}
    kept = read_document(
        intake.models, layout.models.problems_key("acme", "first"), RequestProblems
    )
    assert [problem.field for problem in kept.problems] == ["run.instance_type", "run.max_run"]
    assert not intake.jobs.queued()


def test_an_accepted_machine_travels_with_the_job() -> None:
    intake = memory_intake()
    request = {**REQUEST, "run": {"InstanceType": "ml.p5.4xlarge"}}
    answer = accept_request(announced(put_upload(intake, PHOTOS, request)), intake, NOW)
    wanted = RunOptions(instance_type="ml.p5.4xlarge")
    record = intake.jobs.get(answer.job.job_id)
    assert record is not None
    assert answer.job.run == record.run == wanted
