"""Runs many uploads at once through the whole workflow: template.yaml on the laptop's AWS.

Usage: python -m bench.workflow [--only stub|real] [--stub N] [--real N]
Two parts run on fresh stacks, from the S3 puts to the messages on the topic. `stub` has 200 uploads
and uses bench/workflow/stub_trainer.py instead of the trainer: a process under SageMaker's contract
that writes small valid adapters at once. `real` has 20 uploads and trains a few steps for each, so
the base's gate floors are removed. Everything else is the stack's: the Lambda functions, the
launcher with its two instances, publishing, and a first picture of every model from tritonserver,
which keeps 40 models in memory. Prints the table and writes reports/bench-workflow.json; exits 1
when a target is missed.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.report import Figure, finish
from bench.workflow import load
from contracts.base import BaseCard, GateFloors
from contracts.shared.layout.bases import BASE_FILE, card_key
from local import deployment, sagemaker
from local.cloud import paths
from local.cloud.server import Cloud, serve
from local.demo.subscriber import Subscriber
from local.demo.upload import BASES_BUCKET, consent, put_base
from local.embedded_base import PORTRAITS
from local.sagemaker.container.images import Images, product_images, python_program

STUB_IMAGE = "likeness-stub-trainer"
STUB = Path(__file__).with_name("stub_trainer.py")
MAX_TRANSITIONS, MAX_EVENTS = 10, 80
MIN_SHARED = 2
PROMPTS = {
    "instance_prompt": "a photo of a sks person",
    "class_prompt": "a photo of a person",
    "consent": consent(),
}


@dataclass(frozen=True)
class Part:
    """One part: the uploads and the trainer."""

    name: str
    uploads: int
    minutes: float
    """Time limit; an upload without a message by then counts as lost."""
    request: Mapping[str, Any]
    parameters: Mapping[str, str]
    floors: GateFloors | None
    """Floors that replace the base's; None keeps them."""


STUB_PART = Part(
    name="stub trainer",
    uploads=200,
    minutes=20,
    request=PROMPTS,
    parameters={"TrainingImageUri": f"{STUB_IMAGE}:1"},
    floors=None,
)
REAL_PART = Part(
    name="real trainer",
    uploads=20,
    minutes=30,
    request=PROMPTS | {"max_train_steps": 4, "num_class_images": 4},
    parameters={},
    floors=GateFloors(min_effect=0.0),
)


def images() -> Images:
    """Return the laptop's images and the stub trainer's."""
    return {**product_images(), STUB_IMAGE: python_program(STUB)}


def run(part: Part, seed: int) -> list[Figure]:
    """Run one part on a new stack."""
    print(f"{part.uploads} uploads at once, {part.name}", flush=True)
    with ExitStack() as stack:
        cloud = stack.enter_context(serve(log_file=paths.LOGS / "cloud-bench-workflow.log"))
        put_base(cloud)
        if part.floors is not None:
            set_floors(cloud, part.floors)
        outputs = deployment.deploy(cloud, **part.parameters)
        subscriber = Subscriber(cloud, outputs["NoticesTopicArn"])
        uploads = load.Load(cloud, outputs, subscriber)
        uploads.put(part.uploads, part.request, first_person=seed)
        uploads.listen(60 * part.minutes)
        return figures(part, uploads)


def set_floors(cloud: Cloud, floors: GateFloors) -> None:
    """Upload the base's card with other floors, which its hash does not cover."""
    card = BaseCard.model_validate_json((PORTRAITS / BASE_FILE).read_bytes())
    changed = card.model_copy(update={"gate": floors})
    key = card_key(card.base_id)
    body = changed.model_dump_json().encode()
    cloud.client("s3").put_object(Bucket=BASES_BUCKET, Key=key, Body=body)


def figures(part: Part, uploads: load.Load) -> list[Figure]:
    """Return the part's figures."""
    executions, training_jobs = uploads.executions(), uploads.training_jobs()
    of = f"{part.uploads} uploads, {part.name}"
    succeeded = sum(notice["status"] == "succeeded" for notice in uploads.notices)
    succeeded_executions = sum(execution.status == "SUCCEEDED" for execution in executions)
    lost = part.uploads - len(uploads.first_messages)
    again = len(uploads.notices) - len(uploads.first_messages)
    twice = load.trained_twice(training_jobs)
    transitions = max((execution.transitions for execution in executions), default=None)
    events = max((execution.events for execution in executions), default=None)
    shared = max(map(len, training_jobs), default=None)
    waits = uploads.waits()
    return [
        Figure(f"{of}: executions that succeeded", succeeded_executions, "", part.uploads),
        Figure(f"{of}: models ready, with a message to their owners", succeeded, "", part.uploads),
        Figure(f"{of}: uploads without a message", lost, "", 0, "less"),
        Figure(f"{of}: messages beyond one each", again, "", 0, "less"),
        Figure(f"{of}: trained twice", twice, "", 0, "less"),
        Figure(f"{of}: state transitions, the most", transitions, "", MAX_TRANSITIONS, "less"),
        Figure(f"{of}: history events, the most", events, "", MAX_EVENTS, "less"),
        Figure(f"{of}: training jobs", len(training_jobs)),
        Figure(f"{of}: users in one training job, the most", shared, "", MIN_SHARED),
        Figure(f"{of}: from the first request to the last message", uploads.makespan(), "s"),
        Figure(f"{of}: request to message, median", statistics.median(waits or [0]), "s"),
        *(
            Figure(f"{of}: {state}, median", seconds, "s")
            for state, seconds in load.medians(executions).items()
        ),
    ]


def main() -> int:
    """Run the parts and print the table; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description="Run many uploads at once on the laptop's AWS.")
    parser.add_argument("--only", choices=["stub", "real"])
    parser.add_argument("--stub", type=int, default=STUB_PART.uploads, help="uploads")
    parser.add_argument("--real", type=int, default=REAL_PART.uploads, help="uploads")
    options = parser.parse_args()
    sagemaker.configure(sagemaker.Settings(images=images()))
    deployment.build()
    found: list[Figure] = []
    if options.only != "real":
        found += run(replace(STUB_PART, uploads=options.stub), seed=100)
    if options.only != "stub":
        found += run(replace(REAL_PART, uploads=options.real), seed=600)
    return finish("bench-workflow", found)


if __name__ == "__main__":
    sys.exit(main())
