"""/v1/openapi.json: the API's own description, for everybody; docs/openapi.py makes the file."""

import json
from pathlib import Path
from typing import Any

from http_api.asking import new_router

FILE = Path(__file__).resolve().parents[1] / "openapi.json"

router = new_router()


@router.get("/v1/openapi.json", summary="This document", tags=["about"])
def get_openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found
