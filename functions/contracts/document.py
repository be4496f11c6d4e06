"""What every document is: frozen, complete, without unknown fields; and the names they share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Document(BaseModel):
    """Frozen; refuses unknown fields. Its attribute docstrings become its JSON Schema."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )


JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""Hash of tenant, photos, request, base and code generation: safe as a name, a key and a path."""

PlanId = JobId
"""Names one TrainingPlan; the job id itself when the plan holds a single task."""

OpaqueId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""A tenant or an upload, as the client names it. Never a person's name or address."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or "\\" in path:
        message = "a path must stay inside its folder"
        raise ValueError(message)
    return path


RelativePath = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_inside)]
"""A file inside a known folder, with forward slashes."""

S3Uri = Annotated[str, StringConstraints(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S*$")]
"""A place in S3 that we named; never one that a user typed."""
