"""ImportReport: how each setting of another tool's file was used."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document

Tool = Literal[
    "kohya",
    "avatar",
    "replicate",
    "fal",
    "astria",
    "ai-toolkit",
    "onetrainer",
    "simpletuner",
    "diffusers",
    "autotrain",
    "invoke-training",
]
"""Tools whose settings are read as a request."""


class ImportedSetting(Document):
    """One setting of the file, without its value."""

    name: Annotated[str, Field(max_length=80)]
    """Name of the setting in the file."""

    ours: str | None = None
    """Field of TrainingRequest that the setting became; absent: none."""

    note: Annotated[str, Field(max_length=200)] = ""
    """Explanation, where one is needed."""


class ImportReport(Document):
    """For the owner: which settings count, which were translated, which have no effect."""

    schema_version: Literal[1] = 1

    tool: Tool

    honoured: tuple[ImportedSetting, ...] = ()
    """Settings with the same meaning and the same value."""

    mapped: tuple[ImportedSetting, ...] = ()
    """Settings with the same meaning in other terms."""

    ignored: tuple[ImportedSetting, ...] = ()

    assumed: tuple[ImportedSetting, ...] = ()
    """Settings that the file leaves out, and whose default in the tool differs from ours: the
    tool's default is used."""
