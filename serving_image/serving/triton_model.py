"""The resident base's Triton model: copies requests out of Triton, and answers back into it."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from serving.devices import sockets
from serving.forwarding import Request, Response, request_seconds
from serving.names import BASE_PID_FILE
from serving.spread import Spread


class TritonPythonModel:
    """Triton's model interface; Triton calls it from one thread."""

    engines: Spread

    def initialize(self, _args: dict[str, str]) -> None:
        """Wait for the engines; Triton reports ready only after this."""
        run_dir = Path(os.environ["LIKENESS_RUN_DIR"])
        (run_dir / BASE_PID_FILE).write_text(str(os.getpid()))
        self.engines = Spread(sockets(run_dir), request_seconds(), respond)

    def execute(self, requests: list[Any]) -> None:
        """Take requests in; each is answered when it is done."""
        for request in requests:
            made = read_request(request, self.engines.next_number())
            self.engines.forward(made, request.get_response_sender())

    def finalize(self) -> None:
        """Answer what is unfinished."""
        self.engines.close()


def read_request(request: Any, number: int) -> Request:  # noqa: ANN401 (Triton ships no types)
    """Copy a request's tensors; they do not outlive ``execute``."""
    return Request(
        number=number,
        prompt=read_input(request, "prompt"),
        negative_prompt=read_input(request, "negative_prompt"),
        gen_args=read_input(request, "gen_args"),
        image=read_input(request, "image"),
        adapter=read_input(request, "adapter"),
        request_id=request.request_id(),
        # Packages of formats 1 to 4 do not send it.
        received=float(read_input(request, "received") or time.monotonic()),
    )


def read_input(request: Any, name: str) -> bytes:  # noqa: ANN401
    """Return the only value of an input tensor; empty when the request lacks the tensor."""
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        return b""
    value = tensor.as_numpy().reshape(-1)[0]
    return value if isinstance(value, bytes) else str(value).encode()


def respond(sender: Any, response: Response) -> None:  # noqa: ANN401
    """Send a request's only answer."""
    sender.send(make_response(response), flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def make_response(response: Response) -> Any:  # noqa: ANN401
    """Return Triton's response."""
    if response.error:
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(response.error))
    return pb_utils.InferenceResponse(
        [
            pb_utils.Tensor("generated_image", np.array([response.pictures], dtype=object)),
            pb_utils.Tensor("info", np.array([[response.info]], dtype=object)),
        ]
    )
