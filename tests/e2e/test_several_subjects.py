"""Several subjects in one adapter, from folders of photos to a picture of each by its word."""

import json
from typing import Any

import pytest

from contracts.documents.consent_record import ConsentRecord
from contracts.documents.training import TrainingPlan, TrainingResult
from contracts.shared.layout import consent_row, plan_key, result_key
from local.demo.picture import generate
from local.demo.upload import consent
from tests.e2e.stack import SMALL, Stack, job_of, photos

WOMAN, MAN = "a photo of a woman", "a photo of a man"
SUBJECTS: list[dict[str, Any]] = [
    {
        "trigger_word": "zwx",
        "instance_prompt": "a photo of TOK woman",
        "class_prompt": WOMAN,
        "folder": "Anna B",
        "consent": consent(),
    },
    {
        "trigger_word": "ohwx",
        "instance_prompt": "a photo of TOK man",
        "class_prompt": MAN,
        "consent": consent() | {"given_by": "person-2", "given_for": "other", "permission": "p-2"},
    },
]
REQUEST = {
    name: SMALL[name] for name in ("num_class_images", "max_train_steps", "train_batch_size")
} | {"subjects": SUBJECTS, "sample_prompts": ["a photo of ohwx man on a beach"]}
FILES = {f"Anna B/{name}": body for name, body in photos(71).items()} | {
    f"10_ohwx man/{name}": body for name, body in photos(72).items()
}


def test_two_people_in_one_adapter_each_drawn_by_their_word(stack: Stack) -> None:
    stack.upload("family", FILES, REQUEST)
    execution = stack.execution("family")
    assert execution["status"] == "SUCCEEDED", stack.notice("family")
    notice, job_id = stack.notice("family"), job_of(execution)
    assert notice["model"]["trigger_words"] == ["zwx", "ohwx"]
    assert "Likeness of each subject: zwx" in notice["text"]
    result = stack.document(result_key(stack.plan_id(job_id), job_id), TrainingResult)
    assert sorted(photo.subject for photo in result.photos) == [0] * 6 + [1] * 6
    assert result.gate is not None
    assert [one.trigger_word for one in result.gate.subjects] == ["zwx", "ohwx"]
    assert result.metrics is not None
    assert result.metrics.images == 2 * 2 * 2  # steps, photos in a step, class images beside them
    pictures = [draw(stack, notice, f"a photo of {word}") for word in ("zwx", "ohwx")]
    assert pictures[0] != pictures[1]
    with pytest.raises(Exception, match="several subjects; write a trigger word"):
        draw(stack, notice, "a photo of TOK")
    assert people_who_agreed(stack, job_id) == {"person-2", str(consent()["given_by"])}
    (task,) = stack.document(plan_key(stack.plan_id(job_id)), TrainingPlan).tasks
    assert {one.consent for one in task.request.subjects} == {None}


def draw(stack: Stack, notice: dict[str, Any], prompt: str) -> bytes:
    """Return the pixels of a picture of the model."""
    model = notice["model"]
    place = model["endpoint_name"], model["target_model"]
    return generate(stack.cloud, *place, prompt, seed=5, num_inference_steps=2).tobytes()


def people_who_agreed(stack: Stack, job_id: str) -> set[str]:
    """Return the ids of the people in the record of a model's consent."""
    row = stack.cloud.client("dynamodb").get_item(
        TableName=stack.settings("http-api")["API_TABLE"], Key={"row": {"S": consent_row(job_id)}}
    )
    record = ConsentRecord.model_validate_json(row["Item"]["document"]["S"])
    return {one.given_by for one in (record.consent, *record.others)}


def test_every_person_must_have_agreed(stack: Stack) -> None:
    silent = {name: value for name, value in SUBJECTS[1].items() if name != "consent"}
    stack.upload("one-agreed", FILES, REQUEST | {"subjects": [SUBJECTS[0], silent]})
    stack.execution("one-agreed")
    notice = stack.notice("one-agreed")
    assert notice["code"] == "consent_missing"
    assert [problem["field"] for problem in notice["request"]] == ["subjects.1.consent"]
    assert json.dumps(notice).count("Anna") == 0
