"""The model card, word for word."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.documents.photos import PhotoVerdict
from contracts.documents.training import GateReport, RankedPicture, TrainingMetrics
from contracts.shared.layout.container import webui_file
from contracts.shared.steps import Dataset, count_steps
from tests.unit.trainer.test_recipe import CARD, WHOLE, recipe_of, task
from trainer.export.model_card import (
    about_gate,
    about_import,
    about_subjects,
    about_training,
    scores_of_each,
    write_card,
)

RECIPE = recipe_of(**WHOLE)
PLAN = count_steps(task(**WHOLE).request, CARD.training, Dataset((1,) * 9))
METRICS = TrainingMetrics(steps=400, final_loss=0.123456, train_seconds=9)
REPORT = GateReport(
    passed=True, effect=0.21, identity=0.83, identity_base=0.1, prompt_following=0.5
)
NOBODY_READ = "not measured: the base has no CLIP, and no judge that reads these prompts"
KIND = "LoRA, DoRA, rsLoRA (alpha / sqrt(rank)), LoRA+ of ratio 16, average of the weights (EMA)"
CARD_TEXT = """---
base_model: tiny
library_name: diffusers
tags:
- text-to-image
- lora
- dreambooth
- sdxl
---

# Adapter 00000000000000000000000000000000

A LoRA of one subject. In a prompt, `zwx` means it.

## Base

| | |
|---|---|
| base | tiny |
| revision | 1 |
| sha256 | 0000000000000000000000000000000000000000000000000000000000000000 |
| family | sdxl |
| predicts | epsilon |

## Training

| | |
|---|---|
| photos used | 9 |
| photos held out of training | 1 |
| class images | 12 |
| steps | 400 of 500 |
| batches | 1200 of 1500 |
| photos in a step | 6 |
| resolution | 128 |
| rank | 16 |
| alpha | 4 |
| adapter | {KIND} |
| learning rate | 0.0002 |
| text encoders | trained, 3e-05 |
| seed | 5 |
| final loss | 0.1235 |

## Checks before publishing

| | |
|---|---|
| verdict | passed |
| change of the pictures, 0 to 1 | 0.210 |
| likeness to real photos, cosine | 0.830 |
| the same without the adapter | 0.100 |
| share of what prompts ask for that is shown | 0.500 |

## Use

- diffusers: `pipeline.load_lora_weights(folder, weight_name='pytorch_lora_weights.safetensors')`
- ComfyUI, A1111, Forge, kohya's scripts: `webui/zwx_sdxl_00000000.safetensors`
- peft: the folders under `peft/`, one for each network

Hashes of the file for web interfaces: AutoV2 `F21F72F608`, AutoV3 `26CC73F9FBF6`.

Draw at 128 pixels a side; other sizes were not trained.

## Limits and licence

It is of use with its base only, so the base model's own licence covers its pictures too. It shows \
one subject, whose consent its owner answers for. Figures above are of this adapter, from fixed \
seeds; other prompts may do worse.
""".replace("{KIND}", KIND)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Return an adapter's folder with a file for web interfaces: a header of 2 bytes and a body."""
    file = tmp_path / webui_file("zwx", "sdxl", RECIPE.job_id)
    file.parent.mkdir()
    file.write_bytes((2).to_bytes(8, "little") + b"{}" + b"tensors")
    return tmp_path


def test_a_card_holds_figures_and_the_trigger_word_and_no_prompt(adapter: Path) -> None:
    write_card(adapter, CARD, RECIPE, METRICS, REPORT, plan=PLAN)
    assert (adapter / "README.md").read_text() == CARD_TEXT


def test_a_licence_is_named_where_the_base_has_one(adapter: Path) -> None:
    base = CARD.model_copy(update={"license": "openrail++"})
    write_card(adapter, base, RECIPE, METRICS, REPORT, plan=PLAN)
    assert "base only, so openrail++ covers" in (adapter / "README.md").read_text()


def test_what_was_not_done_is_said_as_such() -> None:
    frozen = replace(RECIPE, text_encoder_lr=None)
    early = METRICS.model_copy(update={"final_loss": None, "partial": True})
    message = about_training(frozen, early, PLAN)
    assert "| text encoders | not trained |" in message
    assert "| final loss | - |\n\nTraining was stopped early: what had been learnt" in message


def test_a_missed_floor_is_named() -> None:
    codes = ("gate_no_effect", "gate_class_drift")
    report = GateReport(passed=False, effect=0.0, class_drift=0.4, identity_photos=0.9, codes=codes)
    assert about_gate(report, CARD).splitlines()[2:] == [
        "| verdict | failed: gate_no_effect, gate_class_drift |",
        "| change of the pictures, 0 to 1 | 0.000 |",
        "| the photos among themselves | 0.900 |",
        "| share of the class that was lost | 0.400 |",
        f"| share of what prompts ask for that is shown | {NOBODY_READ} |",
    ]


def test_each_subject_has_its_word_and_its_scores() -> None:
    two = tuple(RECIPE.subjects[0]._replace(trigger_word=word) for word in ("zwx", "ohwx"))
    assert "mean one each: `zwx`, `ohwx`." in about_subjects(replace(RECIPE, subjects=two))
    scores = [
        {"trigger_word": "zwx", "passed": True, "effect": 0.2},
        {"trigger_word": "ohwx", "passed": False, "effect": 0.0, "codes": ("gate_no_effect",)},
    ]
    report = GateReport.model_validate({"passed": False, "effect": 0.0, "subjects": scores})
    lines = scores_of_each(report).splitlines()
    assert lines[0].startswith("Above is the worst score")
    assert lines[-2:] == [
        "| `zwx` | passed | 0.200 | - | - | - | - |",
        "| `ohwx` | failed: gate_no_effect | 0.000 | - | - | - | - |",
    ]


def test_an_import_says_what_is_known_of_it() -> None:
    lines = about_import(replace(RECIPE, text_encoder_rank=None), "5e" * 32).splitlines()
    assert lines[2:] == [
        "| trained | elsewhere; converted exactly |",
        f"| adapter | {KIND} |",
        f"| file's sha256 | {'5e' * 32} |",
        "| rank | 16 |",
        "| text encoders' rank | not changed |",
        f"| layers of the UNet | {len(RECIPE.target_modules)} |",
    ]


def test_the_card_says_who_read_the_prompts() -> None:
    with_clip = CARD.model_copy(update={"clip": "clip"})
    assert "| prompts were read by | CLIP, where the judge read none |" in about_gate(
        REPORT, with_clip
    )
    silent = REPORT.model_copy(update={"prompt_following": None})
    assert "not measured: neither judge nor CLIP" in about_gate(silent, with_clip)
    broken = silent.model_copy(update={"codes": ("gate_broken_pictures",)})
    assert "not measured" not in about_gate(broken, CARD)


def test_photos_that_were_left_out_are_counted_with_their_reasons() -> None:
    verdicts = [
        PhotoVerdict(index=0, verdict="refused", codes=("no_face",)),
        PhotoVerdict(index=1, verdict="refused", codes=("no_face",)),
        PhotoVerdict(index=2, verdict="refused", codes=("ambiguous_faces",)),
        *(PhotoVerdict(index=n, verdict="accepted", codes=("face_small",)) for n in range(3, 12)),
    ]
    early = METRICS.model_copy(update={"partial": True})
    text = about_training(RECIPE, early, PLAN, verdicts)
    assert "| photos used | 9 |" in text
    assert text.split("\n\n")[1:] == [
        "3 of 12 photos were left out:",
        "- 2: No face was found (`no_face`)\n- 1: More than one face (`ambiguous_faces`)",
        "Training was stopped early: what had been learnt by then was written.",
    ]
    assert "left out" not in about_training(RECIPE, METRICS, PLAN, verdicts[3:])


def test_the_card_ranks_the_pictures_and_says_what_they_were_compared_with() -> None:
    pictures = (
        RankedPicture(row=9, file="pictures/00.png", identity=0.91234, photo_similarity=0.2),
        RankedPicture(row=3, identity=0.5, photo_similarity=0.1),
    )
    more = {"ranking": pictures, "identity_held_out": True, "photo_similarity": 0.2}
    text = about_gate(REPORT.model_copy(update=more), CARD)
    assert "| nearest of a picture and a photo, 1 for a copy | 0.200 |" in text
    assert "| photos that likeness was measured on | held out of training |" in text
    assert "row of samples.png: 9 `pictures/00.png` (0.912), 3 (0.500)." in text
    seen = about_gate(REPORT.model_copy(update={"identity_held_out": False}), CARD)
    assert "| that training has seen |" in seen
    assert "Pictures by" not in seen
