"""Triton's Python module, as far as the resident base uses it."""

from collections.abc import Sequence
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


def get_input_tensor_by_name(request: dict[str, Tensor], name: str) -> Tensor | None:
    return request.get(name)


def module() -> ModuleType:
    """Return what ``import triton_python_backend_utils`` finds in Triton's own process."""
    made = ModuleType("triton_python_backend_utils")
    vars(made).update(
        Tensor=Tensor,
        InferenceResponse=Response,
        TritonError=str,
        get_input_tensor_by_name=get_input_tensor_by_name,
    )
    return made
