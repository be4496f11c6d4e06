"""A training container that does not train: every user gets a small valid adapter at once.

It checks its photos as the trainer does, and its adapters pass every later check: rank 4 in the
queries of the base's UNet, with random weights that depend on the job's id.
"""

import json
import os
import random
import sys
from array import array
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from contracts.base import BaseCard
from contracts.documents.training import (
    AdapterManifest,
    GateReport,
    TrainingMetrics,
    TrainingPlan,
    TrainingResult,
    TrainingTask,
)
from contracts.shared import layout

ROOT = Path(os.environ["SAGEMAKER_BASE_DIR"])
DATA = ROOT / "input" / "data"
RANK = 4
SPREAD = 0.02
ADAPTED = ".to_q.weight"
UNET_WEIGHTS = "unet/diffusion_pytorch_model*.safetensors"
"""One file, of any variant."""
Shapes = Mapping[str, tuple[int, int]]


def main() -> int:
    """Run every task of the plan, one after another."""
    plan_file, base = (
        DATA / layout.container.PLAN_CHANNEL / layout.container.PLAN_FILE,
        DATA / layout.container.BASE_CHANNEL,
    )
    plan = TrainingPlan.model_validate_json(plan_file.read_bytes())
    card = BaseCard.model_validate_json((base / layout.bases.BASE_FILE).read_bytes())
    (weights,) = base.glob(UNET_WEIGHTS)
    shapes = shapes_of(weights)
    for task in plan.tasks:
        check_photos(task)
        commit(task, card, random_adapter(task.job_id, shapes))
    return 0


def shapes_of(weights: Path) -> Shapes:
    """Return (out, in) of every layer that is adapted, from the file's header."""
    with weights.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {
        name.removesuffix(".weight"): tuple(entry["shape"])
        for name, entry in header.items()
        if name.endswith(ADAPTED)
    }


def check_photos(task: TrainingTask) -> None:
    """Raise ValueError unless every photo has the hash in the plan."""
    for photo in task.photos:
        body = (DATA / layout.container.PHOTOS_CHANNEL / photo.file).read_bytes()
        if sha256(body).hexdigest() != photo.sha256:
            raise ValueError(f"photo {photo.index} is not the planned one")


def random_adapter(job_id: str, shapes: Shapes) -> bytes:
    """Return a diffusers LoRA file; equal job ids give equal bytes."""
    rng = random.Random(job_id)  # noqa: S311 - not a secret
    header: dict[str, object] = {}
    values = array("f")
    for name, shape in halves(shapes):
        count = shape[0] * shape[1]
        start = 4 * len(values)
        values.extend(rng.gauss(0, SPREAD) for _ in range(count))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, start + 4 * count]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + values.tobytes()


def halves(shapes: Shapes) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the names and shapes of each layer's two matrices, as in diffusers' files."""
    for layer, (out, into) in shapes.items():
        yield f"unet.{layer}.lora_A.weight", (RANK, into)
        yield f"unet.{layer}.lora_B.weight", (out, RANK)


def commit(task: TrainingTask, card: BaseCard, weights: bytes) -> None:
    """Write the adapter, and then the result that names its files."""
    folder = ROOT / "checkpoints" / task.job_id
    manifest = AdapterManifest(
        job_id=task.job_id,
        base_id=card.base_id,
        base_revision=card.revision,
        base_sha256=card.sha256,
        family=card.family,
        prediction_type=card.prediction_type,
        rank=RANK,
        lora_alpha=RANK,
        trigger_word=task.request.trigger_word,
        resolution=card.resolution,
        weights_sha256=sha256(weights).hexdigest(),
    )
    adapter = layout.container.ADAPTER_FOLDER
    files = {
        f"{adapter}/{layout.container.DIFFUSERS_FILE}": weights,
        f"{adapter}/{layout.container.MANIFEST_FILE}": manifest.model_dump_json().encode(),
    }
    (folder / adapter).mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    partial = folder / f"{layout.container.RESULT_FILE}.partial"
    partial.write_text(result_of(manifest, files).model_dump_json())
    partial.rename(folder / layout.container.RESULT_FILE)


def result_of(manifest: AdapterManifest, files: Mapping[str, bytes]) -> TrainingResult:
    """Return the trainer's result for an adapter that passed the gate."""
    return TrainingResult(
        job_id=manifest.job_id,
        training_job_name=os.environ["TRAINING_JOB_NAME"],
        status="succeeded",
        adapter=manifest,
        files={name: sha256(body).hexdigest() for name, body in files.items()},
        metrics=TrainingMetrics(steps=0, final_loss=None, train_seconds=0),
        gate=GateReport(passed=True, effect=0),
    )


if __name__ == "__main__":
    sys.exit(main())
