"""A grid is checked before anything is paid, and its trials have names of their own."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.documents.job import JobSpec
from contracts.documents.stages import Failure, RankSweepInput, TrialOutcome
from contracts.documents.sweep import TrialReport
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_TRIALS
from domain.pricing.grid import grid_trials, sweep_trial, trial_name
from domain.requests.merge import RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError
from domain.sweeps.ranking import rank_trials
from tests.fakes.intake import REQUEST

SWEEP = JobSpec(job_id="a" * 32, tenant="acme", upload="first", base_id="tiny-base")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def request(**fields: object) -> TrainingRequest:
    return TrainingRequest.model_validate(REQUEST | fields)


def report(name: str, **facts: Any) -> TrialReport:
    return TrialReport(name=name, job_id="0" * 32, **facts)


# --- the grid -------------------------------------------------------------------------------


def test_a_trial_is_every_combination_named_by_its_parameters() -> None:
    sweep = {"learning_rate": [1e-4, 2e-4], "max_train_steps": [200], "rank": [8, 16]}
    trials = grid_trials(request(sweep=sweep, seed=7))
    assert [trial.name for trial in trials] == [
        "lr1e-4-steps200-rank8",
        "lr1e-4-steps200-rank16",
        "lr2e-4-steps200-rank8",
        "lr2e-4-steps200-rank16",
    ]
    last = trials[-1].request
    assert last == request(learning_rate=2e-4, max_train_steps=200, rank=16, seed=7)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sweep": {}}, "2 to 60"),
        ({"sweep": {"rank": [8]}}, "2 to 60"),
        ({"sweep": {"rank": [4, 8], "max_train_steps": list(range(1, 32))}}, "2 to 60"),
        ({"sweep": {"rank": [8, 8, 4]}}, "lists a value twice"),
        ({"sweep": {"rank": [4, 0]}}, "greater than or equal to 1"),
        ({"sweep": {"rank": list(range(1, 62))}}, "at most 60"),
        ({"sweep": {"seed": [1, 2]}}, "Unknown name"),
        ({"sweep": {"lr": [1e-4, 2e-4]}}, "did you mean sweep.learning_rate"),
        ({"sweep": {"rank": [4, 8]}, "rank": 4}, "given twice"),
        ({"sweep": {"rank": [4, 8]}, "lora_r": 4}, "given twice"),
        ({"sweep": {"learning_rate": [0.1, 0.5]}}, "at most 0.1"),
        ({"sweep": {"max_train_steps": [1, 2]}, "num_train_epochs": 3}, "no effect"),
    ],
)
def test_what_does_not_go_with_a_sweep_is_reported(fields: dict[str, object], words: str) -> None:
    body = json.dumps(REQUEST | fields).encode()
    with pytest.raises(RequestRefusedError) as caught:
        merge_sources(RequestSources(body, {}, ()))
    assert any(words in problem.message for problem in caught.value.problems)


STATE_BYTES = 256 * 1024
"""Step Functions' limit of a state's input and output."""


def test_the_largest_sweep_is_seed_2s_and_fits_into_a_state() -> None:
    grid = {
        "learning_rate": [1e-5, 1e-4, 1e-3],
        "max_train_steps": [200, 400, 800, 1600],
        "rank": [64, 128, 256, 512, 1024],
    }
    trials = grid_trials(request(sweep=grid))
    assert len(trials) == MAX_TRIALS
    sweep = JobSpec(job_id="0" * 32, tenant="t" * 64, upload="u" * 64, base_id="b" * 64)
    jobs = [sweep_trial(sweep, trial) for trial in trials]
    cause = json.dumps({"errorMessage": "m" * 500, "errorType": "E", "stackTrace": ["s" * 1500]})
    outcomes = [
        TrialOutcome(name=own.name, job=own.job, failure=Failure(Error="E" * 60, Cause=cause))
        for own in jobs
    ]
    given = RankSweepInput(job=sweep, outcomes=tuple(outcomes))
    assert len(given.model_dump_json(by_alias=True)) < STATE_BYTES


def test_what_a_sweep_tries_no_weaker_file_gives() -> None:
    body = json.dumps(REQUEST | {"sweep": {"rank": [4, 8]}}).encode()
    fields = merge_sources(
        RequestSources(body, {"config.json": b'{"lora_r": 64, "n_steps": 500}'}, ())
    )
    assert (fields.request.rank, fields.request.max_train_steps) == (None, 500)


def test_a_large_rate_may_be_tried_with_an_optimizer_that_finds_its_own() -> None:
    trials = grid_trials(request(optimizer="prodigy", sweep={"learning_rate": [0.5, 1.0]}))
    assert [trial.name for trial in trials] == ["lr5e-1", "lr1"]


RATES = st.floats(min_value=1e-9, max_value=1.0, exclude_min=True)


@given(RATES, RATES, st.integers(1, 20_000), st.integers(1, 1024))
def test_every_name_is_a_label_and_no_two_are_the_same(
    rate: float, other: float, steps: int, rank: int
) -> None:
    fields = {"learning_rate": rate, "max_train_steps": steps, "rank": rank}
    name = trial_name(fields)
    assert LABEL.fullmatch(name)
    assert (name == trial_name({**fields, "learning_rate": other})) == (rate == other)


def test_a_trial_has_the_same_job_whenever_it_is_planned_and_no_other_sweep_s() -> None:
    trials = grid_trials(request(sweep={"rank": [4, 8]}))
    once = [sweep_trial(SWEEP, trial).job.job_id for trial in trials]
    assert once == [sweep_trial(SWEEP, trial).job.job_id for trial in trials]
    other = SWEEP.model_copy(update={"job_id": "b" * 32})
    theirs = [sweep_trial(other, trial).job.job_id for trial in trials]
    assert len({SWEEP.job_id, *once, *theirs}) == 5


def test_a_grid_out_of_range_is_no_request() -> None:
    with pytest.raises(ValidationError):
        request(sweep={"learning_rate": [0.0, 0.1]})


# --- the ranking ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"identity": 0.8}, {"identity": 0.7, "prompt_following": 0.9}),
        ({"identity": 0.801, "prompt_following": 0.3}, {"identity": 0.804}),
        ({"identity": 0.8, "class_drift": 0.1}, {"identity": 0.8, "class_drift": 0.2}),
        ({"identity": 0.8, "class_drift": 0.1}, {"identity": 0.8}),
        ({"identity": 0.1}, {}),
        ({"identity": 0.8, "max_train_steps": 100}, {"identity": 0.8, "max_train_steps": 200}),
        ({"rank": 4}, {"rank": 8}),
        ({"identity": -0.5}, {"code": "training_diverged"}),
    ],
)
def test_likeness_counts_first_and_of_equals_the_cheaper(
    better: dict[str, Any], worse: dict[str, Any]
) -> None:
    for order in ([better, worse], [worse, better]):
        first, _ = rank_trials(report("p", **facts) for facts in order)
        assert first == report("p", **better, place=1)


def test_those_that_failed_have_no_place() -> None:
    ranked = rank_trials([report("a", code="gate_failed"), report("b"), report("c", identity=0.5)])
    assert [(trial.name, trial.place) for trial in ranked] == [("c", 1), ("b", 2), ("a", None)]
