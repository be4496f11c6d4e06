"""One user's model: checks its adapter, then forwards every request to the resident base.

It runs in a process of its own for every user, so it imports neither torch nor pydantic (18 MB of
memory instead of 1.3 GB). The text is released: PublishAdapter packs it as it stands.
"""

import fcntl
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from importlib import import_module
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock, Thread
from typing import Any

LARGEST_HEADER = 8 << 20


class Inspection(Thread):
    """Looks at the package; ``error`` is what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.error: Exception | None = None

    def run(self) -> None:
        """Check the weights, unless this is the base itself."""
        try:
            if has_adapter(self.folder):
                check_adapter(self.folder / "adapter")
        except Exception as error:  # noqa: BLE001 (whatever it is, the package is refused)
            self.error = error


def has_adapter(folder: Path) -> bool:
    """Return False for the base itself; packages of the first release have no package.json."""
    card = folder / "package.json"
    return not card.exists() or bool(json.loads(card.read_bytes())["adapter"])


def check_adapter(folder: Path) -> None:
    """Raise unless the weights are a whole safetensors file and the one its manifest names."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    weights = folder / Path(manifest["weights"]).name
    check_safetensors(weights)
    with weights.open("rb") as handle, mmap(handle.fileno(), 0, access=ACCESS_READ) as content:
        digest = hashlib.sha256(content).hexdigest()
    if digest != manifest["weights_sha256"]:
        message = "the weights are not the manifest's"
        raise ValueError(message)


def check_safetensors(path: Path) -> None:
    """Raise unless the header is whole and the file ends where the header says."""
    with path.open("rb") as handle:
        size = int.from_bytes(handle.read(8), "little")
        if size > LARGEST_HEADER:
            message = "not a safetensors file"
            raise ValueError(message)
        header = json.loads(handle.read(size))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    if not ends or path.stat().st_size != 8 + size + max(ends):
        message = "a truncated safetensors file"
        raise ValueError(message)


INSPECTION = Inspection(Path(__file__).parent)
INSPECTION.start()  # hashing 31 MB takes 30 ms, and needs no interpreter; the next line takes 100

import numpy as np  # noqa: E402
import triton_python_backend_utils as pb_utils  # noqa: E402

INPUTS = {"prompt": b"", "negative_prompt": b"", "gen_args": b"{}", "image": b""}
"""What a client may send, and what an absent tensor means."""

OUTPUTS = ["generated_image", "info"]

MAX_REQUESTS = 16
"""Requests of this model that may be unanswered; one more is "busy"."""

FAILED = "likeness/generation_failed: the base could not answer"

BUSY = "likeness/busy: the model has too many requests, try again"

OUR_ERROR = re.compile(r"^likeness/[a-z_]+: [^\n]{0,300}$")
"""An error of the base in our own words. Anything else could repeat a user's text, and Triton turns
a text with "OOM" into a 507, for which SageMaker evicts other users' models."""

DEAD_STUB = "is not healthy"
"""Triton's own words when the base's process has died; Triton does not start it again."""

TARGET_MODEL = re.compile(r"^[0-9a-f]{32}-[0-9a-f]{12}\.tar\.gz$")


class TritonPythonModel:
    """What Triton calls."""

    def initialize(self, args: dict[str, str]) -> None:
        """Refuse a damaged adapter now, so that SageMaker answers the first request with a 4xx."""
        self.adapter = Path(args["model_repository"], args["model_version"], "adapter")
        config = json.loads(args["model_config"])
        self.base = config["parameters"]["base_model"]["string_value"]
        INSPECTION.join()
        if INSPECTION.error:
            kind = type(INSPECTION.error).__name__
            raise pb_utils.TritonModelException(f"likeness/adapter_invalid: {kind} in the package")
        self.entry = announce(args["model_name"], self.adapter)
        self.lock = Lock()
        self.unanswered = 0

    def finalize(self) -> None:
        """No longer be there for other models of the tenant."""
        if self.entry and self.entry.is_file() and self.entry.read_text() == str(self.adapter):
            self.entry.unlink()

    def execute(self, requests: list[Any]) -> None:
        """Have each request answered by a thread of its own; all are in the base at once."""
        if "asyncio" not in sys.modules:
            # Triton's stub imports it when it sends a model's first answer. Those 30 ms pass now,
            # while the base reads the adapter and draws.
            Thread(target=import_module, args=("asyncio",)).start()
        for request in requests:
            sender, inputs = request.get_response_sender(), self.make_inputs(request)
            with self.lock:
                full = self.unanswered >= MAX_REQUESTS
                self.unanswered += not full
            if full:
                send(sender, error(BUSY))
            else:
                Thread(target=self.answer, args=(sender, inputs, request.request_id())).start()

    def make_inputs(self, request: Any) -> list[Any]:  # noqa: ANN401 (Triton ships no types)
        """Return the base's inputs: the client's, this model's adapter, and the time now."""
        ours = (
            ("adapter", str(self.adapter).encode()),
            ("received", repr(time.monotonic()).encode()),
        )
        return [
            pb_utils.Tensor(name, np.array([[value]], dtype=object))
            for name, value in (*read_inputs(request), *ours)
        ]

    def answer(self, sender: Any, inputs: list[Any], request_id: str) -> None:  # noqa: ANN401
        """Forward one request; when the base has died, bring it back and forward again."""
        try:
            reply = self.ask_base(inputs, request_id)
            if reply.has_error() and DEAD_STUB in reply.error().message():
                reply = self.ask_revived_base(inputs, request_id)
            response = forward(reply)
        except Exception:  # noqa: BLE001 (a request without an answer would block the unload)
            response = error(FAILED)
        with self.lock:
            self.unanswered -= 1
        send(sender, response)

    def ask_base(self, inputs: list[Any], request_id: str) -> Any:  # noqa: ANN401
        """Run the resident base."""
        return pb_utils.InferenceRequest(
            model_name=self.base,
            requested_output_names=OUTPUTS,
            inputs=inputs,
            request_id=request_id,
        ).exec()

    def ask_revived_base(self, inputs: list[Any], request_id: str) -> Any:  # noqa: ANN401
        """Load the dead base anew; of several users' models, one does it and the others wait."""
        lock = Path(os.environ.get("LIKENESS_RUN_DIR", tempfile.gettempdir()), "revive.lock")
        with lock.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            reply = self.ask_base(inputs, request_id)
            if not (reply.has_error() and DEAD_STUB in reply.error().message()):
                return reply  # another user's model has done it while this one waited
            pb_utils.unload_model(self.base)
            pb_utils.load_model(self.base)
        return self.ask_base(inputs, request_id)


def forward(reply: Any) -> Any:  # noqa: ANN401
    """Return the base's answer as this model's."""
    if reply.has_error():
        text = safe_text(reply.error().message())
        return error(text)
    outputs = [pb_utils.get_output_tensor_by_name(reply, name) for name in OUTPUTS]
    return pb_utils.InferenceResponse(
        [
            pb_utils.Tensor(name, tensor.as_numpy())
            for name, tensor in zip(OUTPUTS, outputs, strict=True)
        ]
    )


def error(text: str) -> Any:  # noqa: ANN401
    """Return an answer that is an error."""
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(text))


def send(sender: Any, response: Any) -> None:  # noqa: ANN401
    """Send a request's only answer."""
    sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def announce(name: str, adapter: Path) -> Path | None:
    """Write down where this model lies, for the base to find when another model names it."""
    run_dir = os.environ.get("LIKENESS_RUN_DIR")
    if run_dir is None or TARGET_MODEL.match(name) is None:
        return None
    entry = Path(run_dir, "loaded", name)
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(str(adapter))
    return entry


def read_inputs(request: Any) -> list[tuple[str, bytes]]:  # noqa: ANN401
    """Return every input's only value, in order."""
    values = []
    for name, absent in INPUTS.items():
        tensor = pb_utils.get_input_tensor_by_name(request, name)
        values.append((name, absent if tensor is None else tensor.as_numpy().reshape(-1)[0]))
    return values


def safe_text(message: str) -> str:
    """Return an error in our own words."""
    if OUR_ERROR.match(message):
        return message
    if DEAD_STUB in message:
        return "likeness/base_unavailable: the base has died and did not come back"
    return FAILED
