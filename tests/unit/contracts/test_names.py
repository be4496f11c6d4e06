"""The training job's name: built and parsed in one place, within SageMaker's limits."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.shared.names import (
    MAX_TRAINING_JOB_NAME,
    TRAINING_JOB_PREFIX,
    build_training_job_name,
    parse_training_job_name,
)
from tests.contract.files import ROOT

SAGEMAKERS = re.compile("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
PLAN_IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
NAME_LIKE = r"likeness-[0-9a-f]{31,33}-[0-9]{1,25}(-[0-9]{0,3}[a-z]{0,4}){0,2}"


@settings(deadline=None, derandomize=True)
@given(plan_id=PLAN_IDS, attempt=st.integers(1, 10**20))
def test_a_name_that_was_built_is_parsed_back_and_sagemaker_takes_it(
    plan_id: str, attempt: int
) -> None:
    for parameters in ((), ("captions",), ("1200steps", "20users")):
        name = build_training_job_name(plan_id, attempt, parameters)
        found = parse_training_job_name(name)
        assert found is not None
        assert found[:2] == (plan_id, attempt)
        assert found.parameters in {parameters, ()}
        assert SAGEMAKERS.fullmatch(name)
        assert len(name) <= MAX_TRAINING_JOB_NAME == 63


def test_what_people_read_fits_a_hundred_thousand_steps_of_two_hundred_users() -> None:
    name = build_training_job_name("0" * 32, 1, ("99999steps", "200users"))
    assert name.endswith("-1-99999steps-200users")
    assert build_training_job_name("0" * 32, 10, ("99999steps", "200users")).endswith("0-10")


@settings(deadline=None, derandomize=True, max_examples=500)
@given(name=st.one_of(st.text(), st.from_regex(NAME_LIKE)))
def test_a_name_that_is_parsed_is_the_one_that_would_be_built(name: str) -> None:
    found = parse_training_job_name(name)
    if found is not None:
        assert build_training_job_name(*found) == name


@pytest.mark.parametrize(
    ("plan_id", "attempt"),
    [("0" * 31, 1), ("A" * 32, 1), ("0" * 32, 0), ("0" * 32, -1), ("0" * 32, 10**21), ("", 1)],
)
def test_what_could_not_be_parsed_back_is_never_built(plan_id: str, attempt: int) -> None:
    with pytest.raises(ValueError, match="32 hex digits"):
        build_training_job_name(plan_id, attempt)


@pytest.mark.parametrize(
    "name",
    ["", "likeness-x-1", f"likeness-{'0' * 32}", f"likeness-{'0' * 32}-01", f"other-{'0' * 32}-1",
     f"likeness-{'0' * 32}-1-1", f"likeness-{'0' * 32}-1-9Steps", f"likeness-{'0' * 32}-1-",
     f"likeness-{'0' * 32}-1\n", f"likeness-{'0' * 32}-\u0661", f"xlikeness-{'0' * 32}-1"],
)  # fmt: skip
def test_the_training_jobs_of_others_are_left_alone(name: str) -> None:
    assert parse_training_job_name(name) is None


def test_filters_permissions_and_runbooks_go_by_the_same_prefix() -> None:
    template = (ROOT / "template.yaml").read_text()
    filters = re.findall(r"TrainingJobName: \[\{ prefix: (\S+) \}\]", template)
    permissions = re.findall(r":training-job/([^*\"]+)\*", template)
    pages = "".join(page.read_text() for page in (ROOT / "docs/runbooks").glob("*.md"))
    in_runbooks = re.findall(r"--name-contains (\S+)", pages)
    in_runbooks += re.findall(r"TrainingJobs .*--log-stream-name-prefix \"([^$\"]+)\$PLAN\"", pages)
    assert filters
    assert permissions
    assert in_runbooks
    assert {*filters, *permissions, *in_runbooks} == {TRAINING_JOB_PREFIX}
