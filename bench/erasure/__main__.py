"""Erases people on the laptop's AWS, with crashes, and looks for what is left of them.

Usage: python -m bench.erasure [--points 30] [--photos 200] [--models 20] [--no-states] [--port N]
Five parts on one stack. `time`: a tenant of 200 photos and 20 models goes through the deployed
erase_subject. `crashes`: the stages run with a crash at 30 of their calls to AWS, before or after
the effect, and again to their end. `second`: the same request again. `without files`: a tenant that
has only rows of the API. `states`: uploads with a
stub trainer are erased while they are in each state. After each part every version of every object,
every row, every message and every folder of the laptop is searched for canaries and content hashes.
Prints the table, writes reports/erase-test.json and exits with 1 when a target is missed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3

from bench.erasure.crashes import Calls, run_stages
from bench.erasure.scan import every_text, traces
from bench.erasure.seeds import HUB, Person, Places, api_rows, seed
from bench.report import Figure, finish
from bench.workflow.__main__ import STUB_IMAGE, images
from contracts.documents.erasure import ErasureSubject, SignedReceipt
from contracts.documents.record import Stage
from contracts.shared import layout
from likeness_client.erase import erase, is_signed_by, wait_for_receipt
from local import deployment, sagemaker
from local.cloud import paths
from local.cloud.server import Cloud, serve
from local.demo.upload import TENANT, consent, put_base, put_files
from local.embedded_base import PORTRAITS
from local.portraits import album, upload_bytes

MAX_SECONDS = 300
NEIGHBOUR = "f" * 32
STATES: tuple[Stage, ...] = (
    *("AcceptRequest", "InspectPhotos", "TrainAdapter"),
    *("PublishAdapter", "WarmModel", "NotifyOwner"),
)
FUNCTION = "likeness-request-erasure"


def main() -> int:
    """Run all parts on a new stack."""
    options = parse_options()
    deployment.build()
    sagemaker.configure(sagemaker.Settings(images=images()))
    with serve(options.port) as cloud:
        os.environ |= cloud.environment()
        put_base(cloud, PORTRAITS)
        cloud.client("s3").create_bucket(Bucket=HUB)
        image = {"TrainingImageUri": f"{STUB_IMAGE}:1", "HubBucket": HUB}
        outputs = deployment.deploy(cloud, **image)
        places = Places.of(outputs)
        os.environ |= environment(cloud)
        folders = [paths.STATE / "sagemaker" / str(cloud.port)]
        figures = [
            *timed(places, folders, outputs["ReceiptKeyArn"], options),
            *crashed(places, folders, options.points),
            *without_files(places),
            *([] if options.no_states else in_states(cloud, outputs)),
        ]
    return finish("erase-test", figures)


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--no-states", action="store_true")
    parser.add_argument("--port", type=int, default=None)
    return parser.parse_args()


def environment(cloud: Cloud) -> dict[str, str]:
    """Return the variables of the three stages, for stages that run in this process."""
    found: dict[str, str] = {}
    for stage in ("stop-work", "erase-stores", "sign-receipt"):
        answer = cloud.client("lambda").get_function_configuration(FunctionName=f"likeness-{stage}")
        found |= answer["Environment"]["Variables"]
    return found


def timed(
    places: Places, folders: list[Path], key: str, options: argparse.Namespace
) -> list[Figure]:
    """Erase a large tenant through the deployed machine, and once more."""
    person = Person("large-tenant", options.photos, options.models)
    seed(person, places, NEIGHBOUR)
    before = len(traces(person, places, folders))
    began = time.monotonic()
    subject = ErasureSubject(tenant=person.tenant)
    answer = erase(subject, FUNCTION)
    body = wait_for_receipt(answer.receipt_uri or "", patience_seconds=2 * MAX_SECONDS)
    seconds = time.monotonic() - began
    again = erase(subject, FUNCTION)
    repeated = wait_for_receipt(again.receipt_uri or "")
    receipt = SignedReceipt.model_validate_json(body)
    return [
        Figure("traces before", before, "places", 3 * options.photos),
        Figure("200 photos and 20 models", seconds, "s", MAX_SECONDS, "less"),
        Figure("traces after", len(shown(traces(person, places, folders))), "", 0, "less"),
        Figure("signed by the stack", is_signed_by(receipt, key), "", 1),
        Figure("second is a no-op", again.outcome == "erased" and repeated == body, "", 1),
    ]


def crashed(places: Places, folders: list[Path], points: int) -> list[Figure]:
    """Erase small tenants, each with a crash at another call."""
    calls = Calls()
    whole = Person("crash-none", 4, 2)
    seed(whole, places, NEIGHBOUR)
    calls.arm(None)
    run_stages(ErasureSubject(tenant=whole.tenant))
    total, left = calls.count, 0
    for number in range(points):
        person = Person(f"crash-{number}", 4, 2)
        calls.arm(None)
        seed(person, places, NEIGHBOUR)
        calls.arm(1 + number * total // points, after=number % 2 == 1)
        run_stages(ErasureSubject(tenant=person.tenant))
        calls.arm(None)
        left += len(shown(traces(person, places, folders)))
    return [
        Figure("calls of one erasure", total, "calls"),
        Figure("crash points", points, "", 30),
        Figure("traces after crashes", left, "", 0, "less"),
        Figure("neighbour's results kept", neighbours(places), "", points + 2),
    ]


def without_files(places: Places) -> list[Figure]:
    """Erase a tenant that has rows of the API and no file, through the deployed machine."""
    person = Person("tenant-without-files", 0, 1)
    table = boto3.resource("dynamodb").Table(places.api_table)
    for row in api_rows(person, "2026-11-28T12:00:00+00:00"):
        table.put_item(Item=row)
    before = len(traces(person, places, []))
    answer = erase(ErasureSubject(tenant=person.tenant), FUNCTION)
    wait_for_receipt(answer.receipt_uri or "")
    return [
        Figure("traces of a tenant without files before", before, "rows", 9),
        Figure("traces of it after", len(shown(traces(person, places, []))), "", 0, "less"),
    ]


def neighbours(places: Places) -> int:
    """Return in how many shared plans the neighbour's part is whole."""
    texts = every_text(places, [])
    kept = [place for place, text in texts if NEIGHBOUR in place and text == "a neighbour"]
    return len(set(kept))


def in_states(cloud: Cloud, outputs: dict[str, str]) -> list[Figure]:
    """Erase an upload in each state of the workflow."""
    return [in_state(state, cloud, outputs) for state in STATES]


def in_state(state: Stage, cloud: Cloud, outputs: dict[str, str]) -> Figure:
    """Erase an upload once its job is in the state; it must end without a trace."""
    upload = f"in-{state}"
    photos = album(100 + STATES.index(state), 6, size=128)
    files = {f"photo-{n}.jpg": upload_bytes(photo.image) for n, photo in enumerate(photos)}
    prompts = {"instance_prompt": "a photo of a sks person", "class_prompt": "a photo of a person"}
    request = {**prompts, "consent": consent()}
    put_files(cloud, outputs["UploadsBucketName"], upload, files, request)
    table = boto3.resource("dynamodb").Table(outputs["JobsTableName"])
    wait_until(lambda: has_reached(table, upload, state))
    job_id = job_of(table, upload)
    answer = erase(ErasureSubject(tenant=TENANT, upload=upload), FUNCTION)
    wait_for_receipt(answer.receipt_uri or "")
    names = [f"/{upload}", *([job_id] if job_id else [])]
    left = [
        place
        for place, text in every_text(Places.of(outputs), [])
        if any(name in f"{place} {text}" for name in names) and not is_evidence(text)
    ]
    return Figure(f"traces after erasing in {state}", len(shown(left)), "", 0, "less")


def has_reached(table: object, upload: str, state: Stage) -> bool:
    """Return whether the job has come to the state, or the upload is being accepted."""
    stages = list(stages_of(table, upload))
    order = [*STATES]
    return any(order.index(stage) >= order.index(state) for stage in stages if stage in order)


def job_of(table: object, upload: str) -> str | None:
    """Return the upload's job; None while it is being accepted."""
    key = layout.rows.upload_row(f"{TENANT}/{upload}")
    row = table.get_item(Key={"job_id": key}).get("Item") or {}  # type: ignore[attr-defined]
    return row.get("points_to")


def is_evidence(text: str) -> bool:
    """Return whether a row is the record of a consent, which stays as proof."""
    return f'"row": {{"S": "{layout.rows.CONSENT_ROWS}' in text


def stages_of(table: object, upload: str) -> Iterator[Stage]:
    """Yield the present stage of the upload's job; being accepted counts as AcceptRequest."""
    row = table.get_item(Key={"job_id": layout.rows.upload_row(f"{TENANT}/{upload}")}).get("Item")  # type: ignore[attr-defined]
    if row is not None:
        yield "AcceptRequest"
    if row is not None and "points_to" in row:
        yield table.get_item(Key={"job_id": row["points_to"]})["Item"]["stage"]  # type: ignore[attr-defined]


def wait_until(true: Callable[[], bool], seconds: float = 900) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def shown(found: list[str]) -> list[str]:
    """Print what is left, and return it."""
    for place in found[:10]:
        print(f"  left: {place}")
    return found


if __name__ == "__main__":
    sys.exit(main())
