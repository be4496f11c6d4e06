"""One upload with a grid: the owner gets one notice of the best trial; the others stop early."""

import json
from pathlib import Path

import pytest

from contracts.documents.sweep import SweepReport
from contracts.documents.training import TrainingResult
from contracts.shared import layout
from tests.e2e.stack import SMALL, Stack, job_of, photos

SECRET = "anna-schmidt"


@pytest.mark.thorough
def test_a_small_grid_ends_in_one_model_and_one_message(stack: Stack, tmp_path: Path) -> None:
    request = SMALL | {"instance_prompt": f"a photo of sks {SECRET}", "max_cost_usd": 50}
    files = {f"{SECRET}-{name}": body for name, body in photos(51).items()}
    halving = {"reduction_factor": 2, "min_resource": 1}
    stack.upload("grid", files, request | {"sweep": {"rank": [4, 2], "halving": halving}})
    execution = stack.execution("grid")
    assert execution["status"] == "SUCCEEDED", stack.states(execution)
    assert "SweepAdapter" in stack.states(execution)
    notice = stack.notice("grid")
    assert (notice["code"], notice["upload"]) == ("ready", "grid")
    assert [
        (point["name"], point.get("place"), point.get("stopped_after_steps"))
        for point in notice["sweep"]
    ] == [
        ("rank2", 1, None), ("rank4", None, 1),
    ], "this base has no judge, so the smaller rank is the better"  # fmt: skip
    assert notice["receipt"]["training_jobs"] >= 1
    assert stack.unheard() == []
    job_id = job_of(execution)
    report = stack.document(layout.models.sweep_report_key(job_id), SweepReport)
    assert report.trials[0].name == "rank2"
    rows = stack.record("grid").trials
    assert len(rows) == 3, "two trials of one step, and one of them again"
    assert {trial.job_id for trial in report.trials} < set(rows)
    trained = [job for row in rows for job in stack.training_jobs(row)]
    assert len({job["TrainingJobName"] for job in trained}) == 3
    best = report.trials[0].job_id
    metrics = stack.document(
        layout.models.result_key(stack.plan_id(best), best), TrainingResult
    ).metrics
    assert metrics is not None
    assert (metrics.resumed_from_step, metrics.steps) == (1, 2), "no step is trained twice"
    assert notice["model"]["target_model"].startswith(job_id)
    arguments = "generate", notice["model"]["target_model"], "<<TOK>>", "--endpoint"
    out = str(tmp_path / "me.png")
    answer = stack.likeness(
        *arguments, notice["model"]["endpoint_name"], "--seed", "5", "--out", out
    )
    assert "seed=5" in answer
    listed = stack.aws(
        "stepfunctions", "list-executions", "--state-machine-arn",
        stack.outputs["SweepStateMachineArn"],
    )["executions"]  # fmt: skip
    (child,) = [one for one in listed if one["status"] == "SUCCEEDED"]
    assert SECRET not in json.dumps(stack.history(child), default=str)
