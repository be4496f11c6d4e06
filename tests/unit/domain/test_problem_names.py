"""A notice names the fields that everybody can look up, and repeats no other word."""

import pytest

from contracts.documents.upload.problems import RequestProblem
from domain.notices.problem_names import UNKNOWN, without_words


@pytest.mark.parametrize(
    "field",
    [
        "",
        "rank",
        "run.instance_type",
        "validation_prompts.3",
        "network_dim",
        "text_encoder_lr",
        "config.json",
        "consent.json",
        "toml",
        "yaml",
        "learning_rate_scheduler",
        "validation_prompt",
        "config.process.type",
        "train.lr_scheduler",
        "multidatabackend.repeats",
        "text_encoder_2.train",
    ],
)
def test_a_name_that_is_known_stays(field: str) -> None:
    problem = RequestProblem(field=field, message="Wrong.")
    assert without_words(problem) == problem


@pytest.mark.parametrize("field", ["anna", "run.anna", "anna.0", "rank.anna", "a b"])
def test_any_other_name_is_left_out_and_its_hint_stays(field: str) -> None:
    problem = RequestProblem(field=field, message="Unknown name.", nearest="rank")
    assert without_words(problem) == problem.model_copy(update={"field": UNKNOWN})
