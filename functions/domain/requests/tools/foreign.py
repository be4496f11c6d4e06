"""Read another tool's document, told by its names, as a request with a report on each setting."""

from collections.abc import Mapping
from typing import Any

from contracts.documents.upload.imported import Tool
from domain.requests.tools.ai_toolkit import read_job
from domain.requests.tools.diffusers_scripts import read_arguments
from domain.requests.tools.hosted import read_service
from domain.requests.tools.onetrainer import read_onetrainer
from domain.requests.tools.simpletuner import ALONE, Beside, read_simpletuner
from domain.requests.tools.translation import ForeignRequest, Reading, translate


def read_foreign(given: Mapping[str, Any], tool: Tool, beside: Beside = ALONE) -> ForeignRequest:
    """Return the request in a document of a tool; only SimpleTuner's has files ``beside`` it."""
    return translate(tool, _reading(given, tool, beside))


def _reading(given: Mapping[str, Any], tool: Tool, beside: Beside) -> Reading:
    if tool == "ai-toolkit":
        return read_job(given)
    if tool == "onetrainer":
        return read_onetrainer(given)
    if tool == "simpletuner":
        return read_simpletuner(given, beside)
    if tool == "diffusers":
        return read_arguments(given)
    return read_service(dict(given), tool)
