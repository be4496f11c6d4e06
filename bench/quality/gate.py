"""Runs the trainer's gate on adapters that must not be published.

zero         an adapter that changes nothing
nan          an adapter whose weights are NaN
black_vae    an autoencoder that draws black
other        an adapter trained on another character
overtrained  an adapter trained too fast and without class images, so the class is forgotten
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from bench.quality.people import job_of, result_of, train, write_channels
from contracts.documents.training import GateReport
from trainer.config.recipe import read_plan
from trainer.evaluation.judge import load_judge
from trainer.model import lora
from trainer.model.base import load_base, read_card
from trainer.process.time_limit import TimeLimit
from trainer.tasks.judging import Judged, judge_adapter
from trainer.tasks.shared import Job
from trainer.tasks.training import attach_adapters, prepare

WANTED = {
    "zero": "gate_no_effect",
    "nan": "gate_broken_pictures",
    "black_vae": "gate_broken_pictures",
    "other": "gate_not_alike",
    "overtrained": "gate_class_drift",
}
"""The code with which the gate must refuse each adapter."""

OVERTRAINED = {"learning_rate": 0.03, "text_encoder_lr": 0.03, "with_prior_preservation": False}


def examine_bad(base: Path, kept: Path, one: int, other: int) -> dict[str, GateReport]:
    """Return the gate's report of every bad adapter; ``one`` and ``other`` are trained people."""
    reports = {}
    for name in WANTED:
        file = kept / "gate" / f"{name}.json"
        if not file.exists():
            report = (
                overtrain(base, kept, one)
                if name == "overtrained"
                else examine(base, kept, one, other, name)
            )
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(report.model_dump_json(indent=1) + "\n")
        reports[name] = GateReport.model_validate_json(file.read_bytes())
    return reports


def overtrain(base: Path, kept: Path, seed: int) -> GateReport:
    """Overtrain a character; return the gate's report."""
    folder = kept / "gate" / "overtrained"
    train(base, folder, seed, kept / "prior", **OVERTRAINED)
    report = result_of(folder, seed).gate
    if report is None:
        raise RuntimeError("the overtrained adapter did not reach the gate")
    return report


def examine(base_folder: Path, kept: Path, one: int, other: int, name: str) -> GateReport:
    """Run the gate of a job with the photos of ``one`` on a spoilt adapter of ``other``."""
    torch.set_num_threads(1)
    root = kept / "gate" / name
    shutil.rmtree(root, ignore_errors=True)
    write_channels(base_folder, root, one, {"with_prior_preservation": False})
    plan, folder = read_plan(root), root / "input" / "data" / "base"
    card = read_card(folder, plan.base_sha256)
    base = load_base(folder, card, torch.device("cpu"), torch.float32)
    job = Job(root, base, load_judge(base), TimeLimit())
    prepared = prepare(job, plan.tasks[0])
    recipe = prepared.run.recipe
    networks = attach_adapters(base, recipe)
    with torch.no_grad():
        SPOIL[name](job, networks, trained_weights(kept, other))
    judged = Judged(plan.tasks[0], recipe, prepared.reference_photos, prepared.learnt_photos)
    return judge_adapter(job, judged, networks)


def trained_weights(kept: Path, seed: int) -> dict[str, Tensor]:
    """Return a person's weights, by the trainer's names."""
    folder = kept / str(seed) / "job" / "checkpoints" / job_of(seed) / "adapter" / "peft"
    return {
        f"{file.parent.name}.{key.removeprefix('base_model.model.')}": tensor
        for file in sorted(folder.glob("*/adapter_model.safetensors"))
        for key, tensor in load_file(file).items()
    }


def leave(_job: Job, _networks: lora.Networks, _trained: dict[str, Tensor]) -> None:
    """Keep the initial adapter, whose B matrices are zero."""


def fill_with_nan(_job: Job, networks: lora.Networks, _trained: dict[str, Tensor]) -> None:
    """Set every weight to NaN."""
    lora.restore(networks, {k: w.fill_(torch.nan) for k, w in lora.weights(networks).items()})


def paint_black(job: Job, networks: lora.Networks, trained: dict[str, Tensor]) -> None:
    """Use a good adapter, and an autoencoder that draws only black."""
    lora.restore(networks, trained)
    last = job.base.pipeline.vae.decoder.conv_out
    last.weight.zero_()
    last.bias.fill_(-1.0)


def exchange(_job: Job, networks: lora.Networks, trained: dict[str, Tensor]) -> None:
    """Use another person's adapter."""
    lora.restore(networks, trained)


SPOIL: dict[str, Callable[[Job, lora.Networks, dict[str, Tensor]], None]] = {
    "zero": leave,
    "nan": fill_with_nan,
    "black_vae": paint_black,
    "other": exchange,
}


def verdict_is_right(name: str, report: GateReport) -> bool:
    """Return whether the gate refused the adapter with the expected code."""
    return not report.passed and WANTED[name] in report.codes


def summary(reports: dict[str, GateReport]) -> dict[str, Any]:
    """Return the bad adapters' part of the details."""
    return {
        name: {"wanted": WANTED[name], **json.loads(report.model_dump_json(exclude_none=True))}
        for name, report in reports.items()
    }
