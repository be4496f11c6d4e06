"""Several subjects in one adapter, from folders of photos to a picture of each by its word.

The set is large enough for CaptionPhotos, which describes it before it is trained.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.base import hash_of_files
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.photos import PhotoCaptions
from contracts.documents.training import TrainingPlan, TrainingResult
from contracts.shared.layout.bases import BASE_FILE, base_prefix, captioner_prefix
from contracts.shared.layout.models import plan_key, result_key
from contracts.shared.layout.rows import consent_row
from contracts.shared.layout.uploads import CAPTIONS_FILE, captions_prefix
from contracts.shared.names import captions_plan_id
from contracts.shared.weights.pipeline_files import REFINER_FOLDER
from local.cloud.paths import ROOT
from local.demo.picture import generate
from local.demo.upload import BASES_BUCKET, consent
from tests.e2e.stack import BASE_ID, CAPTIONER_ID, SMALL, Stack, job_of, photos

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
} | {
    "subjects": SUBJECTS,
    "sample_prompts": ["a photo of ohwx man on a beach"],
    "autocaption": True,
    "autocaption_max_tokens": 4,
}
FILES = {f"Anna B/{name}": body for name, body in photos(71).items()} | {
    f"10_ohwx man/{name}": body for name, body in photos(72).items()
}


@pytest.fixture
def captioner(tmp_path: Path) -> Path:
    """A captioner's folder."""
    subprocess.run(
        [ROOT / ".venv/torch/bin/python", "-m", "tests.fakes.tiny_captioner", tmp_path],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return tmp_path


@contextmanager
def refiner_beside_the_base(stack: Stack) -> Iterator[None]:
    """Put a refiner into the base's folder meanwhile; the endpoint has loaded the base already."""
    s3, prefix = stack.cloud.client("s3"), base_prefix(BASE_ID)
    key, file = prefix + BASE_FILE, f"{REFINER_FOLDER}/unet/weights.safetensors"
    plain = s3.get_object(Bucket=BASES_BUCKET, Key=key)["Body"].read()
    files = {file: "0" * 64}
    refiner = {"sha256": hash_of_files(files), "files": files}
    card = json.dumps(json.loads(plain) | {"refiner": refiner}).encode()
    s3.put_object(Bucket=BASES_BUCKET, Key=prefix + file, Body=b"4.5 GB")
    s3.put_object(Bucket=BASES_BUCKET, Key=key, Body=card)
    try:
        yield
    finally:
        s3.put_object(Bucket=BASES_BUCKET, Key=key, Body=plain)
        s3.delete_object(Bucket=BASES_BUCKET, Key=prefix + file)


@pytest.mark.thorough
def test_two_people_in_one_adapter_each_drawn_by_their_word(stack: Stack, captioner: Path) -> None:
    stack.upload("family", FILES, REQUEST)
    execution = stack.execution("family")
    assert stack.notice("family")["code"] == "training_refused", "there is no captioner yet"
    assert stack.states(execution)[-3:] == ["CaptionPhotos", "NotifyFailure", "FailJob"]
    s3 = stack.cloud.client("s3")
    for file in captioner.iterdir():
        key = captioner_prefix(CAPTIONER_ID) + file.name
        s3.put_object(Bucket=BASES_BUCKET, Key=key, Body=file.read_bytes())
    with refiner_beside_the_base(stack):
        stack.redrive(execution)
        execution = stack.execution("family")
    assert execution["status"] == "SUCCEEDED", stack.notice("family")
    notice, job_id = stack.notice("family"), job_of(execution)
    check_captions(stack, execution, job_id)
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


def check_captions(stack: Stack, execution: dict[str, Any], job_id: str) -> None:
    """Check that a job of its own described the photos, and that the training used it."""
    resumed = stack.states(execution)[-7:]
    assert resumed[:4] == ["ResumeStage", "CaptionPhotos", "WhatToTrain", "TrainAdapter"]
    (captioning,) = stack.training_jobs(captions_plan_id(job_id))
    assert {"work": "captions", "job": job_id}.items() <= stack.tags(captioning)
    key = captions_prefix(job_id) + CAPTIONS_FILE
    body = stack.cloud.client("s3").get_object(Bucket=stack.outputs["UploadsBucketName"], Key=key)
    written = PhotoCaptions.model_validate_json(body["Body"].read()).captions
    result = stack.document(result_key(stack.plan_id(job_id), job_id), TrainingResult)
    assert len(written) == len(result.photos) == len(FILES)
    assert all("captioned" in photo.codes for photo in result.photos)
    sagemaker = stack.cloud.client("sagemaker")
    (training,) = stack.training_jobs(job_id)
    read = sagemaker.describe_training_job(TrainingJobName=training["TrainingJobName"])
    channels = {one["ChannelName"]: one["DataSource"] for one in read["InputDataConfig"]}
    assert "captioner" not in channels
    check_no_refiner(stack, channels["base"]["S3DataSource"]["S3Uri"])
    record = stack.record("family")
    assert record.estimate is not None
    assert record.estimate.captioning_seconds > 0
    names = {training["TrainingJobName"], captioning["TrainingJobName"]}
    assert set(record.receipts) == names, "both jobs are paid"


def check_no_refiner(stack: Stack, manifest: str) -> None:
    """Check that the training has downloaded all of the base but its refiner."""
    bucket, _, key = manifest.removeprefix("s3://").partition("/")
    s3 = stack.cloud.client("s3")
    first, *files = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    prefix = base_prefix(BASE_ID)
    assert first == {"prefix": f"s3://{BASES_BUCKET}/{prefix}"}
    stored = s3.list_objects_v2(Bucket=BASES_BUCKET, Prefix=prefix)["Contents"]
    assert sorted(prefix + file for file in files) == [one["Key"] for one in stored]


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
