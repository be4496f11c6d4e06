"""Read another tool's document, told by its names, as a request with a report on each setting."""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.documents.upload.imported import Tool
from domain.requests.tools.ai_toolkit import read_job
from domain.requests.tools.autotrain import read_autotrain
from domain.requests.tools.diffusers_scripts import read_arguments
from domain.requests.tools.hosted import read_service
from domain.requests.tools.invoke_training import read_invoke_training
from domain.requests.tools.onetrainer import read_onetrainer
from domain.requests.tools.simpletuner import ALONE, Beside, read_simpletuner
from domain.requests.tools.translation import ForeignRequest, Reading, translate

OF_DOCUMENT: Mapping[Tool, Callable[[Mapping[str, Any]], Reading]] = {
    "ai-toolkit": read_job,
    "autotrain": read_autotrain,
    "diffusers": read_arguments,
    "invoke-training": read_invoke_training,
    "onetrainer": read_onetrainer,
}
"""Tool -> what reads its document, which is all that there is."""


def read_foreign(given: Mapping[str, Any], tool: Tool, beside: Beside = ALONE) -> ForeignRequest:
    """Return the request in a document of a tool; only SimpleTuner's has files ``beside`` it."""
    return translate(tool, _reading(given, tool, beside))


def _reading(given: Mapping[str, Any], tool: Tool, beside: Beside) -> Reading:
    if tool == "simpletuner":
        return read_simpletuner(given, beside)
    if tool in OF_DOCUMENT:
        return OF_DOCUMENT[tool](given)
    return read_service(dict(given), tool)
