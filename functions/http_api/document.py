"""The OpenAPI 3.1 document of the HTTP API, made from its routes and the contracts."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from contracts.documents.api.problem import PROBLEM_TYPE, Problem
from http_api.front import OPEN, Front
from http_api.idempotency import MAX_CHARACTERS
from http_api.problems import STATUS

TITLE, VERSION = "Likeness", "1.0.0"
ADDRESS = "/v1/openapi.json"
DESCRIPTION = "Photos in, a personal image model out. Guide and examples: docs/api.md."
REF = "#/components/schemas/"

Json = dict[str, Any]


def document(front: Front) -> Json:
    """Return the document; every operation says which errors it may answer."""
    found: Json = front.resolver.get_openapi_schema(
        title=TITLE, version=VERSION, description=DESCRIPTION
    ).model_dump(mode="json", by_alias=True, exclude_none=True)
    schemas = found["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(name, None)
    made = Problem.model_json_schema(ref_template=f"{REF}{{model}}")
    schemas |= {**made.pop("$defs", {}), "Problem": made}
    found["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"bearer": []}]
    found["servers"] = [{"url": "/", "description": "the stack's output ApiUrl"}]
    routes = dict(_routes(front))
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            operation["operationId"] = routes[path, method].__name__
            operation["description"] = inspect.getdoc(routes[path, method]) or ""
            _complete(path, method, operation)
    return found


def _routes(front: Front) -> Iterator[tuple[tuple[str, str], Callable[..., Any]]]:
    """Yield the function of each route; its name is that of the clients' methods."""
    resolver: Any = front.resolver
    for route in resolver._static_routes + resolver._dynamic_routes:  # noqa: SLF001 - no other way
        yield (route.openapi_path, route.method.lower()), route.func


def _complete(path: str, method: str, operation: Json) -> None:
    """Add the errors, the id and the headers that all operations share."""
    operation["responses"].pop("422", None)
    if f"{method.upper()} {path}" in OPEN:
        operation["security"] = []
    begins = path.endswith(":withdraw") or (method == "post" and path == "/v1/exports")
    if begins or "erasure" in operation["tags"]:
        begun = operation["responses"]["200"] | {"description": "Accepted: it goes on"}
        operation["responses"]["202"] = begun
    for status in sorted({*STATUS.values()}):
        operation["responses"][str(int(status))] = {
            "description": status.phrase,
            "content": {PROBLEM_TYPE: {"schema": {"$ref": f"{REF}Problem"}}},
        }
    # API Gateway's own words, for a request without a header and for its own throttle.
    for own in ("401", "429"):
        operation["responses"][own]["content"]["application/json"] = {
            "schema": {"type": "object", "properties": {"message": {"type": "string"}}}
        }
    # Nobody's tenant remembers what a door for everybody was answered.
    if method == "post" and f"POST {path}" not in OPEN:
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "A repeated request with the same key is answered as before.",
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS},
            }
        )
