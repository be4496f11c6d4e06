"""The whole workflow, from photos to a picture, and every way in which it can end."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from PIL import Image

from contracts.documents.picture import GEN_ARGS, GENERATED_IMAGE, PROMPT
from local.demo.picture import generate
from tests.e2e.stack import BASE_ID, SMALL, Stack, job_of, photos

STAGES = (
    "accept-request",
    "inspect-photos",
    "train-adapter",
    "publish-adapter",
    "warm-model",
    "notify-owner",
)


def test_photos_in_a_picture_out(stack: Stack, tmp_path: Path) -> None:
    stack.upload("happy", photos(1), SMALL)
    execution = stack.execution("happy")
    assert execution["status"] == "SUCCEEDED", stack.states(execution)
    notice = stack.notice("happy")
    assert (notice["status"], notice["code"], notice["upload"]) == ("succeeded", "ready", "happy")
    model = notice["model"]
    plain, personal = (
        generate(
            stack.cloud, model["endpoint_name"], model["target_model"], "a photo of a sks person",
            seed=5, num_inference_steps=2, lora_scale=scale,
        )
        for scale in (0.0, 1.0)
    )  # fmt: skip
    assert plain.size == personal.size == (64, 64)
    base_check = stack.likeness("base", "check", BASE_ID, "--stack", "likeness")
    assert "complete and unchanged" in base_check, base_check  # and its weights are fp16 variants
    (trained,) = stack.training_jobs(job_of(execution))
    assert {"start of an instance", "training job"} < set(stack.trace(execution))
    from_the_upload = ("start-upload", *STAGES)
    assert [f"likeness-{stage}" for stage in from_the_upload] == [
        name for name in stack.trace(execution) if name.removeprefix("likeness-") in from_the_upload
    ]
    assert trained["TrainingJobName"].endswith("-1-2steps")
    assert stack.tags(trained) >= {"max_train_steps": "2", "users": "1"}.items()
    arguments = "generate", model["target_model"], "<<TOK>>", "--endpoint", model["endpoint_name"]
    file = tmp_path / "me.png"
    printed = stack.likeness(*arguments, "--seed", "5", "--out", str(file))
    assert f"{file} seed=5" in printed
    with Image.open(file) as image:
        assert image.size == (64, 64)
    verdict = json.loads(stack.likeness("verify", str(file), "--json"))
    assert (verdict["made_here"], verdict["credentials"], verdict["model"]) == (
        True,
        "ours",
        job_of(execution),
    )
    assert verdict["watermark_stated"] == "too-small"
    assert "invalid_argument: height" in stack.likeness(*arguments, "--height", "65")


@pytest.mark.usefixtures("quick_training")
def test_tritonclient_speaks_its_binary_form_to_a_model(stack: Stack) -> None:
    stack.upload("binary", photos(8), SMALL)
    stack.execution("binary")
    model = stack.notice("binary")["model"]
    prompt, gen_args = (triton.InferInput(n, [1, 1], "BYTES") for n in (PROMPT, GEN_ARGS))
    prompt.set_data_from_numpy(np.array([[b"a photo of a sks person"]], dtype=object))
    gen_args.set_data_from_numpy(np.array([[b'{"num_inference_steps": 2}']], dtype=object))
    client = triton.InferenceServerClient
    body, header = client.generate_request_body([prompt, gen_args])
    answer = stack.cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=model["endpoint_name"],
        TargetModel=model["target_model"],
        ContentType=f"application/vnd.sagemaker-triton.binary+json;json-header-size={header}",
        Body=body,
    )
    length = int(answer["ContentType"].rpartition("json-header-size=")[2])
    result = client.parse_response_body(answer["Body"].read(), header_length=length)
    png = base64.b64decode(result.as_numpy(GENERATED_IMAGE)[0, 0])
    assert Image.open(io.BytesIO(png)).size == (64, 64)


@pytest.mark.parametrize(
    ("name", "request_body", "code"),
    [
        ("not-json", b"{ not json", "invalid_request"),
        ("unknown-field", SMALL | {"learning_speed": 1}, "invalid_request"),
        ("out-of-range", SMALL | {"rank": 0}, "invalid_request"),
    ],
)
def test_a_bad_request_is_told_and_nothing_is_trained(
    stack: Stack, name: str, request_body: dict[str, object] | bytes, code: str
) -> None:
    before = len(stack.aws("sagemaker", "list-training-jobs")["TrainingJobSummaries"])
    stack.upload(name, photos(2), request_body)
    execution = stack.execution(name)
    assert execution["status"] == "FAILED"
    assert execution["error"] == "InvalidRequestError"
    assert stack.states(execution)[-2:] == ["NotifyFailure", "FailJob"]
    notice = stack.notice(name)
    assert (notice["status"], notice["code"], notice["upload"]) == ("failed", code, name)
    assert len(stack.aws("sagemaker", "list-training-jobs")["TrainingJobSummaries"]) == before


def test_too_few_photos_names_each_photo_that_does_not_count(stack: Stack) -> None:
    files = photos(3, count=2) | {"holiday.jpg": b"this is not an image"}
    stack.upload("too-few", files, SMALL)
    execution = stack.execution("too-few")
    assert execution["error"] == "TooFewPhotosError"
    notice = stack.notice("too-few")
    assert notice["code"] == "too_few_photos"
    assert stack.named(notice) == [("holiday.jpg", ["not_an_image"])]


def test_user_text_stays_out_of_the_executions_state(stack: Stack) -> None:
    secret = "anna-schmidt"
    files = {f"{secret}-{name}": body for name, body in photos(4, count=2).items()}
    stack.upload("private", files, SMALL | {"instance_prompt": f"a photo of sks {secret}"})
    execution = stack.execution("private")
    stack.notice("private")
    history = stack.aws(
        "stepfunctions", "get-execution-history", "--execution-arn", execution["executionArn"]
    )
    assert secret not in json.dumps(history)


@pytest.mark.usefixtures("quick_training")
def test_the_same_upload_twice_is_one_job_and_one_message(stack: Stack) -> None:
    for _ in range(2):
        stack.upload("twice", photos(5), SMALL)
    repeat, first = sorted(stack.ended("twice", 2), key=lambda e: "NotifyOwner" in stack.states(e))
    assert stack.states(repeat)[-1] == "AlreadyAccepted"
    assert first["status"] == "SUCCEEDED"
    assert stack.notice("twice")["job_id"] == job_of(first)
    assert len(stack.training_jobs(job_of(first))) == 1
    assert stack.unheard() == []


@pytest.mark.usefixtures("quick_training")
def test_a_failing_training_is_told_once_and_can_be_redriven(stack: Stack) -> None:
    with stack.launching(TRAINING_IMAGE_URI="no-such-image:1"):
        stack.upload("broken-image", photos(6), SMALL)
        execution = stack.execution("broken-image")
    assert execution["error"] == "TrainingFailedError"
    assert stack.notice("broken-image")["code"] == "training_failed"
    stack.redrive(execution)
    assert stack.execution("broken-image")["status"] == "SUCCEEDED"
    assert stack.notice("broken-image")["status"] == "succeeded"


@pytest.mark.usefixtures("quick_training")
def test_an_execution_redriven_from_every_stage_trains_once(stack: Stack) -> None:
    settings = {stage: stack.settings(stage) for stage in STAGES}
    for stage, variables in settings.items():
        nowhere = dict.fromkeys(("JOBS_TABLE", "ENDPOINT_NAME", "NOTICES_TOPIC_ARN"), "nowhere")
        stack.configure(stage, variables | {k: v for k, v in nowhere.items() if k in variables})
    stack.upload("redriven", photos(7), SMALL)
    for stage, variables in settings.items():
        execution = stack.execution("redriven")
        assert execution["status"] == "FAILED"
        stack.configure(stage, variables)
        stack.redrive(execution)
    execution = stack.execution("redriven")
    assert execution["status"] == "SUCCEEDED", execution
    assert len(stack.training_jobs(job_of(execution))) == 1
    codes = [notice["code"] for notice in stack.unheard()]
    assert codes[-1] == "ready"
