"""A training container that does not train, and refuses every photo whose caption is ``refuse``.

With fewer than MIN_PHOTOS left its result is the trainer's ``too_few_photos``.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.documents.training import AdapterManifest, TrainingResult, TrainingTask

REPOSITORY = Path(__file__).resolve().parents[2]
REFUSED = "refuse"
"""Caption of a photo that is refused."""


def main() -> int:
    sys.path[:0] = [str(REPOSITORY / "functions"), str(REPOSITORY)]
    from bench.workflow import stub_trainer  # noqa: PLC0415 (reads its environment at import)
    from contracts.documents.training import TrainingPlan  # noqa: PLC0415
    from contracts.shared import layout  # noqa: PLC0415

    folder = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "input/data" / layout.container.PLAN_CHANNEL
    plan = TrainingPlan.model_validate_json((folder / layout.container.PLAN_FILE).read_bytes())
    tasks = {task.job_id: task for task in plan.tasks}
    all_used = stub_trainer.result_of

    def result_of(manifest: "AdapterManifest", files: dict[str, bytes]) -> "TrainingResult":
        return refuse(all_used(manifest, files), tasks[manifest.job_id])

    vars(stub_trainer)["result_of"] = result_of
    return stub_trainer.main()


def refuse(result: "TrainingResult", task: "TrainingTask") -> "TrainingResult":
    """Return the result with a verdict on each photo."""
    from contracts.documents.photos import PhotoVerdict  # noqa: PLC0415
    from contracts.documents.training import TrainingFailure  # noqa: PLC0415
    from contracts.shared.limits import MIN_PHOTOS  # noqa: PLC0415

    photos = tuple(
        PhotoVerdict(index=photo.index, verdict="refused", codes=("no_face",))
        if photo.caption == REFUSED
        else PhotoVerdict(index=photo.index, verdict="accepted")
        for photo in task.photos
    )
    if sum(photo.verdict == "accepted" for photo in photos) >= MIN_PHOTOS:
        return result.model_copy(update={"photos": photos})
    failure = TrainingFailure(code="too_few_photos", message="too few usable photos are left")
    nothing: dict[str, object] = {"adapter": None, "files": {}, "gate": None}
    failed: dict[str, object] = {"status": "failed", "failure": failure, "photos": photos}
    return result.model_copy(update=nothing | failed)


if __name__ == "__main__":
    sys.exit(main())
