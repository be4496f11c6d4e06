"""Pictures from a personal model, in a line of Python or on the command line.

    from likeness_client import Likeness
    answer = Likeness("likeness-endpoint").generate("<target model>", "a photo of sks person")
    answer.pictures[0].save("me.png")

The target model and its trigger word stand in the notice that ended the training. It speaks to AWS,
or to the laptop when AWS_ENDPOINT_URL names it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.documents.hosting import ModelAnswer, ModelQuestion
    from likeness_client.answer import Answer, Picture
    from likeness_client.client import Likeness
    from likeness_client.errors import GenerationError
    from likeness_client.functions import FunctionFailedError
    from likeness_client.models import ask, choose
    from likeness_client.store import NotStoredError

__all__ = [
    "Answer",
    "FunctionFailedError",
    "GenerationError",
    "Likeness",
    "ModelAnswer",
    "ModelQuestion",
    "NotStoredError",
    "Picture",
    "__version__",
    "ask",
    "choose",
]

__version__ = "0.2.0"
"""The only place that says it: pyproject.toml and ``likeness --version`` read it here."""

_HOMES = {
    "Answer": "answer",
    "Picture": "answer",
    "Likeness": "client",
    "GenerationError": "errors",
    "FunctionFailedError": "functions",
    "ModelAnswer": "models",
    "ModelQuestion": "models",
    "ask": "models",
    "choose": "models",
    "NotStoredError": "store",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import a public name when it is first used.

    The photo decoder's child process belongs to this package in the wheel, and must not wait for
    boto3 at every photo.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
