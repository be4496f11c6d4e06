"""A training container that learns nothing: checks what it was given, and commits each task."""

import hashlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(os.environ["SAGEMAKER_BASE_DIR"])
DIVERGES = 0.1
"""A rate at which nothing is learnt; a larger rank gives more likeness."""
PLAN = json.loads((ROOT / "input/data/plan/plan.json").read_text())


def main() -> int:
    for task in tasks_of_this_host():
        folder = ROOT / "checkpoints" / str(task["job_id"])
        folder.mkdir(parents=True, exist_ok=True)
        result = {
            "schema_version": 1,
            "job_id": task["job_id"],
            "training_job_name": os.environ["TRAINING_JOB_NAME"],
            **outcome(task),
        }
        (folder / "result.json").write_text(json.dumps(result))
        sys.stdout.write(f"trained {task['job_id']}\n")
    return 0


def tasks_of_this_host() -> list[dict[str, object]]:
    hosts = json.loads((ROOT / "input/config/resourceconfig.json").read_text())
    tasks: list[dict[str, object]] = PLAN["tasks"]
    if not PLAN["shares"]:
        return tasks
    rank = hosts["hosts"].index(hosts["current_host"])
    first = sum(PLAN["shares"][:rank])
    return tasks[first : first + PLAN["shares"][rank]]


def outcome(task: dict[str, object]) -> dict[str, object]:
    request = task["request"]
    assert isinstance(request, dict)
    if request["learning_rate"] == DIVERGES:
        return {"status": "failed", "failure": {"code": "training_diverged", "message": "x"}}
    if all_photos_are_there(task):
        gate = {"passed": True, "effect": 0.1, "identity": (request["rank"] or 1) / 100}
        return {"status": "succeeded", "gate": gate}
    failure = {"code": "photo_changed", "message": "a photo is not the planned one"}
    return {"status": "failed", "failure": failure}


def all_photos_are_there(task: dict[str, object]) -> bool:
    photos = task["photos"]
    assert isinstance(photos, list)
    return all(
        hashlib.sha256((ROOT / "input/data/photos" / photo["file"]).read_bytes()).hexdigest()
        == photo["sha256"]
        for photo in photos
    )


if __name__ == "__main__":
    sys.exit(main())
