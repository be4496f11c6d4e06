"""The state of an import of another tool's settings: fields so far, problems, and the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.documents.upload.imported import ImportedSetting, ImportReport, Tool
from contracts.documents.upload.problems import RequestProblem
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_RANK
from domain.requests.networks import NO_WHOLE_MATRIX
from domain.requests.request_json import printable

MAX_NOTE = 200
"""Characters of a note in a report."""


@dataclass(kw_only=True)
class ImportState:
    """What an import has translated so far."""

    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the request."""
    theirs: dict[str, str] = field(default_factory=dict)
    """Our field -> the file's name for it."""
    problems: list[RequestProblem] = field(default_factory=list)
    lists: dict[str, list[ImportedSetting]] = field(
        default_factory=lambda: {"honoured": [], "mapped": [], "ignored": [], "assumed": []}
    )
    """The report's lists."""

    def shown(self, name: str) -> str:
        """Return a setting's name as its owner knows it."""
        return name

    def put(self, kind: str, name: str, ours: str, value: object, note: str = "") -> None:
        """Set a field of the request; two settings for one field must agree."""
        if ours in self.fields and self.fields[ours] != value:
            self.refuse(name, f"{self.theirs.get(ours, ours)} has another value.")
        self.fields[ours] = value
        self.theirs[ours] = name
        self.report(kind, name, ours, note)

    def take_back(self, ours: str, why: str) -> None:
        """Remove a field again, and report its setting as ignored."""
        del self.fields[ours]
        name = self.theirs.pop(ours, ours)
        for kind, settings in self.lists.items():
            self.lists[kind] = [one for one in settings if one.name != self.shown(name)]
        self.report("ignored", name, None, why)

    def take_back_useless(self) -> None:
        """Remove the fields that have no effect beside the others; tools write every setting."""
        for ours, why in without_effect(self.fields).items():
            self.take_back(ours, f"It has no effect {why}.")

    def refuse_whole_matrix(self) -> None:
        """Refuse a rank by which other tools' LoKr is known to mean a whole matrix: 10000."""
        rank = self.fields.get("rank")
        if self.fields.get("adapter_type") == "lokr" and type(rank) is int and rank > MAX_RANK:
            del self.fields["rank"]
            self.refuse(self.theirs.pop("rank", "rank"), NO_WHOLE_MATRIX)

    def report(self, kind: str, name: str, ours: str | None, note: str = "") -> None:
        """List a setting in the report."""
        setting = ImportedSetting(name=self.shown(name), ours=ours, note=note[:MAX_NOTE])
        self.lists[kind].append(setting)

    def refuse(self, name: str, message: str) -> None:
        """Add a problem."""
        self.problems.append(RequestProblem(field=printable(self.shown(name)), message=message))

    def report_of(self, tool: Tool) -> ImportReport:
        """Return the report."""
        return ImportReport(tool=tool, **{kind: tuple(v) for kind, v in self.lists.items()})


def as_ignored(report: ImportReport, name: str, why: str) -> ImportReport:
    """Return the report with one of its settings among those that were ignored.

    >>> found = ImportReport(tool="fal", honoured=(ImportedSetting(name="a", ours="b"),))
    >>> as_ignored(found, "a", "Why.").ignored[0].note
    'Why.'
    """
    kinds = ("honoured", "mapped", "ignored")
    left = {kind: tuple(one for one in getattr(report, kind) if one.name != name) for kind in kinds}
    left["ignored"] += (ImportedSetting(name=name, note=why[:MAX_NOTE]),)
    return report.model_copy(update=left)


def without_effect(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that have no effect beside the others, each with the reason.

    Other tools write every setting, also those that count only with another value of a second one.

    >>> without_effect({"lr_scheduler": "constant", "lr_warmup_steps": 100})
    {'lr_warmup_steps': 'with lr_scheduler constant'}
    """
    known = {name: v for name, v in fields.items() if name in TrainingRequest.model_fields}
    useless = TrainingRequest.model_construct(**known).without_effect()
    if known.get("optimizer", "adamw") != "adamw" and known.get("use_8bit_adam"):
        useless["use_8bit_adam"] = f"with optimizer {known['optimizer']}"
    return {name: why for name, why in useless.items() if name in known}
