"""The base of every document: frozen, complete, without unknown fields; and shared types."""

from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError


class Document(BaseModel):
    """Frozen; refuses unknown fields. Its attribute docstrings become its JSON Schema.

    A field with an alias has that alias as its name in JSON, because stored documents have it.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        protected_namespaces=(),
        serialize_by_alias=True,
        validate_by_alias=True,
        validate_by_name=True,
    )


def is_number(annotation: object) -> bool:
    """Return whether a field's type is a number, or a list of numbers.

    >>> is_number(int | None), is_number(tuple[float, ...]), is_number(bool)
    (True, True, False)
    """
    return annotation in (int, float) or any(map(is_number, get_args(annotation)))


class NumbersDocument(Document):
    """Refuses true and false for numbers, which pydantic would take for 1 and 0."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_flags(cls, given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - JSON
        values = given if isinstance(given, list | tuple) else (given,)
        is_flag = any(isinstance(value, bool) for value in values)
        if is_flag and is_number(cls.model_fields[str(info.field_name)].annotation):
            raise PydanticCustomError("flag_for_number", "Must be a number, not true or false")
        return given


JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""Hash of tenant, photos, request, base and code generation. Safe as a name, a key and a path."""

PlanId = JobId
"""Id of a TrainingPlan; the job's id when the plan has a single task."""

OpaqueId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""The client's name for a tenant or an upload. Never a person's name or address."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or "\\" in path:
        message = "a path must stay inside its folder"
        raise ValueError(message)
    return path


RelativePath = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_inside)]
"""Path of a file inside a known folder, with forward slashes."""

S3Uri = Annotated[str, StringConstraints(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S*$")]
"""A place in S3 that our code has named; never text from a user."""
