"""A LoRA that was trained elsewhere becomes a model of its tenant, through the deployed stack."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from likeness_client import ApiError, LikenessApi
from local.cloud.paths import ROOT
from local.demo.picture import generate
from local.demo.upload import TENANT, consent
from local.front_door import address, make_key
from tests.e2e.stack import Stack

DOG = {"instance_prompt": "a photo of sks dog", "class_prompt": "a photo of a dog"}
PERSON = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}


@pytest.fixture(scope="module")
def foreign_lora(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the names of kohya's scripts, from our own exporter."""
    file = tmp_path_factory.mktemp("elsewhere") / "anna-schmidt.safetensors"
    search_path = f"{ROOT / 'functions'}:{ROOT / 'training_image'}:{ROOT}"
    subprocess.run(
        [ROOT / ".venv/torch/bin/python", "-m", "tests.fakes.foreign_lora", base, file],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": search_path},
    )
    return file


def test_an_imported_lora_draws_other_pictures_than_the_base(
    stack: Stack, foreign_lora: Path, tmp_path: Path
) -> None:
    words = ("import", str(foreign_lora), "--tenant", TENANT, "--trigger", "ohwx")
    assert "--consent" in stack.likeness(*words, "--stack", "likeness")
    (agreed := tmp_path / "consent.json").write_text(json.dumps(consent()))
    printed = stack.likeness(*words, "--stack", "likeness", "--consent", str(agreed))
    (name,) = (line for line in printed.splitlines() if line.startswith(f"{TENANT}/"))
    upload = name.removeprefix(f"{TENANT}/")
    execution = stack.execution(upload)
    notice = stack.notice(upload)
    assert notice["code"] == "ready", notice
    assert stack.states(execution)[-4:] == [
        *("TrainAdapter", "PublishAdapter", "WarmModel", "NotifyOwner")
    ]
    model = notice["model"]
    assert model["trigger_word"] == "ohwx"
    drawn = [
        generate(
            stack.cloud, model["endpoint_name"], model["target_model"], "a photo of <<TOK>>",
            seed=5, num_inference_steps=2, lora_scale=scale,
        )
        for scale in (0.0, 1.0)
    ]  # fmt: skip
    assert drawn[0].tobytes() != drawn[1].tobytes()
    assert foreign_lora.stem not in str(stack.history(execution))


@pytest.mark.usefixtures("quick_training")
def test_a_lora_is_imported_over_the_api_without_aws_credentials(
    stack: Stack, foreign_lora: Path
) -> None:
    place = address(stack.cloud, stack.outputs)
    with LikenessApi(place, make_key(stack.cloud, "import-door")) as api:
        upload = api.upload(foreign_lora)
        for wrong, code in (
            ({**PERSON, "adapter_file": "000.safetensors"}, "consent_missing"),
            (DOG, "invalid_call"),
        ):
            with pytest.raises(ApiError) as refused:
                api.train(upload.id, wrong)
            assert refused.value.code == code
        with LikenessApi(place, make_key(stack.cloud, "stranger")) as other:
            with pytest.raises(ApiError) as refused:
                other.train(upload.id, {**DOG, "adapter_file": "000.safetensors"})
            assert refused.value.code == "not_found"
        started = api.import_adapter(foreign_lora, DOG)
        ended = api.wait_for_job(started.id)
        assert (ended.kind, started.kind) == ("import", "import")
        assert stack.notice(started.upload_id)["code"] == "ready"
        assert ended.model_id is not None
        assert api.get_model(ended.model_id).trigger_word == "sks"
    execution = stack.execution(started.upload_id)
    assert foreign_lora.stem not in str(stack.history(execution))
