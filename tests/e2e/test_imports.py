"""A LoRA that was trained elsewhere becomes a model of its tenant, through the deployed stack."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.cloud.paths import ROOT
from local.demo.picture import generate
from local.demo.upload import TENANT, consent
from tests.e2e.stack import Stack


@pytest.fixture
def foreign_lora(base: Path, tmp_path: Path) -> Path:
    """A file with the names of kohya's scripts, from our own exporter."""
    file = tmp_path / "anna-schmidt.safetensors"
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
