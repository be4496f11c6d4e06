"""A training job's tags: its parameters, within SageMaker's limits, and no word of a user."""

import json
import re
from typing import get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.documents.training import TaskPhoto, TrainingPlan, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from domain.training.job_tags import PARAMETERS, job_tags
from tests.unit.training_kit import REQUEST, job_id

SECRET = "canary of a person"
VALUE = re.compile(r"[A-Za-z0-9 _.:/=+\-@]{1,256}")


def plan_of(*requests: TrainingRequest) -> TrainingPlan:
    photo = TaskPhoto(index=0, file=f"{job_id(1)}/000.png", sha256="0" * 64)
    tasks = tuple(
        TrainingTask(job_id=job_id(number), request=request, photos=(photo,))
        for number, request in enumerate(requests)
    )
    return TrainingPlan(plan_id=job_id(1), base_sha256="b" * 64, tasks=tasks)


def tags_of(*requests: TrainingRequest) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in job_tags(plan_of(*requests), "portraits-sdxl")}


def changed(**fields: object) -> TrainingRequest:
    return TrainingRequest.model_validate(REQUEST.model_dump() | fields)


def test_a_run_is_found_by_its_parameters() -> None:
    tags = tags_of(changed(rank=32, learning_rate=2e-4, max_train_steps=900))
    wanted = {"rank": "32", "learning_rate": "0.0002", "max_train_steps": "900"}
    assert tags | wanted == tags
    assert tags["base"] == "portraits-sdxl"
    assert tags["users"] == "1"


def test_what_the_users_of_a_job_do_not_share_is_named_so() -> None:
    tags = tags_of(changed(rank=8, seed=3), changed(rank=8, seed=4))
    assert (tags["rank"], tags["seed"], tags["users"]) == ("8", "several", "2")


def test_what_the_base_decides_is_named_so() -> None:
    assert tags_of(changed(rank=None))["rank"] == "base-default"


def test_no_word_of_a_user_is_in_a_tag() -> None:
    request = changed(
        instance_prompt=f"a photo of sks {SECRET}", class_prompt=SECRET, sample_prompts=[SECRET]
    )
    assert SECRET not in json.dumps(tags_of(request))


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_a_number_a_flag_or_one_of_a_few_words(name: str) -> None:
    annotation = TrainingRequest.model_fields[name].annotation
    kinds = [kind for kind in (annotation, *get_args(annotation)) if kind is not type(None)]
    assert str not in kinds, "a free text does not belong into a tag"
    assert get_origin(annotation) not in {list, tuple}


@given(
    st.floats(min_value=1e-12, max_value=0.1, exclude_min=True), st.integers(1, 64), st.booleans()
)
def test_every_tag_is_one_that_sagemaker_takes(rate: float, batch: int, flag: bool) -> None:
    request = changed(learning_rate=rate, train_batch_size=batch, train_text_encoder=flag)
    tags = tags_of(request)
    assert len(tags) <= 50
    assert all(VALUE.fullmatch(value) for value in tags.values())
