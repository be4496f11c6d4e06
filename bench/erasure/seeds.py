"""Tenants with a canary in everything that a person could have left behind."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from aws.api.people import CognitoPeople
from contracts.documents.export import ExportSubject
from contracts.documents.package import TargetModel
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from contracts.shared.names import build_training_job_name
from contracts.shared.pictures.picture_places import tenant_hash
from domain.exporting.asking import new_row

EXECUTIONS = "arn:aws:states:us-east-1:000000000000:execution:likeness-train-adapter:"
"""How ARNs of the workflow begin; Step Functions does not know those of seeded jobs any more."""


HUB = "the-operators-hub"
"""Name of the hub's bucket."""

SEEDED_AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Places:
    """The stores of a deployed stack, by the outputs of its template."""

    uploads: str
    models: str
    jobs_table: str
    models_table: str
    api_table: str
    queue_url: str
    hub: str
    pool_id: str

    @classmethod
    def of(cls, outputs: dict[str, str]) -> "Places":
        """Return the stores of a stack."""
        return cls(
            outputs["UploadsBucketName"],
            outputs["ModelsBucketName"],
            outputs["JobsTableName"],
            outputs["ModelsTableName"],
            outputs["ApiTableName"],
            outputs["DeadLetterQueueUrl"],
            HUB,
            outputs["UserPoolId"],
        )


@dataclass(frozen=True)
class Person:
    """A tenant whose every byte has a canary in it."""

    tenant: str
    photos: int
    models: int

    @property
    def canary(self) -> str:
        """A word that stands nowhere else."""
        return "canary-" + hashlib.sha256(self.tenant.encode()).hexdigest()[:20]

    @property
    def job_ids(self) -> list[str]:
        """The jobs of the tenant, one for each model."""
        numbers = (f"{self.tenant}/{number}" for number in range(self.models))
        return [hashlib.sha256(number.encode()).hexdigest()[:32] for number in numbers]

    @property
    def plan_id(self) -> str:
        """A plan that trains the first model together with a neighbour's."""
        return hashlib.sha256(f"plan of {self.tenant}".encode()).hexdigest()[:32]

    @property
    def export_id(self) -> str:
        """An export whose archive holds everything once more."""
        return f"exp_{hashlib.sha256(self.tenant.encode()).hexdigest()[:24]}"

    def body(self, number: int) -> bytes:
        """Return the bytes of photo ``number``."""
        return f"{self.canary} photo {number}".encode() * 40

    def target_model(self, job_id: str) -> TargetModel:
        """Return the name of a model's package."""
        return f"{job_id}-{hashlib.sha256(job_id.encode()).hexdigest()[:12]}.tar.gz"


def seed(person: Person, places: Places, neighbour: str) -> None:
    """Put into every store what the workflow leaves behind for a person.

    Args:
        person: the tenant.
        places: the stack's stores.
        neighbour: a job of another tenant, which shares a training with the person's first one.
    """
    s3 = boto3.client("s3")
    for bucket, key, body in objects(person, places, neighbour):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    photo = f"{layout.uploads.upload_prefix(person.tenant, 'u0')}photo-0.jpg"
    s3.put_object(Bucket=places.uploads, Key=photo, Body=person.body(0) + b" older")
    s3.put_object(Bucket=places.uploads, Key=photo, Body=person.body(0))
    s3.delete_object(
        Bucket=places.uploads, Key=f"{layout.uploads.tenant_prefix(person.tenant)}gone.jpg"
    )
    half = s3.create_multipart_upload(Bucket=places.uploads, Key=f"{photo}.half")
    s3.upload_part(
        Bucket=places.uploads, Key=f"{photo}.half", PartNumber=1,
        UploadId=half["UploadId"], Body=person.body(1),
    )  # fmt: skip
    dynamodb = boto3.resource("dynamodb")
    for table, row in rows(person, places):
        dynamodb.Table(table).put_item(Item=row)
    people = CognitoPeople(places.pool_id, boto3.client("cognito-idp"))
    people.invite(person.tenant, f"{person.canary}@example.org", "owner")
    event = {
        "detail": {
            "object": {"key": f"{layout.uploads.upload_prefix(person.tenant, 'u0')}request.json"}
        }
    }
    boto3.client("sqs").send_message(QueueUrl=places.queue_url, MessageBody=json.dumps(event))


def objects(person: Person, places: Places, neighbour: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield bucket, key and body of every object."""
    text = f"{person.canary} text".encode()
    for number in range(person.photos):
        upload = f"u{number % person.models}"
        prefix = layout.uploads.upload_prefix(person.tenant, upload)
        yield places.uploads, f"{prefix}photo-{number}.jpg", person.body(number)
        unpacked = layout.uploads.unpacked_prefix(person.tenant, upload)
        yield places.uploads, f"{unpacked}{number:03d}.jpg", person.body(number)
        job_id = person.job_ids[number % person.models]
        accepted = layout.uploads.accepted_prefix(job_id) + layout.uploads.accepted_photo_file(
            number
        )
        yield places.uploads, accepted, person.body(number)
    yield places.models, layout.models.problems_key(person.tenant, "u0"), text
    yield places.uploads, layout.uploads.export_key(person.tenant, person.export_id), person.body(3)
    drawn = layout.uploads.pictures_prefix(person.tenant, "a1")
    yield places.uploads, drawn + layout.uploads.picture_file(0, "png"), person.body(2)
    large = layout.uploads.answer_prefix(tenant_hash(person.tenant), person.job_ids[:1], "0" * 32)
    yield places.uploads, f"{large}000.png", person.body(2)
    for job_id in person.job_ids:
        yield places.hub, f"{layout.hub.hub_prefix(person.tenant, job_id)}README.md", text
    for job_id in person.job_ids:
        for key in keys_of_job(job_id, person):
            yield places.models, key, text
    yield from shared_plan(person, places, neighbour)


def keys_of_job(job_id: str, person: Person) -> Iterator[str]:
    """Yield the keys of one training in the models bucket."""
    yield layout.models.accepted_upload_key(job_id)
    yield layout.models.photo_report_key(job_id)
    yield layout.models.plan_key(job_id)
    yield layout.models.photos_manifest_key(job_id)
    yield layout.models.states_manifest_key(job_id)
    yield layout.models.result_key(job_id, job_id)
    yield f"{layout.models.checkpoints_prefix(job_id)}{job_id}/state/step-1/lora.safetensors"
    yield f"{layout.models.checkpoints_prefix(job_id)}{job_id}/adapter/samples.png"
    yield f"{layout.models.tensorboard_prefix(job_id)}{job_id}/events"
    yield f"{layout.models.training_output_prefix(job_id)}job/output/model.tar.gz"
    yield layout.models.staging_key(job_id)
    yield f"{layout.models.ENDPOINT_PREFIX}{person.target_model(job_id)}"


def shared_plan(person: Person, places: Places, neighbour: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield a plan with the person's first job and a neighbour's."""
    jobs = (person.job_ids[0], neighbour)
    tasks = [
        task(job_id, f"{person.canary if job_id != neighbour else 'a'} person") for job_id in jobs
    ]
    plan = TrainingPlan.model_validate(
        {"plan_id": person.plan_id, "base_sha256": "0" * 64, "tasks": tasks}
    )  # one that cannot be read is left as it is
    yield places.models, layout.models.plan_key(person.plan_id), plan.model_dump_json().encode()
    manifest = [{"prefix": "s3://x/accepted/"}, *(f"{job_id}/000.png" for job_id in jobs)]
    manifest_key = layout.models.photos_manifest_key(person.plan_id)
    yield places.models, manifest_key, json.dumps(manifest).encode()
    states = [f"{job_id}/checkpoints/{job_id}/state/step-1.safetensors" for job_id in jobs]
    body = json.dumps([{"prefix": "s3://x/training/"}, *states]).encode()
    yield places.models, layout.models.states_manifest_key(person.plan_id), body
    for job_id, words in zip(jobs, (person.canary, "a neighbour"), strict=True):
        yield places.models, layout.models.result_key(person.plan_id, job_id), words.encode()


def task(job_id: str, prompt: str) -> dict[str, Any]:
    """Return one task of a plan."""
    request = {"instance_prompt": f"a photo of sks {prompt}", "class_prompt": "a photo of a person"}
    photo = {"file": f"{job_id}/000.png", "sha256": "0" * 64, "index": 0}
    return {"job_id": job_id, "request": request, "photos": [photo]}


def rows(person: Person, places: Places) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield table and row of everything that the tables have about the person."""
    now = "2026-11-28T12:00:00+00:00"
    exported = new_row(person.export_id, ExportSubject(tenant=person.tenant), SEEDED_AT)
    yield places.api_table, {
        "row": layout.rows.export_row(exported.export_id), "created_at": now,
        "tenant": layout.rows.exports_index(person.tenant), "document": exported.model_dump_json(),
    }  # fmt: skip
    yield from ((places.api_table, row) for row in api_rows(person, now))
    for number, job_id in enumerate(person.job_ids):
        upload = f"u{number}"
        plan_id = person.plan_id if number == 0 else job_id
        yield places.jobs_table, {
            "job_id": job_id, "tenant": person.tenant, "upload": upload, "base_id": "base",
            "execution_arn": EXECUTIONS + job_id,
            "status": "succeeded", "stage": "NotifyOwner", "created_at": now, "updated_at": now,
            "plan_id": plan_id, "notice_id": f"ready-{job_id}", "attempt": 1,
            "training_job_name": build_training_job_name(plan_id, 1),
        }  # fmt: skip
        about = (
            layout.rows.notice_row(f"ready-{job_id}"),
            layout.rows.cost_row(build_training_job_name(plan_id, 1)),
        )
        for key in (*about, layout.rows.expiry_row(job_id), layout.rows.consent_end_row(job_id)):
            yield places.jobs_table, {"job_id": key, "created_at": now}
        row = layout.rows.upload_row(f"{person.tenant}/{upload}")
        yield places.jobs_table, {"job_id": row, "points_to": job_id}
        yield places.models_table, {
            "tenant": person.tenant, "model_id": job_id, "base_id": "base",
            "target_model": person.target_model(job_id), "weights_sha256": "0" * 64,
            "trigger_word": "sks", "endpoint_name": "e", "created_at": now, "schema_version": 1,
        }  # fmt: skip


def api_rows(person: Person, now: str) -> Iterator[dict[str, Any]]:
    """Yield a row of each kind that the HTTP API keeps for a tenant."""
    tenant, job_id, number = person.tenant, person.job_ids[0], person.canary[-16:]
    own = json.dumps({"tenant": tenant, "model_id": job_id, "words": person.canary})
    keyed = {
        layout.rows.webhook_row(f"wh_{number}"): layout.rows.webhooks_index(tenant),
        layout.rows.delivery_row(f"wh_{number}", "m"): layout.rows.deliveries_index(f"wh_{number}"),
        layout.rows.picture_row(f"pic_{number}"): layout.rows.pictures_index(tenant),
        layout.rows.alias_row(tenant, "me"): layout.rows.aliases_index(tenant),
        layout.rows.version_row(tenant, "me", job_id): layout.rows.versions_index(tenant),
    }
    for row, index in keyed.items():
        yield {"row": row, "tenant": index, "created_at": now, "document": own}
    key = {"tenant": tenant, "created_at": now, "name": person.canary}
    yield {"row": layout.rows.api_key_row(number), **key}
    yield {"row": layout.rows.approval_row(tenant, job_id), "by": person.canary}
    yield {"row": layout.rows.idempotency_row(tenant, "0" * 64), "answer": own}
    yield {"row": f"rate#requests#{tenant}#1", "count": 1}
