"""ImportReport: what became of every setting of another tool's file."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document


class ImportedSetting(Document):
    """One of their settings; no value of it is repeated."""

    name: Annotated[str, Field(max_length=80)]
    """As it stands in the file."""

    ours: str | None = None
    """The field of TrainingRequest that it became; absent: none."""

    note: Annotated[str, Field(max_length=200)] = ""
    """What was done with it, where that is not plain."""


class ImportReport(Document):
    """For the owner: what counts, what was translated, what does nothing here."""

    schema_version: Literal[1] = 1

    tool: Literal["kohya", "avatar"]

    honoured: tuple[ImportedSetting, ...] = ()
    """The same meaning and the same value."""

    mapped: tuple[ImportedSetting, ...] = ()
    """The same meaning in other terms."""

    ignored: tuple[ImportedSetting, ...] = ()

    assumed: tuple[ImportedSetting, ...] = ()
    """Not in the file: the tool's own default was carried over, since it differs from ours."""
