"""Aliases: one name for several versions of a model, among which callers are shared out."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.api.numbers import NUMBER

AliasName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""Shorter than a model's id, so the two never meet. No name of a person."""

ModelOrAlias = Annotated[
    str, StringConstraints(pattern=r"^([0-9a-f]{32}|[a-z][a-z0-9-]{0,30})$", max_length=32)
]
"""A model's id, or an alias."""

MAX_VERSIONS = 5

SECONDS = (1, 2, 4, 8, 16, 32, 64)
"""Upper ends of the classes in which times are counted; the last class has no end."""


class Version(Document):
    """One model of an alias."""

    model_id: JobId

    weight: Annotated[float, Field(ge=0, le=1000), NUMBER]
    """Its share of the callers, compared with the other versions' weights; 0: none."""


class Alias(Document):
    """A row of the ``api`` table."""

    schema_version: Literal[1] = 1

    tenant: OpaqueId

    name: AliasName

    versions: Annotated[tuple[Version, ...], Field(min_length=1, max_length=MAX_VERSIONS)]

    created_at: str

    updated_at: str


class Figures(Document):
    """What became of the orders of one version. Every field is a sum, so rows are only added to."""

    drawn: Annotated[int, Field(ge=0)] = 0
    """Orders that have their pictures."""

    pictures: Annotated[int, Field(ge=0)] = 0

    refused: Annotated[int, Field(ge=0)] = 0
    """Orders that ended for a reason that lies with the caller: a blocked word, for example."""

    failed: Annotated[int, Field(ge=0)] = 0
    """Orders that ended for another reason."""

    milliseconds: Annotated[int, Field(ge=0)] = 0
    """Time of all drawn orders, from asking the endpoint until the pictures were stored."""

    by_seconds: Annotated[tuple[int, ...], Field(min_length=8, max_length=8)] = (0,) * 8
    """Drawn orders by the class of their time; see SECONDS."""

    ratings: int = 0
    """Orders whose likeness was rated."""

    stars: int = 0
    """Sum of the ratings."""


class NewAlias(Document):
    """Body of ``POST /v1/aliases``: an alias is made, or gets these versions instead of its own."""

    name: AliasName

    versions: Annotated[tuple[Version, ...], Field(min_length=1, max_length=MAX_VERSIONS)]


class Promotion(Document):
    """Body of ``POST /v1/aliases/{alias}:promote``."""

    model_id: JobId
    """One of the alias's versions: all callers get it from now on."""


class VersionView(Document):
    """One version, and what was measured of it."""

    model_id: JobId

    weight: float

    share: float
    """Share of the callers, 0 to 1."""

    present: bool
    """Whether the model is still there: callers of an erased one get another version."""

    drawn: int

    pictures: int

    refused: int

    failed: int

    mean_seconds: float | None
    """Null: nothing was drawn yet."""

    half_within_seconds: int | None
    """Half of the drawn orders took at most this long; null: nothing was drawn, or more than 64."""

    most_within_seconds: int | None
    """The same of 95 of 100."""

    likeness: float | None
    """Likeness that the gate measured on held-out photos when the model was trained, -1 to 1.

    Null: it measured none, or this is a list; an alias's own address has it."""

    rating: float | None
    """Mean of the callers' ratings of likeness, 1 to 5; null: nobody has rated."""

    ratings: int


class AliasView(Document):
    """An alias."""

    object: Literal["alias"] = "alias"

    id: AliasName

    versions: tuple[VersionView, ...]

    created_at: str

    updated_at: str


class AliasPage(Document):
    """The tenant's aliases, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[AliasView, ...]


class NewRating(Document):
    """Body of ``POST /v1/pictures/{id}:rate``."""

    stars: Annotated[int, Field(ge=1, le=5), NUMBER]
    """How much the pictures look like the subject: 1, not at all, to 5."""
