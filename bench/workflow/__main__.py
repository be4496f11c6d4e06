"""Many uploads at once through the whole workflow: template.yaml on the laptop's AWS.

Usage: python -m bench.workflow [--only stub|real] [--stub N] [--real N]
Two parts, each on a fresh stack, from the S3 puts to the messages on the topic. `stub`: 200
uploads, and bench/workflow/stub_trainer.py in place of the trainer: a process under SageMaker's
contract that writes small real adapters at once. `real`: 20 uploads with the real trainer, for a
few steps each, so the base's gate floors are taken away. Everything else is the stack's own: the
Lambdas, the launcher and its two instances, publishing, and a first picture of every model from
tritonserver, which keeps 40 of them in memory as the laptop's endpoint always does. Prints the
table and writes reports/bench-workflow.json; exits 1 when a target is missed.
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
from bench.workflow import load as crowds
from contracts.base import BaseCard, GateFloors
from contracts.shared.layout import BASE_FILE, base_prefix
from local import deployment, sagemaker
from local.cloud import paths
from local.cloud.server import Cloud, serve
from local.demo.subscriber import Subscriber
from local.demo.upload import BASES_BUCKET, put_base
from local.embedded_base import PORTRAITS
from local.sagemaker.container.images import Images, product_images, python_program

STUB_IMAGE = "likeness-stub-trainer"
STUB = Path(__file__).with_name("stub_trainer.py")
MOST_TRANSITIONS, MOST_EVENTS = 10, 80
SEVERAL = 2
PROMPTS = {"instance_prompt": "a photo of a sks person", "class_prompt": "a photo of a person"}


@dataclass(frozen=True)
class Part:
    """What is uploaded, and who trains."""

    name: str
    uploads: int
    minutes: float
    """After which what has no message is lost."""
    request: Mapping[str, Any]
    parameters: Mapping[str, str]
    floors: GateFloors | None
    """In place of the base's own."""


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
    """Return the laptop's images, and the stub's beside them."""
    return {**product_images(), STUB_IMAGE: python_program(STUB)}


def run(part: Part, seed: int) -> list[Figure]:
    """Do one part on a stack of its own."""
    print(f"{part.uploads} uploads at once, {part.name}", flush=True)
    with ExitStack() as stack:
        cloud = stack.enter_context(serve(log_file=paths.LOGS / "cloud-bench-workflow.log"))
        put_base(cloud)
        if part.floors is not None:
            set_floors(cloud, part.floors)
        outputs = deployment.deploy(cloud, **part.parameters)
        subscriber = Subscriber(cloud, outputs["NoticesTopicArn"])
        crowd = crowds.Crowd(cloud, outputs, subscriber)
        crowd.put(part.uploads, part.request, first_person=seed)
        crowd.listen(60 * part.minutes)
        return figures(part, crowd)


def set_floors(cloud: Cloud, floors: GateFloors) -> None:
    """Put the base's card with other floors; its hash is of the model's files alone."""
    card = BaseCard.model_validate_json((PORTRAITS / BASE_FILE).read_bytes())
    changed = card.model_copy(update={"gate": floors})
    key = base_prefix(card.base_id) + BASE_FILE
    body = changed.model_dump_json().encode()
    cloud.client("s3").put_object(Bucket=BASES_BUCKET, Key=key, Body=body)


def figures(part: Part, crowd: crowds.Crowd) -> list[Figure]:
    """Return what the part came to."""
    walks, training_jobs = crowd.walks(), crowd.training_jobs()
    of = f"{part.uploads} uploads, {part.name}"
    succeeded = sum(notice["status"] == "succeeded" for notice in crowd.notices)
    green = sum(walk.status == "SUCCEEDED" for walk in walks)
    lost = part.uploads - len(crowd.told)
    again = len(crowd.notices) - len(crowd.told)
    twice = crowds.trained_twice(training_jobs)
    transitions = max((walk.transitions for walk in walks), default=None)
    events = max((walk.events for walk in walks), default=None)
    shared = max(map(len, training_jobs), default=None)
    waits = crowd.waits()
    return [
        Figure(f"{of}: executions that succeeded", green, "", part.uploads),
        Figure(f"{of}: models ready, told to their owners", succeeded, "", part.uploads),
        Figure(f"{of}: uploads without a message", lost, "", 0, "less"),
        Figure(f"{of}: messages beyond one each", again, "", 0, "less"),
        Figure(f"{of}: trained twice", twice, "", 0, "less"),
        Figure(f"{of}: state transitions, the most", transitions, "", MOST_TRANSITIONS, "less"),
        Figure(f"{of}: history events, the most", events, "", MOST_EVENTS, "less"),
        Figure(f"{of}: training jobs", len(training_jobs)),
        Figure(f"{of}: users in one training job, the most", shared, "", SEVERAL),
        Figure(f"{of}: from the first request to the last message", crowd.makespan(), "s"),
        Figure(f"{of}: request to message, median", statistics.median(waits or [0]), "s"),
        *(
            Figure(f"{of}: {state}, median", seconds, "s")
            for state, seconds in crowds.medians(walks).items()
        ),
    ]


def main() -> int:
    """Print the table; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description="Many uploads at once, on the laptop's AWS.")
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
