"""What the gate measured, for a person at a terminal."""

from typing import NamedTuple

from contracts.documents.training import GateReport, TrainingResult
from contracts.shared.layout.container import RESULT_FILE
from local.cloud.server import Cloud

REPORT, SHEET = "report.json", "samples.png"
"""The trainer's files in an adapter's folder."""


class Rejected(NamedTuple):
    """An adapter that did not pass the gate."""

    report: GateReport
    picture: bytes
    """Its contact sheet: a PNG."""


class NoResultError(Exception):
    """The training left no result that can be shown."""


def read_report(cloud: Cloud, models_bucket: str, job_id: str) -> GateReport:
    """Return the gate's report of a job.

    Raises:
        NoResultError: there is none.
    """
    s3, end = cloud.client("s3"), f"/{job_id}/{RESULT_FILE}"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=models_bucket, Prefix="training/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    for key in (key for key in keys if key.endswith(end)):
        body = s3.get_object(Bucket=models_bucket, Key=key)["Body"].read()
        gate = TrainingResult.model_validate_json(body).gate
        if gate is not None:
            return gate
    message = "the training left no gate report"
    raise NoResultError(message)


def rejected_sheet(cloud: Cloud, models_bucket: str) -> Rejected | None:
    """Return what the newest training's gate has rejected; None: nothing came before the gate."""
    s3 = cloud.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=models_bucket, Prefix="training/")
    found = [entry for page in pages for entry in page.get("Contents", ())]
    sheets = [entry for entry in found if entry["Key"].endswith(f"/{SHEET}")]
    if not sheets:
        return None
    key = max(sheets, key=lambda entry: entry["LastModified"])["Key"]
    bodies = [
        s3.get_object(Bucket=models_bucket, Key=name)["Body"].read()
        for name in (key.removesuffix(SHEET) + REPORT, key)
    ]
    return Rejected(GateReport.model_validate_json(bodies[0]), bodies[1])


def lines_of(report: GateReport) -> list[str]:
    """Return what was measured, a line each; a base without a judge has only the effect.

    >>> lines_of(GateReport(passed=True, effect=0.1, identity=0.9, identity_base=-0.04))
    ['  likeness          -0.04 before, 0.90 after']
    """
    lines = []
    if report.identity is not None and report.identity_base is not None:
        words = f"{report.identity_base:.2f} before, {report.identity:.2f} after"
        if report.identity_photos is not None:
            words += f" (photos of one another: {report.identity_photos:.2f})"
        lines.append(f"  likeness          {words}")
    if report.prompt_following is not None:
        lines.append(f"  prompts followed  {report.prompt_following:.0%} of what they name")
    if report.class_drift is not None:
        lines.append(f"  class drift       {report.class_drift:.0%} of other people lost")
    if report.candidates:
        others = ", ".join(str(candidate.step) for candidate in report.candidates[1:])
        lines.append(f"  step taken        {report.candidates[0].step} (not {others})")
    return lines or [f"  effect            {report.effect:.3f}"]
