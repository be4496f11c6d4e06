"""Read another tool's document, told by its names, as a request with a report on each setting."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.documents.upload.imported import Tool
from domain.requests.tools.ai_toolkit import read_job
from domain.requests.tools.diffusers_scripts import read_arguments
from domain.requests.tools.hosted import read_service
from domain.requests.tools.onetrainer import read_onetrainer
from domain.requests.tools.simpletuner import read_simpletuner
from domain.requests.tools.translation import ForeignRequest, Reading, translate


def read_foreign(
    given: Mapping[str, Any], tool: Tool, backends: Sequence[Any] | None = None
) -> ForeignRequest:
    """Return the request in a document of a tool; ``backends`` are SimpleTuner's datasets."""
    return translate(tool, _reading(given, tool, backends))


def _reading(given: Mapping[str, Any], tool: Tool, backends: Sequence[Any] | None) -> Reading:
    if tool == "ai-toolkit":
        return read_job(given)
    if tool == "onetrainer":
        return read_onetrainer(given)
    if tool == "simpletuner":
        return read_simpletuner(given, backends)
    if tool == "diffusers":
        return read_arguments(given)
    return read_service(dict(given), tool)
