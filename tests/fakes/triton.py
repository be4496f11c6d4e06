"""Triton's Python module, as far as our models use it."""

from collections.abc import Sequence
from threading import Event
from types import ModuleType
from typing import Any


class Tensor:
    """A name and an array."""

    def __init__(self, name: str, values: Any) -> None:
        self.name = name
        self.values = values

    def as_numpy(self) -> Any:
        return self.values


class Response:
    """What a client would get."""

    def __init__(self, outputs: Sequence[Tensor] = (), error: str | None = None) -> None:
        self.outputs = {tensor.name: tensor.values for tensor in outputs}
        self.error = error


class Request(dict[str, Tensor]):
    """A request by tensor, which keeps its answer."""

    ident = ""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__(tensors)
        self.answered = Event()
        self.answers: list[Response] = []

    def request_id(self) -> str:
        return self.ident

    def get_response_sender(self) -> "Request":
        return self

    def send(self, response: Response, flags: int) -> None:
        assert flags == FINAL
        self.answers.append(response)
        self.answered.set()

    def answer(self) -> Response:
        """Wait for the only answer."""
        assert self.answered.wait(600)
        (only,) = self.answers
        return only


FINAL = 1


def get_input_tensor_by_name(request: Request, name: str) -> Tensor | None:
    return request.get(name)


def module() -> ModuleType:
    """Return what ``import triton_python_backend_utils`` finds in Triton's own process."""
    made = ModuleType("triton_python_backend_utils")
    vars(made).update(
        Tensor=Tensor,
        InferenceResponse=Response,
        TritonError=str,
        TRITONSERVER_RESPONSE_COMPLETE_FINAL=FINAL,
        get_input_tensor_by_name=get_input_tensor_by_name,
    )
    return made
