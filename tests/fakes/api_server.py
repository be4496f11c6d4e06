"""The HTTP API's real routes for clients to speak to, over stores in memory; nothing is deployed.

Trainings and drawings go on whenever a route waits. Files are sent and fetched below /s3/.

Usage: PYTHONPATH=functions:. python -m tests.fakes.api_server
It prints its address, a key and a model's id as JSON, and serves until its input is closed.
"""

import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

from PIL import Image

from bench.api.gateway import Gateway, serving
from contracts.documents.api.callers import Mode, Scope
from contracts.documents.model import ModelRecord
from contracts.documents.record import JobKind, JobRecord
from contracts.documents.status import UploadRow
from contracts.documents.training import GateReport, TrainingResult
from contracts.shared import layout
from domain.callers.keys import make_key
from domain.pictures.drawing import DrawingServices, draw
from domain.ports.front_door import Form
from domain.ports.storage import write_document
from http_api.services import Limits
from tests.fakes.endpoint_invoker import MemoryEndpointInvoker
from tests.fakes.endpoint_lifecycle import MemoryEndpointLifecycle
from tests.unit.runtime.api_kit import ALL, services

TENANT = "acme"
STEPS = (("processing", "InspectPhotos", 5), ("processing", "TrainAdapter", 40))
"""What a training goes through before it has succeeded."""


class MemoryClock:
    """Stands still, except where somebody waits."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class HttpSigner:
    """Makes forms and links that lead to this server."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.address = "http://127.0.0.1"

    def form(self, key: str, size: int, content_type: str, seconds: int) -> Form:  # noqa: ARG002
        fields = {"key": key, "Content-Type": content_type, "x-size": f"{size}"}
        return Form(f"{self.address}/s3/{self.bucket}", fields)

    def link(self, key: str, name: str, seconds: int) -> str:  # noqa: ARG002
        return f"{self.address}/s3/{self.bucket}/{quote(key)}"


class Known(NamedTuple):
    """What a client needs to begin."""

    address: str
    key: str


class ApiServer(Gateway):
    """A tenant's API. ``faults`` are statuses with which the next requests are answered."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = MemoryClock()
        self.signers = {name: HttpSigner(name) for name in ("uploads", "documents")}
        made = services(limits)
        super().__init__(
            replace(
                made,
                forms=self.signers["uploads"],
                links=self.signers["documents"],
                now=self.clock,
                sleep=self.wait,
            )
        )
        self.endpoint = MemoryEndpointInvoker()
        self.faults: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of every request, the refused ones too."""
        self.lost = 0
        """How many answers are still to be lost after the work was done."""

    def key(self, *scopes: Scope, mode: Mode = "live") -> str:
        """Return a new API key of the tenant."""
        made = make_key(TENANT, "client", scopes or ALL, self.clock(), mode=mode)
        self.stores.keys.add(made.stored)
        return made.token

    def wait(self, seconds: float) -> None:
        """Let some time pass: trainings make a step, and orders are drawn."""
        self.clock.now += timedelta(seconds=max(seconds, 0.5))
        self._train()
        messages = self.stores.pictures.queue.messages  # type: ignore[attr-defined]
        if messages:
            draw(self._drawing(), messages.pop(0).task)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        headers = {name: str(value) for name, value in environ.items() if name.startswith("HTTP_")}
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], headers))
        if self.faults:
            status, more = self.faults.pop(0)
            return _plain(start, status, b'{"message": "a fault"}', more)
        if environ["PATH_INFO"].startswith("/s3/"):
            return self._s3(environ, start)
        if self.lost:
            self.lost -= 1
            super().__call__(environ, lambda _status, _headers, _trace=None: list[bytes]().append)
            return _plain(start, 503, b"", {})
        return super().__call__(environ, start)

    def _s3(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Take a file of a form, or give one for a link."""
        _, _, bucket, *rest = environ["PATH_INFO"].split("/")
        store = self.stores.uploads if bucket == "uploads" else self.stores.documents
        if environ["REQUEST_METHOD"] == "GET":
            found = store.objects.get("/".join(rest))  # type: ignore[attr-defined]
            return _plain(start, 404 if found is None else 200, found or b"", {})
        parts = _parts(environ)
        if len(parts["file"]) != int(parts["x-size"]):
            return _plain(start, 400, b"<Code>EntityTooLarge</Code>", {})
        store.write(parts["key"].decode(), parts["file"])
        return _plain(start, 204, b"", {})

    def _train(self) -> None:
        """Accept new requests, and move every training on by one step."""
        jobs = self.stores.jobs
        for key in list(self.stores.uploads.objects):  # type: ignore[attr-defined]
            _, tenant, _, upload, *name = key.split("/")
            place = f"{tenant}/{upload}"
            if name == [layout.uploads.REQUEST_FILE] and jobs.of_upload(place).points_to is None:
                imports = "adapter_file" in json.loads(self.stores.uploads.read(key, 99_999))
                made = self._job(tenant, upload, "import" if imports else "training")
                jobs.records[made.job_id] = made  # type: ignore[attr-defined]
                row = UploadRow(points_to=made.job_id)
                jobs.uploads[place] = row  # type: ignore[attr-defined]
                return
        for record in list(jobs.records.values()):  # type: ignore[attr-defined]
            if record.status in {"starting", "processing"}:
                jobs.records[record.job_id] = self._moved(record)  # type: ignore[attr-defined]

    def _job(self, tenant: str, upload: str, kind: JobKind = "training") -> JobRecord:
        now = self.clock().isoformat()
        return JobRecord(
            job_id=sha256(f"{tenant}/{upload}".encode()).hexdigest()[:32], tenant=tenant,
            upload=upload, base_id="base", execution_arn="arn:1", status="starting", kind=kind,
            stage="AcceptRequest", created_at=now, updated_at=now,
        )  # fmt: skip

    def _moved(self, record: JobRecord) -> JobRecord:
        """Return a job one step later; at its end it has a model with files."""
        changes: dict[str, object] = {"updated_at": self.clock().isoformat()}
        if record.cancel_requested:
            return record.model_copy(update=changes | {"status": "canceled", "code": "canceled"})
        for status, stage, percent in STEPS:
            if record.percent < percent:
                more = {"status": status, "stage": stage, "percent": percent}
                return record.model_copy(update=changes | more)
        self._publish(record)
        more = {"status": "succeeded", "stage": "NotifyOwner", "percent": 100}
        return record.model_copy(update=changes | more | {"plan_id": record.job_id})

    def _publish(self, record: JobRecord) -> None:
        job_id, body = record.job_id, b"weights of " + record.job_id.encode()
        weights = sha256(body).hexdigest()
        key = layout.models.result_key(job_id, job_id)
        file = f"{layout.container.ADAPTER_FOLDER}/{layout.container.DIFFUSERS_FILE}"
        self.stores.documents.write(key.removesuffix(layout.container.RESULT_FILE) + file, body)
        likeness = 0.8 if record.kind == "training" else None
        gate = GateReport(passed=True, effect=0.1, identity=likeness)
        result = TrainingResult(job_id=job_id, status="succeeded", files={file: weights}, gate=gate)
        write_document(self.stores.documents, key, result)
        model = ModelRecord(
            tenant=record.tenant, model_id=job_id, target_model=f"{job_id}-{weights[:12]}.tar.gz",
            weights_sha256=weights, base_id="base", trigger_word="sks", endpoint_name="endpoint",
            created_at=self.clock().isoformat(),
        )  # fmt: skip
        self.stores.models.record(model)
        self.endpoint.deploy(model.target_model, weights)

    def _drawing(self) -> DrawingServices:
        orders = self.stores.pictures
        return DrawingServices(
            orders.pictures, orders.queue, self.stores.uploads, self.stores.models, self.endpoint,
            MemoryEndpointLifecycle(), self.clock, self.stores.aliases,
        )  # fmt: skip


def _plain(start: StartResponse, status: int, body: bytes, headers: dict[str, str]) -> list[bytes]:
    """Answer as S3 or API Gateway does, without a code."""
    named = {"Content-Length": f"{len(body)}", **headers}
    start(f"{status} {HTTPStatus(status).phrase}", list(named.items()))
    return [body]


def _parts(environ: WSGIEnvironment) -> dict[str, bytes]:
    """Return the fields of a form, the file among them."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    head = f"Content-Type: {environ['CONTENT_TYPE']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + body)
    found = {}
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        found[str(name)] = bytes(part.get_payload(decode=True))  # type: ignore[union-attr]
    return found


def photos(count: int) -> dict[str, bytes]:
    """Return small photos as files."""
    found = {}
    for number in range(count):
        body = io.BytesIO()
        Image.new("RGB", (64, 64), (number * 20 % 256, 90, 120)).save(body, "JPEG")
        found[f"me-{number}.jpg"] = body.getvalue()
    return found


@contextmanager
def serve(server: ApiServer) -> Iterator[Known]:
    """Serve on a free port of the loopback interface."""
    with serving(server) as address:
        for signer in server.signers.values():
            signer.address = address
        yield Known(address, server.key())


def main() -> None:
    """Serve until the input is closed."""
    server = ApiServer()
    with serve(server) as known:
        print(json.dumps(known._asdict()), flush=True)  # noqa: T201 - for the process that began it
        sys.stdin.read()


if __name__ == "__main__":
    main()
