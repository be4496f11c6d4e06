"""Shared by the serving tests: generated adapters, packages as PublishAdapter packs them, and a
server that is called as SageMaker calls it. Needs the serving environment.
"""

import base64
import contextlib
import hashlib
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from contracts.base import BaseCard
from contracts.documents.package import PACKAGE_FOLDER, GenerationInfo, PackageCard
from contracts.documents.training import AdapterManifest
from contracts.shared.ports import free_port
from serving.adapters.reader import file_name
from serving.engine.engine import Engine
from serving.engine.jobs import Job
from serving.engine.memory import MemoryPlan, Needs
from serving.engine.speed import Speed
from serving.generator import Generator, to_image
from serving.picture_error import PictureError
from serving.rows import Row
from tests.smoke import tiny_pipelines

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "functions/contracts/model_package"
SMALL = {"num_inference_steps": 2, "guidance_scale": 4.0, "height": 64, "width": 64, "seed": 5}
JSON = "application/json"
WEIGHTS = "pytorch_lora_weights.safetensors"
PATIENCE_SECONDS = 600
"""Time limit of every wait, which a busy machine does not reach."""

Picture = np.ndarray[Any, Any]
Headers = dict[str, str]


PLENTY = MemoryPlan(Needs(1.0, 1.0, 4, 0), device_bytes=1 << 50, adapter_bytes=0)
"""A plan into which everything fits."""

TOGETHER = Speed(fixed=1e6, per_megapixel=1e-3, decode_per_megapixel=1e-3)
"""A speed at which the largest pass is the best."""


def draw_rows(
    generator: Generator, rows: list[Row], rows_per_pass: int = 8
) -> list[Image.Image | PictureError]:
    """Draw rows, each of a user of its own, without a server and without a thread."""
    speed = Speed(TOGETHER.fixed, TOGETHER.per_megapixel, TOGETHER.decode_per_megapixel)
    engine = Engine(generator, PLENTY, speed, rows_per_pass)
    jobs: list[Job] = []
    for number, row in enumerate(rows):
        chunks = generator.count_chunks(row)
        engine.submit(Job([row], chunks, str(number), jobs.append, float("inf"), 0.0))
    while engine.tick():
        pass
    ended = sorted(jobs, key=lambda job: int(job.user))
    return [job.error or to_image(job.pictures[0]) for job in ended]


def submit(engine: Engine, generator: Generator, number: int, row: Row) -> Job:
    """Submit one row as a request of its own, of one of four users; nobody is told of its end."""
    job = Job(
        [row],
        generator.count_chunks(row),
        f"user{number % 4}",
        lambda _job: None,
        deadline=float("inf"),
        received=0.0,
        request_id=f"request{number}",
    )
    engine.submit(job)
    return job


def draw_all(generator: Generator, rows: list[Row]) -> list[Picture]:
    """Draw rows of which each has a picture."""
    return [np.array(image, np.int16) for image in draw_rows(generator, rows)]


@dataclass(frozen=True)
class User:
    """A TargetModel, and the folder that SageMaker unpacks it to."""

    number: int
    url: Path
    adapter: Path

    @property
    def name(self) -> str:
        """The hash by which SageMaker names the model."""
        return f"hash{self.number}"

    @property
    def target(self) -> str:
        return f"{self.number:032x}-{0:012x}.tar.gz"


def make_base(folder: Path, family: tiny_pipelines.Family, *, refiner: bool = False) -> None:
    """Write an untrained base that draws 64 x 64."""
    if family == "zimage":
        tiny_pipelines.make_base(folder, family)
        return
    make_sdxl, make_sd = tiny_pipelines.make_sdxl, tiny_pipelines.make_sd
    pipeline = make_sdxl() if family == "sdxl" else make_sd(family)
    pipeline.save_pretrained(folder)
    prediction = pipeline.scheduler.config["prediction_type"]
    tiny_pipelines.write_card(folder, family, prediction, resolution=64)
    if refiner:
        tiny_pipelines.add_refiner(folder, pipeline)


def make_adapter(
    folder: Path, base: Path, *, rank: int = 4, seed: int = 1, text_encoders: bool = False
) -> None:
    """Write random weights for every attention layer, with the manifest of a trained one."""
    pipeline = DiffusionPipeline.from_pretrained(base)
    network = "unet" if "unet" in pipeline.components else "transformer"
    encoders = ("text_encoder", "text_encoder_2") if text_encoders else ()
    write_adapter(folder, pipeline, (network, *encoders), rank, seed)
    write_manifest(folder, base, rank)


def write_adapter(
    folder: Path, pipeline: Any, components: tuple[str, ...], rank: int, seed: int
) -> None:
    """Write random weights without a manifest, for a pipeline that is already loaded."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Any] = {}
    for component in components:
        for name, layer in getattr(pipeline, component).named_modules():
            if not name.endswith(("to_q", "to_k", "to_v", "to_out.0", "q_proj", "v_proj")):
                continue
            key = f"{component}.{file_name(component, name)}.lora"
            tensors |= random_pair(key, layer, rank, generator)
    folder.mkdir(parents=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def random_pair(key: str, layer: Any, rank: int, generator: torch.Generator) -> dict[str, Any]:
    """Return random matrices for a linear layer or a convolution."""
    rows, *sides = layer.weight.shape
    down = torch.randn(rank, *sides, generator=generator)
    up = torch.randn(rows, rank, *(1,) * len(sides[1:]), generator=generator)
    return {f"{key}_A.weight": down / math.prod(sides) ** 0.5, f"{key}_B.weight": up * 0.3}


def add_convolutions(folder: Path, pipeline: Any, rank: int) -> None:
    """Add random weights for a UNet's convolutions, as LoCon has them; write the manifest after it.

    They are of 3 x 3, of two pixels a step, and in SD 1 of 1 x 1.
    """
    tensors, generator = load_file(folder / WEIGHTS), torch.Generator().manual_seed(rank)
    for name, layer in pipeline.unet.named_modules():
        if name.endswith(("conv1", "downsamplers.0.conv", "proj_in")):
            tensors |= random_pair(f"unet.{name}.lora", layer, rank, generator)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def write_manifest(folder: Path, base: Path, rank: int, **changes: Any) -> None:
    card = BaseCard.model_validate_json((base / "base.json").read_bytes())
    weights = (folder / WEIGHTS).read_bytes()
    manifest = AdapterManifest(
        job_id="0" * 32,
        base_id=card.base_id,
        base_revision=card.revision,
        base_sha256=card.sha256,
        family=card.family,
        prediction_type=card.prediction_type,
        rank=rank,
        lora_alpha=rank,
        trigger_word="sks",
        resolution=64,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
    )
    text = manifest.model_copy(update=changes).model_dump_json()
    (folder / "manifest.json").write_text(text)


def pack_user(root: Path, number: int, adapter: Path | None, tenant: str = "acme") -> User:
    """Write a user's package as SageMaker unpacks it; without an adapter it is the base itself."""
    url = root / f"hash{number}" / "model"
    shutil.copytree(RELEASED, url / PACKAGE_FOLDER, ignore=shutil.ignore_patterns("__pycache__"))
    target = url / PACKAGE_FOLDER / "1/adapter"
    owner = hashlib.sha256(tenant.encode()).hexdigest() if adapter else None
    card = PackageCard(tenant_sha256=owner, adapter=adapter is not None)
    target.with_name("package.json").write_text(card.model_dump_json())
    if adapter:
        shutil.copytree(adapter, target)
    return User(number, url, target)


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])

    @property
    def outputs(self) -> dict[str, list[str]]:
        return {tensor["name"]: tensor["data"] for tensor in json.loads(self.body)["outputs"]}

    @property
    def files(self) -> list[bytes]:
        return [base64.b64decode(text) for text in self.outputs["generated_image"]]

    @property
    def pictures(self) -> list[Picture]:
        return [np.array(Image.open(io.BytesIO(file)), dtype=np.int16) for file in self.files]

    @property
    def picture(self) -> Picture:
        assert self.status == 200, self.body
        return self.pictures[0]

    @property
    def info(self) -> GenerationInfo:
        return GenerationInfo.model_validate_json(self.outputs["info"][0])


@dataclass
class Server:
    """A running ``serve``."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    users: list[User] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Headers | None = None,
        timeout: float = PATIENCE_SECONDS,
    ) -> Reply:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body or None,
            method=method,
            headers=headers or {},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
                return Reply(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Reply(error.code, error.read(), dict(error.headers))

    def load(self, user: User) -> Reply:
        body = json.dumps({"model_name": user.name, "url": str(user.url)}).encode()
        return self.call("POST", "/models", body, address(user, JSON))

    def unload(self, user: User, timeout: float = PATIENCE_SECONDS) -> Reply:
        headers = address(user, JSON)
        return self.call("DELETE", f"/models/{user.name}", headers=headers, timeout=timeout)

    def invoke(self, user: User, body: bytes, content_type: str = JSON) -> Reply:
        path = f"/models/{user.name}/invoke"
        return self.call("POST", path, body, address(user, content_type))

    def draw(self, user: User, prompt: str = "a photo of sks person", **arguments: Any) -> Reply:
        return self.invoke(user, payload(prompt=prompt, gen_args={**SMALL, **arguments}))

    def stubs(self) -> dict[str, int]:
        """Process ids of the models' processes, by command line."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes()
                if (
                    b"python_backend_stub" in line
                    and f"likeness_{self.process.pid}_".encode() in line
                ):
                    found[line.decode(errors="replace")] = int(folder.name)
        return found

    def metrics(self) -> list[dict[str, Any]]:
        """The metric lines that the base wrote for CloudWatch."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"_aws"')]

    def base_pid(self) -> int:
        """Process id of the engine, which holds the base."""
        return self.engine_pids()[0]

    def engine_pids(self) -> list[int]:
        """Process ids of the engines, one for each device; the oldest comes first."""
        return [pid for pid in children(self.process.pid) if is_engine(pid)]


def children(pid: int) -> list[int]:
    """Process ids of a process's children."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def is_engine(pid: int) -> bool:
    """Return whether a process is the engine's, and lives."""
    with contextlib.suppress(OSError):
        return b"serving.engine_process" in Path("/proc", str(pid), "cmdline").read_bytes()
    return False


def address(user: User, content_type: str) -> Headers:
    """Return the headers that SageMaker sends with a request for this user's model."""
    return {"X-Amzn-SageMaker-Target-Model": user.target, "Content-Type": content_type}


def payload(shape: tuple[int, ...] = (1, 1), **texts: Any) -> bytes:
    """Return a KServe request with one value in each named tensor."""
    inputs = [
        {
            "name": name,
            "shape": list(shape),
            "datatype": "BYTES",
            "data": [value if isinstance(value, str) else json.dumps(value)],
        }
        for name, value in texts.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


@contextlib.contextmanager
def serving(base_uri: str, work: Path, **environment: str) -> Iterator[Server]:
    """Run ``serve``; yield when /ping answers 200."""
    port = free_port()
    log = work / "serve.log"
    with log.open("wb") as handle:
        process = subprocess.Popen(
            [sys.executable, ROOT / "serving_image/serve"],
            stdout=handle,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {
                "SAGEMAKER_MULTI_MODEL": "true",
                "SAGEMAKER_BIND_TO_PORT": str(port),
                "LIKENESS_BASE_URI": base_uri,
                "LIKENESS_CACHE_DIR": str(work / "cache"),
                "LIKENESS_REQUEST_SECONDS": str(PATIENCE_SECONDS),
            }
            | environment,
        )
    server = Server(process, port, log)
    try:
        wait_until_ready(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def wait_until_ready(server: Server) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        assert server.process.poll() is None, server.log.read_text(errors="replace")[-4000:]
        with contextlib.suppress(OSError):
            if server.call("GET", "/ping", timeout=5).status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(server.log.read_text(errors="replace")[-4000:])
