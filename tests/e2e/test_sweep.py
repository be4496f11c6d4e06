"""One upload with a grid: every point is trained, and the owner gets one notice of the best."""

import json
from pathlib import Path

from contracts.documents.sweep import SweepReport
from contracts.shared import layout
from tests.e2e.stack import SMALL, Stack, job_of, photos

SECRET = "anna-schmidt"


def test_a_small_grid_ends_in_one_model_and_one_message(stack: Stack, tmp_path: Path) -> None:
    request = SMALL | {"instance_prompt": f"a photo of sks {SECRET}", "max_cost_usd": 50}
    files = {f"{SECRET}-{name}": body for name, body in photos(51).items()}
    stack.upload("grid", files, request | {"sweep": {"rank": [4, 2]}})
    execution = stack.execution("grid")
    assert execution["status"] == "SUCCEEDED", stack.states(execution)
    assert "SweepAdapter" in stack.states(execution)
    notice = stack.notice("grid")
    assert (notice["code"], notice["upload"]) == ("ready", "grid")
    assert [(point["name"], point["place"]) for point in notice["sweep"]] == [
        ("rank2", 1), ("rank4", 2),
    ], "this base has no judge, so the smaller rank is the better"  # fmt: skip
    assert notice["receipt"]["training_jobs"] >= 1
    assert stack.unheard() == []
    job_id = job_of(execution)
    report = stack.document(layout.sweep_report_key(job_id), SweepReport)
    assert report.trials[0].name == "rank2"
    assert set(stack.record("grid").trials) == {trial.job_id for trial in report.trials}
    trained = [job for trial in report.trials for job in stack.training_jobs(trial.job_id)]
    assert len({job["TrainingJobName"] for job in trained}) == 2
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
